//! `spring.security.user.*`: basic authentication for the whole port, health excepted.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use wellspring_properties::{Environment, Problem};

use crate::service::Response;
use crate::{codes, error_page};

/// The one user.
#[derive(Clone)]
pub(crate) struct Security {
    name: String,
    password: String,
}

impl Security {
    /// `None` when no password is set: nothing is protected then, a password is never made up.
    pub(crate) fn from_env(env: &Environment) -> Result<Option<Self>, Problem> {
        let key = "spring.security.user.password";
        let Some(password) = env.get(key).filter(|password| !password.is_empty()) else { return Ok(None) };
        let plain = match password.strip_prefix("{noop}") {
            Some(plain) => plain.to_owned(),
            None if password.starts_with('{') && password.contains('}') => {
                return Err(Problem::new(
                    codes::SECURITY,
                    format!("{key} has an encoding that is not supported"),
                )
                .at(env.origin(key))
                .hint("the plain password, or {noop} before it"));
            }
            None => password,
        };
        let name = env.get("spring.security.user.name").unwrap_or_else(|| "user".to_owned());
        Ok(Some(Self { name, password: plain }))
    }

    /// Whether the caller has shown the right credentials.
    pub(crate) fn knows(&self, headers: &HeaderMap) -> bool {
        let Some(value) = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()) else {
            return false;
        };
        let Some((scheme, encoded)) = value.split_once(' ') else { return false };
        let Ok(decoded) = STANDARD.decode(encoded.trim()) else { return false };
        let expected = format!("{}:{}", self.name, self.password);
        scheme.eq_ignore_ascii_case("basic") && same(&decoded, expected.as_bytes())
    }

    pub(crate) fn refuse(path: &str, headers: &HeaderMap) -> Response {
        let mut page = error_page::response(StatusCode::UNAUTHORIZED, path, headers);
        page.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"Realm\""));
        page
    }
}

/// Takes as long for a wrong first byte as for a wrong last one.
fn same(given: &[u8], expected: &[u8]) -> bool {
    let differing = given.iter().zip(expected).fold(0, |differing, (a, b)| differing | (a ^ b));
    given.len() == expected.len() && differing == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use wellspring_properties::PropertySource;

    fn security(pairs: &[(&str, &str)]) -> Result<Option<Security>, Problem> {
        let source = PropertySource::of_pairs("test", pairs.iter().copied());
        Security::from_env(&Environment::new(vec![source], Vec::new()))
    }

    fn basic(credentials: &str) -> HeaderMap {
        let value = format!("Basic {}", STANDARD.encode(credentials));
        HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())])
    }

    #[test]
    fn only_the_right_name_and_password_are_known() {
        let security = security(&[("spring.security.user.password", "{noop}s3:cret")]).unwrap().unwrap();
        assert!(security.knows(&basic("user:s3:cret")));
        for wrong in ["user:s3", "other:s3:cret", "user:s3:cret2", ""] {
            assert!(!security.knows(&basic(wrong)), "{wrong}");
        }
        assert!(!security.knows(&HeaderMap::new()));
    }

    #[test]
    fn without_a_password_nothing_is_protected_and_a_hash_is_refused() {
        assert!(security(&[("spring.security.user.name", "ana")]).unwrap().is_none());
        let problem = security(&[("spring.security.user.password", "{bcrypt}$2a$10$x")]).err().unwrap();
        assert!(!problem.to_string().contains("$2a"), "{problem}");
    }

    #[test]
    fn long_credentials() {
        let known = security(&[("spring.security.user.password", "p"), ("spring.security.user.name", "u")])
            .unwrap()
            .unwrap();
        let right = format!("Basic {}", STANDARD.encode("u:p"));
        let words = ["Basic ", "basic", " ", "=", "dTpw", ":", "\u{e9}", "Bearer "];
        wellspring_test_support::fuzz::run(
            "credentials, Accept of the actuator",
            &[right.as_bytes(), b"*/*;q=0.1, text/html"],
            &words,
            |bytes, _| {
                let Ok(value) = HeaderValue::from_bytes(bytes) else { return };
                let headers =
                    HeaderMap::from_iter([(AUTHORIZATION, value.clone()), (http::header::ACCEPT, value)]);
                if known.knows(&headers) {
                    let text = String::from_utf8_lossy(bytes);
                    assert_eq!(text.split_once(' ').map(|(_, code)| code.trim()), Some("dTpw"), "{text}");
                }
                drop(Security::refuse("/", &headers));
            },
        );
    }
}
