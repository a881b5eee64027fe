//! What is in a file: its documents, when each of them applies, their values, decrypted, and their JSON.
//!
//! Parsed files are cached by the identity of their content, so a request finds them ready to be sent.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use indexmap::IndexMap;
use wellspring_properties::{Entry, Problem, Scalar, flatten, java_properties, profile, yaml};

use super::files::Stamp;
use crate::cache::Cache;
use crate::encryption::values::{Decryptor, MARK};
use crate::render::json;

/// Key that says for which profiles a document is meant.
const ON_PROFILE: &str = "spring.config.activate.on-profile";
const ON_CLOUD_PLATFORM: &str = "spring.config.activate.on-cloud-platform";
const INCLUDE: &str = "spring.profiles.include";
/// Spring Boot 2.4 gave it up; files that use it are refused.
const GIVEN_UP: &str = "spring.profiles";
/// Parsed files take about this many times the bytes of their text.
const GROWTH: usize = 6;

/// How a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Yaml,
    Properties,
    Xml,
}

/// A file that was read.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) documents: Vec<Arc<Document>>,
}

/// One document of a file, ready to be served.
#[derive(Debug)]
pub(crate) struct Document {
    /// Position among the documents of the file; `None` when it is the only one.
    pub(crate) number: Option<usize>,
    pub(crate) activation: Activation,
    /// Profiles that it adds.
    pub(crate) includes: Vec<String>,
    pub(crate) entries: IndexMap<String, Entry>,
    pub(crate) forms: Forms,
}

/// The `source` object, written when it is first asked for: most clients want only one of the two.
#[derive(Debug, Default)]
pub(crate) struct Forms {
    pub(crate) plain: OnceLock<Bytes>,
    pub(crate) with_origins: OnceLock<Bytes>,
}

impl Document {
    /// The `source` object: plain values.
    pub(crate) fn json(&self) -> &Bytes {
        self.forms.plain.get_or_init(|| object(&self.entries, false))
    }

    /// The same with origins.
    pub(crate) fn json_with_origins(&self) -> &Bytes {
        self.forms.with_origins.get_or_init(|| object(&self.entries, true))
    }
}

#[derive(Debug)]
pub(crate) enum Activation {
    Always,
    Never,
    Profiles(profile::Expression),
}

/// Why a file is not served.
#[derive(Debug, Clone)]
pub(crate) enum Unreadable {
    /// Its text is no valid YAML, properties or XML.
    Syntax(Box<Problem>),
    /// It is valid but uses what Spring Boot refuses.
    Refused(Box<Problem>),
}

/// A value that cannot be decrypted.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) key: String,
    pub(crate) cipher: String,
    pub(crate) problem: Problem,
}

/// Parses, decrypts, remembers.
#[derive(Debug)]
pub(crate) struct Documents {
    parsed: Cache<(Stamp, Kind), Result<Arc<Parsed>, Unreadable>>,
    decryptor: Option<Arc<Decryptor>>,
}

impl Documents {
    /// A source that is no file: decrypted as files are, `place` names it in complaints.
    pub(crate) fn of(&self, entries: IndexMap<String, Entry>, place: &str) -> Arc<Document> {
        let entries = match &self.decryptor {
            Some(decryptor) => decryptor.decrypt(entries, place),
            None => entries,
        };
        let (activation, includes) = (Activation::Always, Vec::new());
        Arc::new(Document { number: None, activation, includes, entries, forms: Forms::default() })
    }

    /// Keeps about `limit` bytes of parsed files.
    pub(crate) fn new(limit: usize, decryptor: Option<Arc<Decryptor>>) -> Self {
        Self { parsed: Cache::new(limit), decryptor }
    }

    pub(crate) fn cached(&self, stamp: Stamp, kind: Kind) -> Option<Result<Arc<Parsed>, Unreadable>> {
        self.parsed.get(&(stamp, kind))
    }

    pub(crate) fn load(
        &self,
        stamp: Stamp,
        kind: Kind,
        bytes: &[u8],
        file: &str,
    ) -> Result<Arc<Parsed>, Unreadable> {
        let parsed = self.parse(kind, bytes, file).map(Arc::new);
        self.parsed.put((stamp, kind), parsed.clone(), 512 + bytes.len() * GROWTH);
        parsed
    }

    /// Reads a file without remembering it.
    pub(crate) fn parse(&self, kind: Kind, bytes: &[u8], file: &str) -> Result<Parsed, Unreadable> {
        let flat = match kind {
            Kind::Yaml => {
                let documents = yaml::parse_bytes(bytes, file).map_err(syntax)?;
                documents.iter().map(flatten::document).collect()
            }
            Kind::Properties => java_properties::parse(bytes, file).map_err(syntax)?,
            Kind::Xml => vec![super::xml::parse(bytes, file).map_err(syntax)?],
        };
        let flat: Vec<_> = flat.into_iter().filter(|entries| !entries.is_empty()).collect();
        let several = flat.len() > 1;
        let documents = flat
            .into_iter()
            .enumerate()
            .map(|(at, entries)| self.document(several.then_some(at), entries, file).map(Arc::new))
            .collect::<Result<_, _>>()?;
        Ok(Parsed { documents })
    }

    /// Encrypted values that none of our keys opens. Without any key nothing is said: others may have it.
    pub(crate) fn undecryptable(&self, kind: Kind, bytes: &[u8], file: &str) -> Vec<Fault> {
        let Some(decryptor) = self.decryptor.as_ref().filter(|decryptor| decryptor.keys.is_some()) else {
            return Vec::new();
        };
        let flat = match kind {
            Kind::Yaml => match yaml::parse_bytes(bytes, file) {
                Ok(documents) => documents.iter().map(flatten::document).collect(),
                Err(_) => Vec::new(),
            },
            Kind::Properties => java_properties::parse(bytes, file).unwrap_or_default(),
            Kind::Xml => Vec::new(),
        };
        let mut faults = Vec::new();
        for (key, entry) in flat.into_iter().flatten() {
            let Scalar::Text(text) = &entry.value else { continue };
            let Some(cipher) = text.strip_prefix(MARK) else { continue };
            if let Err(reason) = decryptor.decrypt_text(cipher) {
                let problem =
                    Problem::new("WS-1463", format!("value of `{key}` cannot be decrypted: {reason}"))
                        .at(entry.origin);
                faults.push(Fault { key, cipher: cipher.to_owned(), problem });
            }
        }
        faults
    }

    fn document(
        &self,
        number: Option<usize>,
        entries: IndexMap<String, Entry>,
        file: &str,
    ) -> Result<Document, Unreadable> {
        if let Some(entry) = entries.get(GIVEN_UP) {
            let problem =
                Problem::new("WS-1401", format!("`{GIVEN_UP}` is not read by Spring Boot since 2.4"))
                    .at(entry.origin.clone())
                    .found(entry.value.to_string())
                    .hint(ON_PROFILE);
            return Err(Unreadable::Refused(Box::new(problem)));
        }
        let activation = activation(&entries).map_err(|problem| {
            let place = entries.get(ON_PROFILE).and_then(|entry| entry.origin.clone());
            syntax(problem.at(place))
        })?;
        let includes = list(&entries, INCLUDE);
        let mut entries = match &self.decryptor {
            Some(decryptor) => decryptor.decrypt(entries, file),
            None => entries,
        };
        entries.shrink_to_fit();
        Ok(Document { number, activation, includes, entries, forms: Forms::default() })
    }
}

fn syntax(problem: Problem) -> Unreadable {
    Unreadable::Syntax(Box::new(problem))
}

fn activation(entries: &IndexMap<String, Entry>) -> Result<Activation, Problem> {
    if entries.contains_key(ON_CLOUD_PLATFORM) {
        // Clients run on a cloud platform; this server, whose platform the original asks for, runs on none.
        return Ok(Activation::Never);
    }
    let expressions = list(entries, ON_PROFILE);
    if expressions.is_empty() {
        return Ok(Activation::Always);
    }
    let any = expressions.iter().map(|text| format!("({text})")).collect::<Vec<_>>().join(" | ");
    let text = if let [one] = expressions.as_slice() { one } else { &any };
    profile::Expression::parse(text).map(Activation::Profiles)
}

/// A list written as one text with commas or as items.
fn list(entries: &IndexMap<String, Entry>, key: &str) -> Vec<String> {
    let one = entries.get(key).map(|entry| entry.value.to_string());
    let items =
        (0..).map_while(|at| entries.get(&format!("{key}[{at}]"))).map(|entry| entry.value.to_string());
    one.into_iter()
        .flat_map(|text| text.split(',').map(str::to_owned).collect::<Vec<_>>())
        .chain(items)
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
        .collect()
}

impl Activation {
    pub(crate) fn holds(&self, profiles: &[String]) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Profiles(expression) => expression.matches(profiles),
        }
    }
}

/// A `source` object.
fn object(entries: &IndexMap<String, Entry>, origins: bool) -> Bytes {
    let mut out = Vec::with_capacity(entries.len() * 48 + 2);
    out.push(b'{');
    for (at, (key, entry)) in entries.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        json::write_text(&mut out, key);
        out.push(b':');
        match entry.origin.as_ref().filter(|_| origins) {
            Some(origin) => {
                out.extend_from_slice(b"{\"value\":");
                json::write_scalar(&mut out, &entry.value);
                out.extend_from_slice(
                    format!(",\"origin\":\"{}:{}\"}}", origin.line, origin.column).as_bytes(),
                );
            }
            None => json::write_scalar(&mut out, &entry.value),
        }
    }
    out.push(b'}');
    Bytes::from(out.into_boxed_slice())
}

/// For sources that are not files: a text under each key.
pub(crate) fn texts(pairs: impl IntoIterator<Item = (String, String)>) -> IndexMap<String, Entry> {
    pairs.into_iter().map(|(key, text)| (key, Entry::text(text))).collect()
}
