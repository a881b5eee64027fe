//! Client certificates: the subject's name, as Spring's `x509()` takes it (`CN=(.*?)(?:,|$)`).

use std::fmt::Write as _;
use std::sync::Arc;

use wellspring_pattern::JavaRegex;
use wellspring_properties::Problem;

use super::jwt::der::{SEQUENCE, element, expect};
use super::principal::{Principal, Scheme};
use super::setting;
use crate::tree::Tree;

#[derive(Debug, Clone)]
pub(super) struct Subjects {
    pattern: Arc<JavaRegex>,
    authorities: Vec<String>,
}

impl Subjects {
    /// `None` unless `enabled: true`.
    pub(super) fn read(tree: &Tree) -> Result<Option<Self>, Problem> {
        let members = ["enabled", "subject-principal-regex", "roles", "scopes", "authorities"];
        setting::only(tree, &members, "security.certificate")?;
        let text = |name: &str| tree.get(name).and_then(Tree::as_text).filter(|text| !text.is_empty());
        if text("enabled").as_deref() != Some("true") {
            return Ok(None);
        }
        let regex = text("subject-principal-regex").unwrap_or_else(|| "CN=(.*?)(?:,|$)".to_owned());
        let pattern = JavaRegex::new(&regex)
            .map_err(|error| setting::wrong(tree, format!("subject-principal-regex: {error}")))?;
        Ok(Some(Self { pattern: Arc::new(pattern), authorities: setting::authorities(tree) }))
    }

    /// The first group of the pattern in the certificate's subject.
    pub(super) fn principal(&self, certificate: &[u8]) -> Option<Principal> {
        let name = subject(certificate)?;
        let found = self.pattern.first_group(&name)?;
        Some(Principal::new(&found, Scheme::Certificate, self.authorities.clone()))
    }
}

/// The subject in RFC 2253's form: `CN=client,OU=dev,O=example`, the last part first.
pub(super) fn subject(certificate: &[u8]) -> Option<String> {
    let (certificate, _) = expect(certificate, SEQUENCE)?;
    let (signed, _) = expect(certificate, SEQUENCE)?;
    // Version, when it is there, then serial number, algorithm, issuer, validity.
    let mut rest = match element(signed)? {
        (0xa0, _, rest) => rest,
        _ => signed,
    };
    for _ in 0..4 {
        rest = element(rest)?.2;
    }
    let (mut parts, _) = expect(rest, SEQUENCE)?;
    let mut shown: Vec<String> = Vec::new();
    while !parts.is_empty() {
        let (_, set, after) = element(parts)?;
        let (pair, _) = expect(set, SEQUENCE)?;
        let (_, kind, value) = element(pair)?;
        let (_, text, _) = element(value)?;
        shown.push(format!("{}={}", attribute(kind), escaped(&String::from_utf8_lossy(text))));
        parts = after;
    }
    shown.reverse();
    Some(shown.join(","))
}

/// The short names that Java prints; others by their number.
fn attribute(kind: &[u8]) -> String {
    let short = match kind {
        [0x55, 0x04, 0x03] => "CN",
        [0x55, 0x04, 0x06] => "C",
        [0x55, 0x04, 0x07] => "L",
        [0x55, 0x04, 0x08] => "ST",
        [0x55, 0x04, 0x09] => "STREET",
        [0x55, 0x04, 0x0a] => "O",
        [0x55, 0x04, 0x0b] => "OU",
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x01] => "UID",
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x19] => "DC",
        other => {
            let mut shown = "OID".to_owned();
            for byte in other {
                // Writing to a text cannot fail.
                write!(shown, ".{byte}").ok();
            }
            return shown;
        }
    };
    short.to_owned()
}

/// A comma inside a value must not begin another part: somebody could name himself `x,CN=admin`.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if matches!(c, ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=') {
            out.push('\\');
        }
        out.push(if c.is_control() { '?' } else { c });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_name_is_the_subjects_and_cannot_be_forged_by_a_comma() {
        let subjects =
            Subjects::read(&Tree::from_json(&json!({"enabled": true, "roles": "CLIENT"}))).unwrap().unwrap();
        for (common, wanted) in [("client one", "client one"), ("x,CN=admin", "x\\")] {
            let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
            parameters.distinguished_name = rcgen::DistinguishedName::new();
            parameters.distinguished_name.push(rcgen::DnType::OrganizationName, "example");
            parameters.distinguished_name.push(rcgen::DnType::CommonName, common);
            let key = rcgen::KeyPair::generate().unwrap();
            let certificate = parameters.self_signed(&key).unwrap();
            let found = subjects.principal(certificate.der()).unwrap();
            assert_eq!(&*found.name, wanted);
            assert_eq!(found.authorities, ["ROLE_CLIENT"]);
        }
        assert!(subjects.principal(b"nonsense").is_none());
    }
}
