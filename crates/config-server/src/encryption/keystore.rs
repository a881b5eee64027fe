//! Java key stores: JKS, read here, and PKCS#12. Which of the two a file is, its first bytes say, as in Java.

use p12_keystore::{KeyStore as Pkcs12, KeyStoreEntry, Pkcs12ImportPolicy};
use rsa::RsaPrivateKey;
use rsa::pkcs8::DecodePrivateKey;
use sha1::{Digest, Sha1};

use super::Refusal;
use crate::config::Secret;

#[derive(Debug)]
pub(super) enum KeyStore {
    Jks(Vec<JksEntry>),
    Pkcs12(Pkcs12),
}

/// A private key that is still protected by its own password.
pub(super) struct JksEntry {
    alias: String,
    /// Salt, body and check sum; `None`: the entry is a certificate.
    sealed: Option<Vec<u8>>,
}

impl std::fmt::Debug for JksEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("JksEntry").field(&self.alias).finish()
    }
}

const MAGIC: [u8; 4] = [0xFE, 0xED, 0xFE, 0xED];
const DIGEST: usize = 20;

impl KeyStore {
    /// Opens a store; the error says what is wrong with it.
    pub(super) fn read(bytes: &[u8], password: &Secret) -> Result<Self, String> {
        if bytes.starts_with(&MAGIC) {
            return read_jks(bytes, &password.0).map(Self::Jks);
        }
        Pkcs12::from_pkcs12(bytes, &password.0, Pkcs12ImportPolicy::Relaxed)
            .map(Self::Pkcs12)
            .map_err(|error| format!("neither JKS nor a PKCS#12 store that this password opens: {error}"))
    }

    /// The private key of an alias, in any case of letters.
    pub(super) fn key(&self, alias: &str, password: &Secret) -> Result<RsaPrivateKey, Refusal> {
        let der = match self {
            Self::Jks(entries) => {
                let entry = entries.iter().find(|entry| entry.alias.eq_ignore_ascii_case(alias));
                let sealed = entry.and_then(|entry| entry.sealed.as_ref()).ok_or(Refusal::NotSupported)?;
                unseal(sealed, &password.0).ok_or(Refusal::Invalid)?
            }
            Self::Pkcs12(store) => {
                let mut entries = store.entries().filter(|(name, _)| name.eq_ignore_ascii_case(alias));
                match entries.next() {
                    Some((_, KeyStoreEntry::PrivateKeyChain(chain))) => chain.key().as_der().to_vec(),
                    _ => return Err(Refusal::NotSupported),
                }
            }
        };
        RsaPrivateKey::from_pkcs8_der(&der).map_err(|_| Refusal::NotSupported)
    }
}

/// Reads from the front.
struct Cursor<'b>(&'b [u8]);

impl<'b> Cursor<'b> {
    fn take(&mut self, length: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn u32(&mut self) -> Option<usize> {
        let bytes = self.take(4)?.try_into().ok()?;
        usize::try_from(u32::from_be_bytes(bytes)).ok()
    }

    fn block(&mut self) -> Option<&'b [u8]> {
        let length = self.u32()?;
        self.take(length)
    }

    fn text(&mut self) -> Option<String> {
        let length = u16::from_be_bytes(self.take(2)?.try_into().ok()?);
        String::from_utf8(self.take(usize::from(length))?.to_vec()).ok()
    }
}

fn read_jks(bytes: &[u8], password: &str) -> Result<Vec<JksEntry>, String> {
    let (body, digest) = bytes.split_at(bytes.len().saturating_sub(DIGEST));
    let mut sum = Sha1::new();
    sum.update(utf16(password));
    // A phrase that the format has carried since the first JDK.
    sum.update(b"Mighty Aphrodite");
    sum.update(body);
    if sum.finalize().as_slice() != digest {
        return Err("the password is wrong, or the JKS store is damaged".to_owned());
    }
    entries(&mut Cursor(body)).ok_or_else(|| "the JKS store is cut short".to_owned())
}

fn entries(cursor: &mut Cursor<'_>) -> Option<Vec<JksEntry>> {
    cursor.take(MAGIC.len())?;
    let version = cursor.u32()?;
    let count = cursor.u32()?;
    let mut entries = Vec::new();
    for _ in 0..count {
        let kind = cursor.u32()?;
        let alias = cursor.text()?;
        cursor.take(8)?;
        let sealed = if kind == 1 {
            let sealed = protected(cursor.block()?)?;
            for _ in 0..cursor.u32()? {
                skip_certificate(cursor, version)?;
            }
            Some(sealed)
        } else {
            skip_certificate(cursor, version)?;
            None
        };
        entries.push(JksEntry { alias, sealed });
    }
    Some(entries)
}

fn skip_certificate(cursor: &mut Cursor<'_>, version: usize) -> Option<()> {
    if version == 2 {
        cursor.text()?;
    }
    cursor.block().map(|_| ())
}

/// The octet string of an EncryptedPrivateKeyInfo: SEQUENCE { SEQUENCE algorithm, OCTET STRING }.
fn protected(der: &[u8]) -> Option<Vec<u8>> {
    let mut outer = Cursor(element(&mut Cursor(der), 0x30)?);
    element(&mut outer, 0x30)?;
    element(&mut outer, 0x04).map(<[u8]>::to_vec)
}

fn element<'b>(cursor: &mut Cursor<'b>, tag: u8) -> Option<&'b [u8]> {
    let [found, length] = cursor.take(2)? else { return None };
    if *found != tag {
        return None;
    }
    let length = match length {
        short @ 0..0x80 => usize::from(*short),
        long => cursor
            .take(usize::from(long & 0x7F))
            .filter(|bytes| bytes.len() <= 4)?
            .iter()
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte)),
    };
    cursor.take(length)
}

/// Sun's own key protection: a SHA-1 key stream from the password, and a check sum.
fn unseal(sealed: &[u8], password: &str) -> Option<Vec<u8>> {
    let password = utf16(password);
    let (salt, rest) = sealed.split_at_checked(DIGEST)?;
    let (body, check) = rest.split_at_checked(rest.len().checked_sub(DIGEST)?)?;
    let mut stream = salt.to_vec();
    let mut plain = Vec::with_capacity(body.len());
    for chunk in body.chunks(DIGEST) {
        stream = Sha1::new().chain_update(&password).chain_update(&stream).finalize().to_vec();
        plain.extend(chunk.iter().zip(&stream).map(|(byte, key)| byte ^ key));
    }
    let sum = Sha1::new().chain_update(&password).chain_update(&plain).finalize();
    (sum.as_slice() == check).then_some(plain)
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}
