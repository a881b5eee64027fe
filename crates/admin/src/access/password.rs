//! Passwords as argon2id hashes, tokens as SHA-256: a token is random enough that guessing it is hopeless, a password is not.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom, SystemRandom};

/// Shorter ones are refused.
pub(crate) const SHORTEST: usize = 8;
/// Hashing reads all of it.
const LONGEST: usize = 1024;

/// Random bytes as text for links, tokens and cookies; `None` when the system has none to give.
pub(super) fn random() -> Option<String> {
    let mut bytes = [0_u8; 32];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(URL_SAFE_NO_PAD.encode(bytes))
}

/// By what a token or a cookie is known without being kept.
pub(super) fn digest(secret: &str) -> String {
    hex::encode(ring::digest::digest(&ring::digest::SHA256, secret.as_bytes()))
}

/// Whether it may be a password at all.
pub(crate) fn is_acceptable(password: &str) -> bool {
    (SHORTEST..=LONGEST).contains(&password.len())
}

/// Takes a while and 19 MiB; not for an async thread.
pub(super) fn hash(password: &str) -> Option<String> {
    let mut salt = [0_u8; 16];
    SystemRandom::new().fill(&mut salt).ok()?;
    let hash: PasswordHash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt).ok()?;
    Some(hash.to_string())
}

/// As long for an unknown user (`None`) as for a wrong password.
pub(super) fn verify(password: &str, hash: Option<&str>) -> bool {
    if password.len() > LONGEST {
        return false;
    }
    match hash.map(PasswordHash::new) {
        Some(Ok(known)) => Argon2::default().verify_password(password.as_bytes(), &known).is_ok(),
        Some(Err(_)) => false,
        None => {
            self::hash(password);
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_knows_its_password_only() {
        let hash = hash("correct horse").unwrap();
        assert!(hash.starts_with("$argon2id$"), "{hash}");
        assert!(verify("correct horse", Some(&hash)));
        assert!(!verify("correct hors", Some(&hash)));
        assert!(!verify("correct horse", None));
        assert!(!verify("correct horse", Some("$argon2id$broken")));
    }

    #[test]
    fn secrets_are_long_and_never_the_same() {
        let (one, other) = (random().unwrap(), random().unwrap());
        assert_eq!(one.len(), 43);
        assert_ne!(one, other);
        assert_ne!(digest(&one), digest(&other));
    }
}
