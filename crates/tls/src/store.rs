//! Java key stores: JKS, read here, and PKCS#12. Which of the two a file is, its first bytes say, as in Java.

use p12_keystore::{KeyStore as Pkcs12, KeyStoreEntry, Pkcs12ImportPolicy};
use sha1::{Digest, Sha1};

const MAGIC: [u8; 4] = [0xFE, 0xED, 0xFE, 0xED];
const DIGEST: usize = 20;

/// An opened store.
#[derive(Debug)]
pub struct Store {
    pub entries: Vec<Entry>,
}

/// One alias.
#[derive(Debug)]
pub struct Entry {
    pub alias: String,
    pub content: Content,
}

/// What stands under an alias; certificates in DER.
pub enum Content {
    Key { key: Key, chain: Vec<Vec<u8>> },
    Trusted(Vec<u8>),
}

/// A private key, in PKCS#8, or still protected by a password of its own.
pub enum Key {
    /// PKCS#12, whose keys have the password of the store.
    Open {
        key: Vec<u8>,
        password: String,
    },
    Sealed(Vec<u8>),
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Key { .. } => "Key",
            Self::Trusted(_) => "Trusted",
        })
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("******")
    }
}

impl Key {
    /// The key in PKCS#8; `None` when the password is wrong, or its protection is not Java's own.
    #[must_use]
    pub fn open(&self, password: &str) -> Option<Vec<u8>> {
        match self {
            Self::Open { key, password: right } => (right == password).then(|| key.clone()),
            Self::Sealed(sealed) => unseal(sealed, password),
        }
    }
}

impl Store {
    /// Opens a store; the error says what is wrong with it.
    pub fn read(bytes: &[u8], password: &str) -> Result<Self, String> {
        if bytes.starts_with(&MAGIC) {
            return read_jks(bytes, password);
        }
        let store = Pkcs12::from_pkcs12(bytes, password, Pkcs12ImportPolicy::Relaxed)
            .map_err(|error| format!("neither JKS nor a PKCS#12 store that this password opens ({error})"))?;
        let entries = store.entries().filter_map(|(alias, entry)| {
            let content = match entry {
                KeyStoreEntry::PrivateKeyChain(pair) => Content::Key {
                    key: Key::Open { key: pair.key().as_der().to_vec(), password: password.to_owned() },
                    chain: pair.certs().iter().map(|certificate| certificate.as_der().to_vec()).collect(),
                },
                KeyStoreEntry::Certificate(certificate) => Content::Trusted(certificate.as_der().to_vec()),
                KeyStoreEntry::Secret(_) => return None,
            };
            Some(Entry { alias: alias.clone(), content })
        });
        Ok(Self { entries: entries.collect() })
    }

    /// The key (PKCS#8) and chain of an alias in any case of letters, or of the first key entry.
    pub fn key(&self, alias: Option<&str>, password: &str) -> Result<(Vec<u8>, &[Vec<u8>]), String> {
        let wanted = |entry: &&Entry| alias.is_none_or(|alias| entry.alias.eq_ignore_ascii_case(alias));
        let found = self.entries.iter().filter(wanted).find_map(|entry| match &entry.content {
            Content::Key { key, chain } => Some((key, chain)),
            Content::Trusted(_) => None,
        });
        let (key, chain) = found.ok_or_else(|| match alias {
            Some(alias) => format!("the store has no key {alias:?}"),
            None => "the store has no key".to_owned(),
        })?;
        let key =
            key.open(password).ok_or("the key's password is wrong, or its protection is not Java's own")?;
        Ok((key, chain))
    }

    /// All trusted certificates.
    pub fn trusted(&self) -> impl Iterator<Item = &[u8]> {
        self.entries.iter().filter_map(|entry| match &entry.content {
            Content::Trusted(certificate) => Some(certificate.as_slice()),
            Content::Key { .. } => None,
        })
    }
}

/// Reads from the front.
pub(crate) struct Cursor<'b>(pub(crate) &'b [u8]);

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

    /// The content of a DER element, which must have this tag.
    pub(crate) fn element(&mut self, tag: u8) -> Option<&'b [u8]> {
        let [found, length] = self.take(2)? else { return None };
        if *found != tag {
            return None;
        }
        let length = match length {
            short @ 0..0x80 => usize::from(*short),
            long => self
                .take(usize::from(long & 0x7F))
                .filter(|bytes| bytes.len() <= 4)?
                .iter()
                .fold(0, |sum, byte| sum << 8 | usize::from(*byte)),
        };
        self.take(length)
    }

    fn certificate(&mut self, version: usize) -> Option<Vec<u8>> {
        if version == 2 {
            self.text()?;
        }
        self.block().map(<[u8]>::to_vec)
    }
}

fn read_jks(bytes: &[u8], password: &str) -> Result<Store, String> {
    let (body, digest) = bytes.split_at(bytes.len().saturating_sub(DIGEST));
    let mut sum = Sha1::new();
    sum.update(utf16(password));
    // A phrase that the format has carried since the first JDK.
    sum.update(b"Mighty Aphrodite");
    sum.update(body);
    if sum.finalize().as_slice() != digest {
        return Err("the password is wrong, or the JKS store is damaged".to_owned());
    }
    let entries = entries(&mut Cursor(body)).ok_or("the JKS store is cut short")?;
    Ok(Store { entries })
}

fn entries(cursor: &mut Cursor<'_>) -> Option<Vec<Entry>> {
    cursor.take(MAGIC.len())?;
    let version = cursor.u32()?;
    let count = cursor.u32()?;
    let mut entries = Vec::new();
    for _ in 0..count {
        let kind = cursor.u32()?;
        let alias = cursor.text()?;
        // The date of the entry.
        cursor.take(8)?;
        let content = if kind == 1 {
            let key = Key::Sealed(protected(cursor.block()?)?);
            let mut chain = Vec::new();
            for _ in 0..cursor.u32()? {
                chain.push(cursor.certificate(version)?);
            }
            Content::Key { key, chain }
        } else {
            Content::Trusted(cursor.certificate(version)?)
        };
        entries.push(Entry { alias, content });
    }
    Some(entries)
}

/// The octet string of an EncryptedPrivateKeyInfo: SEQUENCE { SEQUENCE algorithm, OCTET STRING }.
fn protected(der: &[u8]) -> Option<Vec<u8>> {
    let mut outer = Cursor(Cursor(der).element(0x30)?);
    outer.element(0x30)?;
    outer.element(0x04).map(<[u8]>::to_vec)
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
