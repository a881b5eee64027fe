//! The console in the browser: `/` and `/console/**`, beside the API on the same listener.
//!
//! Its files are part of the program, packed once when first asked for. They hold no data, so everybody may have them: what
//! they ask of the API goes through the API's gate.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write as _;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Bytes;
use axum::extract;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use flate2::{Compression, write::GzEncoder};
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// Nothing but the console's own files, nothing inline, nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

struct File {
    name: &'static str,
    plain: &'static [u8],
    packed: OnceLock<Bytes>,
    tag: OnceLock<String>,
}

macro_rules! files {
    ($($name:literal)+) => {
        [$(File {
            name: $name,
            plain: include_bytes!(concat!("../console/", $name)),
            packed: OnceLock::new(),
            tag: OnceLock::new(),
        }),+]
    };
}

fn files() -> Vec<File> {
    files! {
        "index.html" "style.css" "icon.svg"
        "main.js" "shell.js" "pages.js" "router.js" "api.js" "live.js" "cell.js" "words.js" "format.js" "theme.js"
        "ui.js" "rows.js" "write.js" "keys.js" "search.js" "login.js" "problems.js" "events.js" "instance_acts.js" "route_acts.js"
        "words/en.json" "words/zh.json"
        "vendor/preact.js" "vendor/LICENSE"
        "pages/overview.js" "pages/services.js" "pages/service.js" "pages/instance.js" "pages/topology.js" "pages/config.js"
        "pages/drift.js" "pages/routes.js" "pages/route.js" "pages/lab.js" "pages/bus.js" "pages/resilience.js"
        "pages/timeline.js" "pages/cluster.js" "pages/access.js"
    }
    .into()
}

struct Console {
    files: Vec<File>,
    /// Read from here in place of what is built in.
    folder: Option<PathBuf>,
}

/// The console's routes. `folder` (`wellspring.admin.console-dir`): serve the files from there, while they are being edited.
pub fn router(folder: Option<PathBuf>) -> Router {
    let console = Arc::new(Console { files: files(), folder });
    let index = {
        let console = Arc::clone(&console);
        move |headers: HeaderMap| std::future::ready(console.answer("index.html", &headers))
    };
    let file = move |extract::Path(name): extract::Path<String>, headers: HeaderMap| {
        std::future::ready(console.answer(&name, &headers))
    };
    Router::new().route("/", get(index)).route("/console/{*file}", get(file))
}

impl Console {
    fn answer(&self, name: &str, headers: &HeaderMap) -> Response {
        if let Some(folder) = &self.folder {
            return edited(folder, name);
        }
        let Some(file) = self.files.iter().find(|file| file.name == name) else {
            return StatusCode::NOT_FOUND.into_response();
        };
        let known = headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if known.split(',').any(|tag| tag.trim().trim_start_matches("W/") == file.tag()) {
            return answer(name, file.tag(), StatusCode::NOT_MODIFIED, Bytes::new(), false);
        }
        let packs = headers
            .get(ACCEPT_ENCODING)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.split(',').any(|one| one.trim().starts_with("gzip")));
        let body = if packs { file.packed() } else { Bytes::from_static(file.plain) };
        answer(name, file.tag(), StatusCode::OK, body, packs)
    }
}

impl File {
    fn tag(&self) -> &str {
        self.tag.get_or_init(|| {
            let mut hasher = DefaultHasher::new();
            self.plain.hash(&mut hasher);
            format!("\"{:016x}\"", hasher.finish())
        })
    }

    fn packed(&self) -> Bytes {
        let pack = || {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(self.plain).and_then(|()| encoder.finish()).map(Bytes::from)
        };
        // Writing to memory does not fail; were it to, the plain file would only be mislabelled.
        self.packed.get_or_init(|| pack().unwrap_or_default()).clone()
    }
}

/// From disk, as it is now; blocking, for one person who edits.
fn edited(folder: &Path, name: &str) -> Response {
    let inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    match std::fs::read(folder.join(name)) {
        Ok(bytes) if inside => answer(name, "", StatusCode::OK, bytes.into(), false),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn answer(name: &str, tag: &str, status: StatusCode, body: Bytes, packed: bool) -> Response {
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    set(CONTENT_TYPE, kind(name));
    set(CONTENT_SECURITY_POLICY, POLICY);
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(REFERRER_POLICY, "no-referrer");
    // Always asked for again, and nearly always answered with 304: a new program is a new console at once.
    set(CACHE_CONTROL, if tag.is_empty() { "no-store" } else { "no-cache" });
    set(VARY, "accept-encoding");
    if packed {
        set(CONTENT_ENCODING, "gzip");
    }
    if let Ok(tag) = HeaderValue::from_str(tag)
        && !tag.is_empty()
    {
        headers.insert(ETAG, tag);
    }
    response
}

fn kind(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        _ => "text/plain; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use axum::body::Body;
    use http::Request;
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use super::*;

    fn folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("console")
    }

    fn on_disk(folder: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries.flat_map(|path| if path.is_dir() { on_disk(&path) } else { vec![path] }).collect()
    }

    async fn ask(router: &Router, path: &str, header: (&str, &str)) -> (StatusCode, HeaderMap, Vec<u8>) {
        let request = Request::get(path).header(header.0, header.1).body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        (head.status, head.headers, body.collect().await.unwrap().to_bytes().to_vec())
    }

    #[test]
    fn every_file_is_built_in() {
        let built: BTreeSet<_> = files().iter().map(|file| file.name.to_owned()).collect();
        let found = on_disk(&folder()).into_iter();
        let found: BTreeSet<_> =
            found.map(|path| path.strip_prefix(folder()).unwrap().display().to_string()).collect();
        assert_eq!(built, found);
    }

    #[tokio::test]
    async fn a_file_comes_packed_once_and_then_not_again() {
        let router = router(None);
        let (status, headers, plain) = ask(&router, "/", ("accept", "*/*")).await;
        assert_eq!(
            (status, headers[CONTENT_TYPE].to_str().unwrap()),
            (StatusCode::OK, "text/html; charset=utf-8")
        );
        assert!(headers[CONTENT_SECURITY_POLICY].to_str().unwrap().starts_with("default-src 'none'"));
        assert!(String::from_utf8(plain).unwrap().contains("console/main.js"));
        let (_, headers, packed) =
            ask(&router, "/console/shell.js", ("accept-encoding", "br, gzip;q=0.9")).await;
        assert_eq!(headers[CONTENT_ENCODING], "gzip");
        let mut text = String::new();
        std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&packed[..]), &mut text).unwrap();
        assert_eq!(text, std::fs::read_to_string(folder().join("shell.js")).unwrap());
        let tag = headers[ETAG].to_str().unwrap().to_owned();
        let (status, headers, body) = ask(&router, "/console/shell.js", ("if-none-match", &tag)).await;
        assert_eq!(
            (status, body.len(), &headers[ETAG].to_str().unwrap()),
            (StatusCode::NOT_MODIFIED, 0, &tag.as_str())
        );
        assert_eq!(ask(&router, "/console/none.js", ("accept", "*/*")).await.0, StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn files_come_from_disk_while_they_are_edited_and_none_from_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("main.js"), "edited").unwrap();
        let router = router(Some(folder.path().to_owned()));
        assert_eq!(ask(&router, "/console/main.js", ("accept", "*/*")).await.2, b"edited");
        for path in ["/console/%2e%2e/Cargo.toml", "/console/../Cargo.toml", "/console/%2fetc%2fpasswd"] {
            assert_eq!(ask(&router, path, ("accept", "*/*")).await.0, StatusCode::NOT_FOUND, "{path}");
        }
    }

    #[test]
    fn all_of_it_is_small() {
        let packed = |wanted: &dyn Fn(&str) -> bool| -> usize {
            files().iter().filter(|file| wanted(file.name)).map(|file| file.packed().len()).sum()
        };
        let all = packed(&|name| name != "vendor/LICENSE");
        // What the overview loads: everything but the other pages and the other language.
        let first = packed(&|name| {
            !name.starts_with("vendor/LICENSE")
                && name != "words/zh.json"
                && (!name.starts_with("pages/") || name == "pages/overview.js")
        });
        assert!(all <= 150 * 1024, "{all} bytes in all");
        assert!(first <= 60 * 1024, "{first} bytes for the first page");
        println!("report: console, packed: {all} bytes in all, {first} for the first page");
    }

    /// Every `t("key")` and the keys that are put together, in English; what Chinese lacks is named.
    #[test]
    fn every_text_exists() {
        let words = |name: &str| -> BTreeMap<String, String> {
            serde_json::from_slice(&std::fs::read(folder().join("words").join(name)).unwrap()).unwrap()
        };
        let (english, chinese) = (words("en.json"), words("zh.json"));
        // Keys stand in quotes; those that `t(…)` is given directly must exist, also behind a condition.
        let (mut used, mut quoted, mut families) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for path in on_disk(&folder()).iter().filter(|path| path.extension().is_some_and(|it| it == "js")) {
            let text = std::fs::read_to_string(path).unwrap();
            quoted.extend(text.split('"').map(str::to_owned));
            for (at, _) in text.match_indices("t(") {
                if text
                    .get(..at)
                    .unwrap_or_default()
                    .ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '.')
                {
                    continue;
                }
                let behind = text.get(at + 2..).unwrap_or_default();
                let argument = behind.split([')', ',']).next().unwrap_or_default();
                if let Some(family) = argument.strip_prefix('`') {
                    families.insert(family.split("${").next().unwrap_or_default().to_owned());
                }
                let literals = argument.split('"').skip(1).step_by(2);
                used.extend(
                    literals.filter(|key| argument.starts_with('"') || key.contains('.')).map(str::to_owned),
                );
            }
        }
        let missing: Vec<_> = used.iter().filter(|key| !english.contains_key(*key)).collect();
        assert!(missing.is_empty(), "no English text: {missing:?}");
        for family in &families {
            assert!(
                english.keys().any(|key| key.starts_with(family)),
                "no English text begins with {family}"
            );
        }
        let idle: Vec<_> = english
            .keys()
            .filter(|key| !quoted.contains(*key) && !families.iter().any(|family| key.starts_with(family)))
            .collect();
        assert!(idle.is_empty(), "texts nobody shows: {idle:?}");
        let unknown: Vec<_> = chinese.keys().filter(|key| !english.contains_key(*key)).collect();
        assert!(unknown.is_empty(), "Chinese texts without English ones: {unknown:?}");
        let lacking: Vec<_> = english.keys().filter(|key| !chinese.contains_key(*key)).collect();
        println!("report: console, texts without Chinese: {lacking:?}");
    }
}
