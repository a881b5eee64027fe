//! The few DER structures that keys and names come in, read without trusting any length.

/// One element: its tag, its content, and what follows.
pub(in crate::security) fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        short @ 0..=0x7f => (usize::from(short), rest),
        0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (
                length
                    .iter()
                    .try_fold(0_usize, |sum, byte| sum.checked_mul(256)?.checked_add(usize::from(*byte)))?,
                rest,
            )
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// The content of an element of this tag, and what follows.
pub(in crate::security) fn expect(bytes: &[u8], wanted: u8) -> Option<(&[u8], &[u8])> {
    element(bytes).filter(|(tag, ..)| *tag == wanted).map(|(_, content, rest)| (content, rest))
}

pub(in crate::security) const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;

/// Modulus and exponent of an RSA key, in SubjectPublicKeyInfo or PKCS#1.
pub(super) fn rsa_numbers(der: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (inner, _) = expect(der, SEQUENCE)?;
    let numbers = match element(inner)? {
        (INTEGER, ..) => inner,
        (SEQUENCE, _, rest) => {
            let (bits, _) = expect(rest, BIT_STRING)?;
            // The first byte counts unused bits.
            expect(bits.split_first()?.1, SEQUENCE)?.0
        }
        _ => return None,
    };
    let (n, rest) = expect(numbers, INTEGER)?;
    let (e, _) = expect(rest, INTEGER)?;
    let plain = |number: &[u8]| number.iter().copied().skip_while(|byte| *byte == 0).collect::<Vec<u8>>();
    Some((plain(n), plain(e)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_never_reach_beyond_their_bytes() {
        assert_eq!(element(&[0x02, 0x01, 0x05, 0x09]), Some((0x02, &[5][..], &[9][..])));
        assert_eq!(element(&[0x02, 0x81, 0x01, 0x05]), Some((0x02, &[5][..], &[][..])));
        for broken in
            [&[][..], &[0x02], &[0x02, 0x02, 0x05], &[0x02, 0x80], &[0x02, 0x84, 0xff, 0xff, 0xff, 0xff]]
        {
            assert_eq!(element(broken), None, "{broken:?}");
        }
        assert_eq!(
            rsa_numbers(&[0x30, 0x07, 0x02, 0x02, 0x00, 0xc1, 0x02, 0x01, 0x03]),
            Some((vec![0xc1], vec![3]))
        );
        assert_eq!(rsa_numbers(b"nonsense"), None);
    }

    #[test]
    fn long_der() {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::generate_simple_self_signed(vec!["a".to_owned()]).unwrap().cert;
        let rsa = [0x30, 0x0a, 0x02, 0x03, 0x00, 0xaa, 0xbb, 0x02, 0x03, 0x01, 0x00, 0x01];
        let words = ["0\u{82}", "\u{2}\u{1}", "\u{3}", "0\u{80}", "\u{0}"];
        wellspring_test_support::fuzz::run(
            "DER of keys and certificates",
            &[certificate.der(), &key.serialize_der(), &rsa],
            &words,
            |bytes, _| {
                if let Some((_, content, rest)) = element(bytes) {
                    assert!(content.len() + rest.len() < bytes.len());
                }
                if let Some((n, e)) = rsa_numbers(bytes) {
                    assert!(n.len() + e.len() < bytes.len());
                }
                crate::security::certificate::subject(bytes);
            },
        );
    }
}
