//! Which resource a path names.
//!
//! Captures of the original overlap (`/{name}/{profiles}`, `/{label}/{name}-{profiles}.yml`), which no router of
//! ours can express; the choice is made here, on the raw path, and tested as a table.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// What is asked for; texts are percent-decoded, `(_)` not yet replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    Environment {
        name: String,
        profiles: String,
        label: Option<String>,
    },
    Flat {
        format: Format,
        name: String,
        profiles: String,
        label: Option<String>,
    },
    Resource {
        name: String,
        profiles: String,
        label: Option<String>,
        path: String,
    },
    EncryptStatus,
    Encrypt(Option<Subject>),
    Decrypt(Option<Subject>),
    Key(Option<Subject>),
    Monitor,
    /// Nothing here.
    None,
    /// The container's own refusal, before any routing.
    Refused,
}

/// Application and profiles in the path of the encryption endpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) name: String,
    pub(crate) profiles: String,
}

/// The forms in which all sources are merged into one document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Yaml,
    Properties,
    Json,
}

const EXTENSIONS: [(&str, Format); 4] = [
    (".yml", Format::Yaml),
    (".yaml", Format::Yaml),
    (".properties", Format::Properties),
    (".json", Format::Json),
];

/// Fixed parts of all paths: where the server is mounted, where `/monitor` is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mount {
    /// `server.servlet.context-path`, without a slash at the end; the frame has cut it off, error pages show it.
    pub(crate) context_path: String,
    /// `spring.cloud.config.server.prefix`, likewise.
    pub(crate) prefix: String,
    /// `spring.cloud.config.monitor.endpoint.path`, likewise.
    pub(crate) monitor_path: String,
}

impl Mount {
    /// `path` is raw, as in the request line; `default_label` says whether the query has `useDefaultLabel`.
    pub(crate) fn route(&self, path: &str, default_label: bool) -> Route {
        if refused(path) {
            return Route::Refused;
        }
        let Some(segments) = segments(path) else { return Route::Refused };
        let segments: Vec<&str> = segments.iter().map(AsRef::as_ref).collect();
        if below(&segments, &self.monitor_path).is_some_and(|rest| rest == ["monitor"]) {
            return Route::Monitor;
        }
        match below(&segments, &self.prefix) {
            Some(rest) => route(rest, default_label),
            None => Route::None,
        }
    }
}

fn route(segments: &[&str], default_label: bool) -> Route {
    let some = |text: &str| Some(text.to_owned());
    let subject =
        |name: &str, profiles: &str| Some(Subject { name: name.to_owned(), profiles: profiles.to_owned() });
    match *segments {
        ["encrypt"] => Route::Encrypt(None),
        ["decrypt"] => Route::Decrypt(None),
        ["key"] => Route::Key(None),
        ["encrypt", "status"] => Route::EncryptStatus,
        ["key", name, profiles] => Route::Key(subject(name, profiles)),
        ["encrypt", name, profiles] => Route::Encrypt(subject(name, profiles)),
        ["decrypt", name, profiles] => Route::Decrypt(subject(name, profiles)),
        [file] => flat(file, None).unwrap_or(Route::None),
        [_, ""] | [_, _, ""] | [] => Route::None,
        [name, profiles] => flat(profiles, Some(name)).unwrap_or_else(|| {
            if names_an_extension(profiles) {
                return Route::None;
            }
            Route::Environment { name: name.to_owned(), profiles: profiles.to_owned(), label: None }
        }),
        [name, profiles, path] if default_label => Route::Resource {
            name: name.to_owned(),
            profiles: profiles.to_owned(),
            label: None,
            path: path.to_owned(),
        },
        [name, profiles, label] => {
            Route::Environment { name: name.to_owned(), profiles: profiles.to_owned(), label: some(label) }
        }
        [name, profiles, label, ref path @ ..] => Route::Resource {
            name: name.to_owned(),
            profiles: profiles.to_owned(),
            label: some(label),
            path: path.join("/"),
        },
    }
}

/// `{name}-{profiles}.{ext}`; the last `-` divides.
fn flat(file: &str, label: Option<&str>) -> Option<Route> {
    let (stem, format) =
        EXTENSIONS.iter().find_map(|(ext, format)| Some((file.strip_suffix(ext)?, *format)))?;
    let (name, profiles) = stem.rsplit_once('-')?;
    if name.is_empty() || profiles.is_empty() {
        return None;
    }
    Some(Route::Flat {
        format,
        name: name.to_owned(),
        profiles: profiles.to_owned(),
        label: label.map(str::to_owned),
    })
}

/// Whether one of the extensions stands in the text as a word of its own.
fn names_an_extension(text: &str) -> bool {
    let word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    EXTENSIONS.iter().any(|(ext, _)| {
        text.match_indices(ext).any(|(at, found)| {
            let (before, after) = (text.get(..at), text.get(at + found.len()..));
            word(before.and_then(|t| t.chars().next_back())) && !word(after.and_then(|t| t.chars().next()))
        })
    })
}

/// Encodings that the original's container refuses wherever they stand.
fn refused(path: &str) -> bool {
    path.as_bytes()
        .windows(3)
        .any(|w| matches!(w, [b'%', b'2', b'f' | b'F'] | [b'%', b'5', b'c' | b'C'] | [b'%', b'0', b'0']))
        || path.contains('\\')
}

/// Decoded segments without matrix parameters, `.` and `..` resolved; `None` when the path climbs above the root or
/// is not UTF-8.
fn segments(path: &str) -> Option<Vec<Cow<'_, str>>> {
    let mut out: Vec<Cow<'_, str>> = Vec::with_capacity(8);
    let mut raw = path.strip_prefix('/').unwrap_or(path).split('/').peekable();
    while let Some(segment) = raw.next() {
        let bare = segment.split(';').next().unwrap_or_default();
        let last = raw.peek().is_none();
        let decoded = percent_decode_str(bare).decode_utf8().ok()?;
        match decoded.as_ref() {
            // Repeated slashes count as one; a slash at the end is an empty last segment.
            "" if !last => {}
            "." => {
                if last {
                    out.push(Cow::Borrowed(""));
                }
            }
            ".." => {
                out.pop()?;
                if last {
                    out.push(Cow::Borrowed(""));
                }
            }
            _ => out.push(decoded),
        }
    }
    if out.len() == 1 && out.first().is_some_and(|s| s.is_empty()) {
        out.clear();
    }
    Some(out)
}

/// What is left of the segments below `prefix` (`/a/b`, or empty).
fn below<'s, 'a>(segments: &'s [&'a str], prefix: &str) -> Option<&'s [&'a str]> {
    let mut rest = segments;
    for part in prefix.split('/').filter(|part| !part.is_empty()) {
        let (first, others) = rest.split_first()?;
        if *first != part {
            return None;
        }
        rest = others;
    }
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(path: &str, default_label: bool) -> String {
        match Mount::default().route(path, default_label) {
            Route::Environment { name, profiles, label } => format!("env {name} {profiles} {label:?}"),
            Route::Flat { format, name, profiles, label } => {
                format!("flat {format:?} {name} {profiles} {label:?}")
            }
            Route::Resource { name, profiles, label, path } => {
                format!("text {name} {profiles} {label:?} {path}")
            }
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn paths_and_what_they_name() {
        for (path, expected) in [
            ("/foo/dev", "env foo dev None"),
            ("/foo/dev%2Cprod", "env foo dev,prod None"),
            ("/foo;v=1/dev", "env foo dev None"),
            ("//foo//dev", "env foo dev None"),
            ("/foo/dev/main", "env foo dev Some(\"main\")"),
            ("/foo/dev/main/", "text foo dev Some(\"main\") "),
            ("/foo/dev/main/a/b.txt", "text foo dev Some(\"main\") a/b.txt"),
            ("/foo/dev/", "None"),
            ("/foo", "None"),
            ("/", "None"),
            ("", "None"),
            ("/foo-dev.yml", "flat Yaml foo dev None"),
            ("/my-app-dev.yaml", "flat Yaml my-app dev None"),
            ("/foo-dev.properties", "flat Properties foo dev None"),
            ("/main/foo-dev.json", "flat Json foo dev Some(\"main\")"),
            ("/foo.yml", "None"),
            ("/foo/dev.json", "None"),
            ("/foo/dev.json.x", "None"),
            ("/foo/dev.jsonx", "env foo dev.jsonx None"),
            ("/foo/.yml", "env foo .yml None"),
            ("/foo/-dev", "env foo -dev None"),
            ("/encrypt/status", "EncryptStatus"),
            ("/key/foo", "env key foo None"),
            ("/foo/default/main/../../etc/passwd", "env foo etc Some(\"passwd\")"),
            ("/foo/%2e%2e/bar/dev", "env bar dev None"),
            ("/../etc/passwd", "Refused"),
            ("/foo/..%2fetc", "Refused"),
            ("/foo/a%5Cb", "Refused"),
            ("/foo/a%00", "Refused"),
            ("/foo/%ff", "Refused"),
            ("/foo/..%252f..%252fetc/main", "env foo ..%2f..%2fetc Some(\"main\")"),
        ] {
            assert_eq!(shown(path, false), expected, "{path}");
        }
        assert_eq!(shown("/foo/dev/nginx.conf", true), "text foo dev None nginx.conf");
    }

    #[test]
    fn mounted_below_a_prefix() {
        let mount =
            Mount { context_path: "/cfg".into(), prefix: "/config/v1".into(), monitor_path: "/hooks".into() };
        assert!(matches!(mount.route("/config/v1/foo/dev", false), Route::Environment { .. }));
        assert_eq!(mount.route("/hooks/monitor", false), Route::Monitor);
        assert_eq!(mount.route("/foo/dev", false), Route::None);
    }
}
