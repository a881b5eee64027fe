//! Keys of a JWK set, and what each may verify. Only public keys of asymmetric algorithms exist here, so a token that
//! claims `none` or an HMAC under a public key finds nothing to be verified with.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    self, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};
use serde::Deserialize;

/// A signature algorithm that can be verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}

use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};

const ALL: [(&str, Algorithm); 9] = [
    ("RS256", RS256),
    ("RS384", RS384),
    ("RS512", RS512),
    ("PS256", PS256),
    ("PS384", PS384),
    ("PS512", PS512),
    ("ES256", ES256),
    ("ES384", ES384),
    ("EdDSA", EdDSA),
];

impl Algorithm {
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        ALL.iter().find(|(known, _)| *known == name).map(|(_, algorithm)| *algorithm)
    }

    #[must_use]
    pub fn names() -> String {
        ALL.map(|(name, _)| name).join(", ")
    }

    #[must_use]
    pub fn is_rsa(self) -> bool {
        matches!(self, RS256 | RS384 | RS512 | PS256 | PS384 | PS512)
    }

    fn rsa(self) -> Option<&'static RsaParameters> {
        Some(match self {
            RS256 => &signature::RSA_PKCS1_2048_8192_SHA256,
            RS384 => &signature::RSA_PKCS1_2048_8192_SHA384,
            RS512 => &signature::RSA_PKCS1_2048_8192_SHA512,
            PS256 => &signature::RSA_PSS_2048_8192_SHA256,
            PS384 => &signature::RSA_PSS_2048_8192_SHA384,
            PS512 => &signature::RSA_PSS_2048_8192_SHA512,
            ES256 | ES384 | EdDSA => return None,
        })
    }
}

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    id: Option<String>,
    /// The one algorithm it is for, when the set says so.
    only: Option<Algorithm>,
    material: Material,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

#[derive(Debug, Deserialize)]
struct Set {
    keys: Vec<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    r#use: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// The keys of a set that verify signatures; what is for other uses or unknown is left out.
pub fn read_set(json: &[u8]) -> Result<Vec<Key>, String> {
    let set: Set = serde_json::from_slice(json).map_err(|error| format!("no JWK set: {error}"))?;
    let jwks = set.keys.into_iter().filter_map(|key| serde_json::from_value::<Jwk>(key).ok());
    Ok(jwks.filter_map(|jwk| Key::read(&jwk)).collect())
}

impl Key {
    fn read(jwk: &Jwk) -> Option<Self> {
        if jwk.r#use.as_deref().is_some_and(|purpose| purpose != "sig") {
            return None;
        }
        let bytes =
            |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_deref()?.trim_end_matches('=')).ok();
        let point = |size: usize| -> Option<Vec<u8>> {
            let (x, y) = (bytes(&jwk.x)?, bytes(&jwk.y)?);
            (x.len() == size && y.len() == size).then(|| [&[4][..], &x, &y].concat())
        };
        let material = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("RSA", _) => Material::Rsa { n: bytes(&jwk.n)?, e: bytes(&jwk.e)? },
            ("EC", Some("P-256")) => Material::P256(point(32)?),
            ("EC", Some("P-384")) => Material::P384(point(48)?),
            ("OKP", Some("Ed25519")) => Material::Ed25519(bytes(&jwk.x)?),
            _ => return None,
        };
        let only = match &jwk.alg {
            // A key for an algorithm that is not known here is for nothing.
            Some(name) => Some(Algorithm::named(name)?),
            None => None,
        };
        let key = Self { id: jwk.kid.clone(), only, material };
        only.is_none_or(|algorithm| key.suits(algorithm)).then_some(key)
    }

    /// An RSA key in PEM (`BEGIN PUBLIC KEY`, or PKCS#1's `BEGIN RSA PUBLIC KEY`).
    pub fn from_pem(text: &str) -> Result<Self, String> {
        let body = |label: &str| {
            let rest = text.split_once(&format!("-----BEGIN {label}-----"))?.1;
            let inner = rest.split_once(&format!("-----END {label}-----"))?.0;
            let compact: String = inner.split_whitespace().collect();
            base64::engine::general_purpose::STANDARD.decode(compact).ok()
        };
        let der = body("PUBLIC KEY").or_else(|| body("RSA PUBLIC KEY")).ok_or("no public key in PEM")?;
        let (n, e) = super::der::rsa_numbers(&der).ok_or("no RSA public key")?;
        Ok(Self { id: None, only: None, material: Material::Rsa { n, e } })
    }

    /// Is the key of the kind that the algorithm needs?
    #[must_use]
    pub fn suits(&self, algorithm: Algorithm) -> bool {
        let fits = match &self.material {
            Material::Rsa { .. } => algorithm.is_rsa(),
            Material::P256(_) => algorithm == ES256,
            Material::P384(_) => algorithm == ES384,
            Material::Ed25519(_) => algorithm == EdDSA,
        };
        fits && self.only.is_none_or(|only| only == algorithm)
    }

    #[must_use]
    pub fn is_named(&self, id: Option<&str>) -> bool {
        id.is_none_or(|id| self.id.as_deref() == Some(id))
    }

    /// Did this key sign the message?
    #[must_use]
    pub fn signed(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let check = |algorithm: &'static dyn VerificationAlgorithm, key: &[u8]| {
            UnparsedPublicKey::new(algorithm, key).verify(message, signature).is_ok()
        };
        match (&self.material, algorithm) {
            (Material::Rsa { n, e }, algorithm) => algorithm.rsa().is_some_and(|parameters| {
                RsaPublicKeyComponents { n, e }.verify(parameters, message, signature).is_ok()
            }),
            (Material::P256(point), ES256) => check(&signature::ECDSA_P256_SHA256_FIXED, point),
            (Material::P384(point), ES384) => check(&signature::ECDSA_P384_SHA384_FIXED, point),
            (Material::Ed25519(key), EdDSA) => check(&signature::ED25519, key),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
    use serde_json::json;

    use super::*;

    fn b64(bytes: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(bytes)
    }

    #[test]
    fn keys_of_curves_verify_what_they_signed_and_nothing_else() {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap();
        let point = pair.public_key().as_ref();
        let ed =
            Ed25519KeyPair::from_pkcs8(Ed25519KeyPair::generate_pkcs8(&random).unwrap().as_ref()).unwrap();
        let set = json!({"keys": [
            {"kty": "EC", "crv": "P-256", "kid": "a", "x": b64(&point[1..33]), "y": b64(&point[33..])},
            {"kty": "OKP", "crv": "Ed25519", "kid": "b", "x": b64(ed.public_key().as_ref())},
            {"kty": "oct", "k": "c2VjcmV0"}, {"kty": "RSA", "use": "enc", "n": "AQAB", "e": "AQAB"},
            {"kty": "EC", "crv": "P-256", "alg": "RS256", "x": b64(&point[1..33]), "y": b64(&point[33..])}, 7,
        ]});
        let keys = read_set(set.to_string().as_bytes()).unwrap();
        assert_eq!(keys.len(), 2, "{keys:?}");
        let signature = pair.sign(&random, b"text").unwrap();
        assert!(keys[0].signed(ES256, b"text", signature.as_ref()));
        assert!(!keys[0].signed(ES256, b"texT", signature.as_ref()));
        assert!(
            !keys[0].suits(RS256)
                && !keys[0].suits(EdDSA)
                && !keys[0].signed(ES384, b"text", signature.as_ref())
        );
        assert!(keys[1].signed(EdDSA, b"text", ed.sign(b"text").as_ref()));
        assert!(!keys[1].signed(ES256, b"text", ed.sign(b"text").as_ref()));
        assert!(keys[0].is_named(None) && keys[0].is_named(Some("a")) && !keys[0].is_named(Some("b")));
    }

    #[test]
    fn hmac_and_none_are_no_algorithms() {
        for name in ["none", "HS256", "HS512", "None", "", "ES512"] {
            assert_eq!(Algorithm::named(name), None, "{name}");
        }
        assert!(read_set(b"{}").is_err() && read_set(b"<html>").is_err());
    }

    #[test]
    fn long_key_sets_and_pem() {
        let set = json!({ "keys": [
            { "kty": "RSA", "kid": "a", "use": "sig", "alg": "RS256", "n": "qrs", "e": "AQAB" },
            { "kty": "EC", "crv": "P-256", "kid": "b", "x": "AAAA", "y": "AAAA" }, { "kty": "OKP", "crv": "Ed25519", "x": "AAAA" },
        ]});
        let set = set.to_string();
        let pem = rcgen::KeyPair::generate().unwrap().public_key_pem();
        let words = [
            "\"kty\":",
            "\"RSA\"",
            "\"keys\":[",
            "null",
            "{",
            "}",
            "[",
            "]",
            "=",
            "-----BEGIN PUBLIC KEY-----",
            "-----END PUBLIC KEY-----",
            "RSA ",
            "MIIB",
        ];
        wellspring_test_support::fuzz::text("JWK sets, public keys", &[&set, &pem], &words, |text, _| {
            let keys = read_set(text.as_bytes()).unwrap_or_default();
            for key in keys.iter().chain(Key::from_pem(text).ok().as_ref()) {
                for algorithm in [Algorithm::RS256, ES256, ES384, EdDSA] {
                    assert!(!key.signed(algorithm, b"message", b"made up"));
                }
            }
        });
    }
}
