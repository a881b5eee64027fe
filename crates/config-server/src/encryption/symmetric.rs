//! One shared key: AES-256 in CBC mode, hex of a random initialisation vector and the cipher text.

use aes::Aes256;
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};

use super::{Cipher, Refusal, derive, random, salt};

const IV: usize = 16;

pub(super) struct Symmetric {
    key: [u8; 32],
}

impl std::fmt::Debug for Symmetric {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Symmetric(******)")
    }
}

impl Symmetric {
    pub(super) fn new(password: &str, salt_text: &str) -> Self {
        Self { key: derive(password.as_bytes(), &salt(salt_text)) }
    }
}

impl Cipher for Symmetric {
    fn encrypt(&self, text: &str) -> Result<String, Refusal> {
        encrypt_cbc(&self.key, text.as_bytes()).map(hex::encode)
    }

    fn decrypt(&self, cipher: &str) -> Result<String, Refusal> {
        let bytes = hex::decode(cipher).map_err(|_| Refusal::Invalid)?;
        decrypt_cbc(&self.key, &bytes)
    }
}

/// Initialisation vector and cipher text.
pub(super) fn encrypt_cbc(key: &[u8; 32], text: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut iv = [0; IV];
    random(&mut iv)?;
    let mut out = iv.to_vec();
    out.extend(cbc::Encryptor::<Aes256>::new(key.into(), &iv.into()).encrypt_padded_vec::<Pkcs7>(text));
    Ok(out)
}

pub(super) fn decrypt_cbc(key: &[u8; 32], bytes: &[u8]) -> Result<String, Refusal> {
    let (iv, body) = bytes.split_first_chunk::<IV>().ok_or(Refusal::Invalid)?;
    let text = cbc::Decryptor::<Aes256>::new(key.into(), iv.into())
        .decrypt_padded_vec::<Pkcs7>(body)
        .map_err(|_| Refusal::Invalid)?;
    String::from_utf8(text).map_err(|_| Refusal::Invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_original_wrote_and_its_own() {
        let cipher = Symmetric::new("a-symmetric-key-of-some-length", "deadbeef");
        let original = "bdb8465b75953f879cfab9b9443ff491ce228638b8f597040123734dfb0f93f3";
        assert_eq!(cipher.decrypt(original).as_deref(), Ok("hello"));
        assert_eq!(cipher.decrypt(&original.to_uppercase()).as_deref(), Ok("hello"));
        for text in ["", "x", "grüße €", &"long ".repeat(1000)] {
            let encrypted = cipher.encrypt(text).unwrap();
            assert_ne!(encrypted, cipher.encrypt(text).unwrap());
            assert_eq!(cipher.decrypt(&encrypted).as_deref(), Ok(text));
        }
    }

    #[test]
    fn what_is_no_cipher_text_is_refused() {
        let cipher = Symmetric::new("a-symmetric-key-of-some-length", "deadbeef");
        for text in [
            "",
            "abc",
            "00112233",
            "no hex",
            "002f2b2e80e42a3caab6c4e25164914a2e5002330e3098b627df93ac7ea00536",
        ] {
            assert_eq!(cipher.decrypt(text), Err(Refusal::Invalid), "{text}");
        }
    }
}
