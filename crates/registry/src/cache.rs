//! Ready-made bytes: a list is encoded once per change, not once per reader, and compressed once.
//!
//! Unlike the original's two levels nothing here is ever stale: an entry is served only while the registry's
//! version is the one it was made of. Readers of a current entry take no lock.

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use parking_lot::{Mutex, RwLock};
use wellspring_wire::eureka::Form;

use crate::view::{Format, Part, Whole};

/// Names that are remembered; beyond that the table starts anew.
const PARTS: usize = 4096;

/// An encoded list.
#[derive(Debug)]
pub struct Payload {
    /// The version it shows; moved on when a later version is known to look the same.
    version: AtomicU64,
    plain: Bytes,
    gzip: OnceLock<Bytes>,
}

impl Payload {
    fn new(version: u64, plain: Vec<u8>) -> Arc<Self> {
        Arc::new(Self { version: AtomicU64::new(version), plain: plain.into(), gzip: OnceLock::new() })
    }

    pub fn plain(&self) -> Bytes {
        self.plain.clone()
    }

    /// Compressed at the first call; whoever asks meanwhile waits for that one.
    pub fn gzip(&self) -> Bytes {
        self.gzip.get_or_init(|| gzip(&self.plain)).clone()
    }

    /// The registry's version that it shows.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    fn shows(&self, version: u64) -> bool {
        self.version.load(Ordering::Acquire) == version
    }
}

fn gzip(plain: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 16 + 64), Compression::new(6));
    // Writing to a vector does not fail; if it ever did, a truncated stream would be refused by every reader.
    let written = encoder.write_all(plain).and_then(|()| encoder.finish());
    written.map(Bytes::from).unwrap_or_default()
}

#[derive(Debug, Default)]
struct Slot {
    current: ArcSwapOption<Payload>,
    building: Mutex<()>,
}

#[derive(Debug, Default)]
pub struct Cache {
    slots: [[[Slot; 2]; 2]; 2],
    parts: RwLock<HashMap<(Part, Format, Form), Arc<Payload>>>,
}

impl Cache {
    /// The list as of `version` or later. `build` says which version it encoded.
    pub fn whole(
        &self,
        whole: Whole,
        format: Format,
        form: Form,
        version: u64,
        build: impl FnOnce() -> (u64, Vec<u8>),
    ) -> Arc<Payload> {
        let slot = self.slot(whole, format, form);
        if let Some(payload) = slot.current.load_full().filter(|payload| payload.shows(version)) {
            return payload;
        }
        let _turn = slot.building.lock();
        // Whoever had the turn before may have built what we need, or better.
        if let Some(payload) = slot.current.load_full()
            && payload.version.load(Ordering::Acquire) >= version
        {
            return payload;
        }
        let (version, bytes) = build();
        let payload = Payload::new(version, bytes);
        slot.current.store(Some(Arc::clone(&payload)));
        payload
    }

    fn slot(&self, whole: Whole, format: Format, form: Form) -> &Slot {
        let [apps, delta] = &self.slots;
        let [json, xml] = match whole {
            Whole::Apps => apps,
            Whole::Delta => delta,
        };
        let [full, compact] = match format {
            Format::Json => json,
            Format::Xml => xml,
        };
        match form {
            Form::Full => full,
            Form::Compact => compact,
        }
    }

    /// The list as of `version`, if it is there. `unchanged` tells whether an entry made at an earlier version still holds.
    pub fn part(
        &self,
        key: &(Part, Format, Form),
        version: u64,
        unchanged: impl FnOnce(u64) -> bool,
    ) -> Option<Bytes> {
        let payload = self.parts.read().get(key).cloned()?;
        let made = payload.version.load(Ordering::Acquire);
        if made != version {
            if !unchanged(made) {
                return None;
            }
            payload.version.fetch_max(version, Ordering::AcqRel);
        }
        Some(payload.plain())
    }

    pub fn keep_part(&self, key: (Part, Format, Form), version: u64, bytes: Vec<u8>) -> Bytes {
        let payload = Payload::new(version, bytes);
        let plain = payload.plain();
        let mut parts = self.parts.write();
        if parts.len() >= PARTS {
            parts.clear();
        }
        parts.insert(key, payload);
        plain
    }

    /// Forgets an application that is gone.
    pub fn forget(&self, app: &str) {
        self.parts.write().retain(|(part, _, _), _| !matches!(part, Part::App(name) if name == app));
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn text(version: u64) -> (u64, Vec<u8>) {
        (version, version.to_string().into_bytes())
    }

    #[test]
    fn a_list_is_built_once_per_version() {
        let cache = Cache::default();
        let get =
            |version| cache.whole(Whole::Apps, Format::Json, Form::Full, version, || text(version)).plain();
        assert_eq!(get(1), "1");
        let same = cache.whole(Whole::Apps, Format::Json, Form::Full, 1, || panic!("built already"));
        assert_eq!(same.plain(), "1");
        assert_eq!(get(2), "2");
        let other = cache.whole(Whole::Apps, Format::Xml, Form::Full, 2, || text(7));
        assert_eq!(other.plain(), "7");
    }

    #[test]
    fn compressed_bytes_are_the_plain_ones() {
        let cache = Cache::default();
        let payload = cache.whole(Whole::Delta, Format::Xml, Form::Compact, 3, || (3, vec![b'x'; 10_000]));
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&payload.gzip()[..]).read_to_end(&mut plain).unwrap();
        assert_eq!(plain, payload.plain());
        assert!(payload.gzip().len() < 200);
    }

    #[test]
    fn an_unchanged_application_outlives_versions() {
        let cache = Cache::default();
        let key = (Part::App("A".into()), Format::Json, Form::Full);
        assert_eq!(cache.part(&key, 1, |_| true), None);
        cache.keep_part(key.clone(), 1, b"a".to_vec());
        assert_eq!(cache.part(&key, 1, |_| panic!("current")).unwrap(), "a");
        assert_eq!(cache.part(&key, 5, |made| made == 1).unwrap(), "a");
        assert_eq!(cache.part(&key, 5, |_| panic!("moved on")).unwrap(), "a");
        assert_eq!(cache.part(&key, 6, |_| false), None);
        cache.forget("A");
        assert_eq!(cache.part(&key, 5, |_| true), None);
    }
}
