//! Cross-origin requests: `globalcors` and the `cors` metadata of routes, judged as Spring's processor does.
//!
//! A preflight under a configured path is answered here and never reaches an upstream.

use std::sync::Arc;

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use wellspring_pattern::{JavaRegex, PathPattern};
use wellspring_properties::{Environment, Problem};

use crate::config::PREFIX;
use crate::exchange::Original;
use crate::filter::header_value;
use crate::problem::{BAD_SETTING, bad};
use crate::route::Route;
use crate::tree::Tree;

/// All configured paths: those of routes come first.
#[derive(Debug, Clone, Default)]
pub struct Cors {
    entries: Vec<(PathPattern, Arc<Policy>)>,
    /// A preflight is answered although no route takes OPTIONS.
    pub without_route: bool,
}

/// What is allowed under one path. Lists are `None` when not configured.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    origins: Vec<String>,
    patterns: Vec<JavaRegex>,
    methods: Option<Vec<String>>,
    headers: Vec<String>,
    exposed: Vec<String>,
    credentials: bool,
    max_age: Option<i64>,
}

/// What becomes of a request.
#[derive(Debug)]
pub enum Verdict {
    /// Goes on, with these headers in its answer.
    Pass(HeaderMap),
    /// Answered here.
    Answer(StatusCode, HeaderMap),
}

impl Cors {
    /// The global entries.
    pub fn read(env: &Environment) -> Result<Self, Problem> {
        let mut cors = Self::default();
        if env.get(&format!("{PREFIX}.globalcors.enabled")).as_deref() == Some("false") {
            return Ok(cors);
        }
        if let Some(Tree::Map(paths)) =
            Tree::from_env(env, &format!("{PREFIX}.globalcors.cors-configurations"))?
        {
            for (path, tree) in &paths {
                cors.entries.push((pattern(path, tree)?, Arc::new(Policy::read(tree)?)));
            }
        }
        let key = format!("{PREFIX}.globalcors.add-to-simple-url-handler-mapping");
        cors.without_route = env.get(&key).as_deref() == Some("true");
        Ok(cors)
    }

    /// These entries behind those of the routes' metadata.
    pub fn with_routes(&self, routes: &[Arc<Route>]) -> Result<Self, Problem> {
        let mut entries = Vec::new();
        for route in routes {
            let Some(tree @ Tree::Map(_)) = route.metadata.get("cors") else { continue };
            let path = route
                .predicates
                .iter()
                .find_map(|predicate| predicate.paths())
                .and_then(|paths| paths.first());
            let policy = Arc::new(Policy::read(tree)?);
            match path {
                Some(path) => entries.push((path.clone(), policy)),
                None => entries.push((pattern("/**", tree)?, policy)),
            }
        }
        entries.extend(self.entries.iter().cloned());
        Ok(Self { entries, without_route: self.without_route })
    }

    /// The policy for a path.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<&Arc<Policy>> {
        self.entries.iter().find(|(pattern, _)| pattern.matches(path)).map(|(_, policy)| policy)
    }
}

fn pattern(path: &str, tree: &Tree) -> Result<PathPattern, Problem> {
    PathPattern::new(path, true).map_err(|error| bad(BAD_SETTING, error.to_string(), path, tree.origin()))
}

impl Policy {
    fn read(tree: &Tree) -> Result<Self, Problem> {
        let list = |name: &str| tree.get(name).map(Tree::as_texts);
        let text = |name: &str| tree.get(name).and_then(Tree::as_text).filter(|text| !text.is_empty());
        let max_age = match text("maxAge") {
            Some(text) => Some(seconds(&text).ok_or_else(|| {
                bad(BAD_SETTING, "maxAge is not a number of seconds", &text, tree.origin())
            })?),
            None => None,
        };
        Ok(Self {
            origins: list("allowedOrigins").unwrap_or_default(),
            patterns: list("allowedOriginPatterns")
                .unwrap_or_default()
                .iter()
                .map(|pattern| {
                    origin_pattern(pattern)
                        .map_err(|message| bad(BAD_SETTING, message, pattern, tree.origin()))
                })
                .collect::<Result<_, _>>()?,
            methods: list("allowedMethods")
                .map(|methods| methods.iter().map(|m| m.to_ascii_uppercase()).collect()),
            headers: list("allowedHeaders").unwrap_or_default(),
            exposed: list("exposedHeaders").unwrap_or_default(),
            credentials: text("allowCredentials").is_some_and(|text| text.eq_ignore_ascii_case("true")),
            max_age,
        })
    }

    /// Judges a request. `None`: the policy contradicts itself (`*` with credentials), which is an error of the server.
    #[must_use]
    pub fn judge(&self, method: &Method, headers: &HeaderMap, original: &Original) -> Option<Verdict> {
        if self.credentials && self.origins.iter().any(|origin| origin == "*") {
            return None;
        }
        let mut answer = HeaderMap::new();
        for name in ["Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"] {
            answer.append(VARY, HeaderValue::from_static(name));
        }
        let Some(origin) = headers.get(ORIGIN).and_then(|value| value.to_str().ok()) else {
            return Some(Verdict::Pass(answer));
        };
        let asked = headers.get(ACCESS_CONTROL_REQUEST_METHOD).filter(|_| method == Method::OPTIONS);
        if is_same(origin, original) {
            return Some(if asked.is_some() {
                Verdict::Answer(StatusCode::OK, answer)
            } else {
                Verdict::Pass(answer)
            });
        }
        let refused = |answer| Some(Verdict::Answer(StatusCode::FORBIDDEN, answer));
        let Some(allowed_origin) = self.origin(origin) else { return refused(answer) };
        let wanted = asked.map_or(method.as_str(), |value| value.to_str().unwrap_or_default());
        let Some(methods) = self.methods(wanted) else { return refused(answer) };
        let mut allowed_headers = Vec::new();
        if asked.is_some() {
            match self.headers(headers) {
                Some(allowed) => allowed_headers = allowed,
                None => return refused(answer),
            }
        }
        let mut put = |name: HeaderName, text: &str| {
            if let Some(value) = header_value(text) {
                answer.insert(name, value);
            }
        };
        put(ACCESS_CONTROL_ALLOW_ORIGIN, &allowed_origin);
        if !self.exposed.is_empty() {
            put(ACCESS_CONTROL_EXPOSE_HEADERS, &self.exposed.join(", "));
        }
        if self.credentials {
            put(ACCESS_CONTROL_ALLOW_CREDENTIALS, "true");
        }
        if asked.is_none() {
            return Some(Verdict::Pass(answer));
        }
        put(ACCESS_CONTROL_ALLOW_METHODS, &methods.join(","));
        if !allowed_headers.is_empty() {
            put(ACCESS_CONTROL_ALLOW_HEADERS, &allowed_headers.join(", "));
        }
        if let Some(seconds) = self.max_age {
            put(ACCESS_CONTROL_MAX_AGE, &seconds.to_string());
        }
        Some(Verdict::Answer(StatusCode::OK, answer))
    }

    fn origin(&self, origin: &str) -> Option<String> {
        if self.origins.iter().any(|allowed| allowed == "*") {
            return Some("*".to_owned());
        }
        let trimmed = origin.trim_end_matches('/');
        let listed =
            self.origins.iter().any(|allowed| allowed.trim_end_matches('/').eq_ignore_ascii_case(trimmed));
        (listed || self.patterns.iter().any(|pattern| pattern.matches(trimmed))).then(|| origin.to_owned())
    }

    /// The methods to name in the answer. Not configured: GET and HEAD.
    fn methods(&self, wanted: &str) -> Option<Vec<String>> {
        let default = || vec!["GET".to_owned(), "HEAD".to_owned()];
        let methods = self.methods.clone().unwrap_or_else(default);
        if methods.iter().any(|method| method == "*") {
            return Some(vec![wanted.to_owned()]);
        }
        methods.iter().any(|method| method == wanted).then_some(methods)
    }

    /// Of the requested headers those that are allowed, as written. `None`: some were asked for and none is allowed.
    fn headers(&self, request: &HeaderMap) -> Option<Vec<String>> {
        let asked: Vec<String> = request
            .get_all(ACCESS_CONTROL_REQUEST_HEADERS)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|line| line.split(','))
            .map(|name| name.trim().to_owned())
            .filter(|name| !name.is_empty())
            .collect();
        if asked.is_empty() {
            return Some(asked);
        }
        let any = self.headers.iter().any(|header| header == "*");
        let allowed: Vec<String> = asked
            .into_iter()
            .filter(|name| any || self.headers.iter().any(|header| header.eq_ignore_ascii_case(name)))
            .collect();
        (!allowed.is_empty()).then_some(allowed)
    }
}

/// Same scheme, host and port as the request itself: no cross-origin request.
fn is_same(origin: &str, original: &Original) -> bool {
    let host = original.host.as_ref().and_then(|host| host.to_str().ok()).unwrap_or_default();
    let full = |scheme: &str, authority: &str| {
        let usual = if scheme == "https" { ":443" } else { ":80" };
        format!("{scheme}://{}", authority.strip_suffix(usual).unwrap_or(authority)).to_ascii_lowercase()
    };
    origin
        .split_once("://")
        .is_some_and(|(scheme, authority)| full(scheme, authority) == full(original.scheme(), host))
}

/// `https://*.example.com:[8080,8081]`: `*` is any text, the list names ports, `[*]` any port.
fn origin_pattern(pattern: &str) -> Result<JavaRegex, String> {
    let pattern = pattern.trim_end_matches('/');
    let (address, ports) = match pattern.strip_suffix(']').and_then(|text| text.rsplit_once(":[")) {
        Some((address, ports)) => (address, Some(ports)),
        None => (pattern, None),
    };
    let mut regex = address.split('*').map(escape).collect::<Vec<_>>().join(".*");
    match ports {
        Some("*") => regex.push_str(r"(:\d+)?"),
        Some(ports) if ports.split(',').all(|port| port.trim().parse::<u16>().is_ok()) => {
            let ports: Vec<&str> = ports.split(',').map(str::trim).collect();
            regex.push_str(&format!(":({})", ports.join("|")));
        }
        Some(_) => return Err("not a list of ports".to_owned()),
        None => {}
    }
    JavaRegex::new(&format!("(?i){regex}")).map_err(|error| error.to_string())
}

fn escape(text: &str) -> String {
    // A text that ends the quotation itself is quoted in two parts.
    format!(r"\Q{}\E", text.replace(r"\E", r"\E\\E\Q"))
}

/// Seconds: a number, or a duration.
fn seconds(text: &str) -> Option<i64> {
    use wellspring_properties::value::{Unit, parse_duration};
    let duration = parse_duration(text, Unit::Seconds).ok()?;
    i64::try_from(duration.as_secs()).ok()
}

#[cfg(test)]
mod tests {
    use super::origin_pattern;

    #[test]
    fn origin_patterns() {
        for (pattern, origin, wanted) in [
            ("https://*.example.com", "https://a.b.example.com", true),
            ("https://*.example.com", "https://example.com", false),
            ("https://*.example.com", "https://a.example.com.evil", false),
            ("http://localhost:[*]", "http://localhost:3000", true),
            ("http://localhost:[*]", "http://localhost", true),
            ("http://localhost:[80,81]", "http://localhost:81", true),
            ("http://localhost:[80,81]", "http://localhost:82", false),
            ("*", "https://any", true),
        ] {
            assert_eq!(origin_pattern(pattern).unwrap().matches(origin), wanted, "{pattern} {origin}");
        }
        assert!(origin_pattern("http://h:[x]").is_err());
    }

    #[test]
    fn long_origin_patterns() {
        let examples = ["https://*.example.com:[8080,8081]", "*", "http://localhost:[*]", "https://a.b/"];
        let words = ["*", "[", "]", ":[", ",", "\\E", "\\Q", "(", "+", "https://", ".", "65536", "[*]"];
        wellspring_test_support::fuzz::text("origin patterns", &examples, &words, |text, rng| {
            super::seconds(text);
            // A pattern becomes a regular expression: long ones take their time and show nothing that short ones do not.
            let text: String = text.chars().take(if rng.u8(..50) == 0 { usize::MAX } else { 80 }).collect();
            let text = text.as_str();
            if let Ok(pattern) = origin_pattern(text) {
                // Nothing in a pattern but `*` and the list of ports is more than a letter.
                if !text.contains(['*', '[']) {
                    let origin = text.trim_end_matches('/');
                    assert!(pattern.matches(origin), "{text:?}");
                    assert!(!pattern.matches(&format!("{origin}{}", rng.alphanumeric())), "{text:?}");
                }
            }
        });
    }
}
