//! Java writes elliptic-curve keys without their public half, which ring wants; it is in the certificate.

use crate::store::Cursor;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const BITS: u8 = 0x03;
const PUBLIC_HALF: u8 = 0xA1;
/// The certificate's version, when it is not the first.
const VERSION: u8 = 0xA0;
/// The object identifier of elliptic-curve keys, with tag and length.
const EC_KEY: [u8; 9] = [0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01];

/// A PKCS#8 key with the public half of `certificate` put in; anything else comes back as it is.
pub(crate) fn with_public_half(key: Vec<u8>, certificate: &[u8]) -> Vec<u8> {
    completed(&key, certificate).unwrap_or(key)
}

fn completed(key: &[u8], certificate: &[u8]) -> Option<Vec<u8>> {
    let mut outer = Cursor(Cursor(key).element(SEQUENCE)?);
    let version = outer.element(INTEGER)?;
    let algorithm = outer.element(SEQUENCE)?;
    if !algorithm.starts_with(&EC_KEY) {
        return None;
    }
    let mut private = Cursor(Cursor(outer.element(OCTETS)?).element(SEQUENCE)?);
    let private_version = private.element(INTEGER)?;
    let secret = private.element(OCTETS)?;
    if private.0.contains(&PUBLIC_HALF) && private.element(PUBLIC_HALF).is_some() {
        return None;
    }
    let public = tagged(BITS, &[public_half(certificate)?]);
    let private = tagged(
        SEQUENCE,
        &[&tagged(INTEGER, &[private_version]), &tagged(OCTETS, &[secret]), &tagged(PUBLIC_HALF, &[&public])],
    );
    Some(tagged(
        SEQUENCE,
        &[&tagged(INTEGER, &[version]), &tagged(SEQUENCE, &[algorithm]), &tagged(OCTETS, &[&private])],
    ))
}

/// The bit string of the certificate's public key.
fn public_half(certificate: &[u8]) -> Option<&[u8]> {
    let mut body = Cursor(Cursor(Cursor(certificate).element(SEQUENCE)?).element(SEQUENCE)?);
    if body.0.first() == Some(&VERSION) {
        body.element(VERSION)?;
    }
    body.element(INTEGER)?;
    // Signature algorithm, issuer, validity, subject.
    for _ in 0..4 {
        body.element(SEQUENCE)?;
    }
    let mut key = Cursor(body.element(SEQUENCE)?);
    key.element(SEQUENCE)?;
    key.element(BITS)
}

fn tagged(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut out = vec![tag];
    let length = content.len().to_be_bytes();
    match u8::try_from(content.len()) {
        Ok(short @ 0..0x80) => out.push(short),
        _ => {
            let digits = length.iter().position(|byte| *byte != 0).and_then(|first| length.get(first..));
            let digits = digits.unwrap_or_default();
            out.push(0x80 | u8::try_from(digits.len()).unwrap_or(0));
            out.extend(digits);
        }
    }
    out.extend(content);
    out
}
