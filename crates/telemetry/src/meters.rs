//! Instruments: bound once by name and tags, recorded with plain atomics, read by the views.
//!
//! Binding takes a lock and is for start-up (or the first sight of a tag combination); recording never does.
//! Tags should have few values: route id yes, path no.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use tokio::time::Instant;

use crate::names::Name;

/// How long a timer's maximum is remembered is three of these.
const MAX_WINDOW: Duration = Duration::from_secs(60);

/// Label pairs, sorted by key.
pub type Tags = Vec<(Cow<'static, str>, String)>;

/// Counts what happened. Cloning shares the count.
#[derive(Clone, Debug, Default)]
pub struct Counter(Arc<AtomicU64>);

impl Counter {
    pub fn increment(&self) {
        self.add(1);
    }

    pub fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Relaxed);
    }

    pub fn count(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A value that goes up and down. Cloning shares the value.
#[derive(Clone, Debug, Default)]
pub struct Gauge(Arc<AtomicU64>);

impl Gauge {
    pub fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Relaxed);
    }

    pub fn add(&self, change: f64) {
        let changed = |bits| Some((f64::from_bits(bits) + change).to_bits());
        if self.0.fetch_update(Relaxed, Relaxed, changed).is_err() {
            debug_assert!(false, "the closure always returns a value");
        }
    }

    pub fn value(&self) -> f64 {
        f64::from_bits(self.0.load(Relaxed))
    }
}

/// Counts, adds up and keeps the recent maximum of durations. Cloning shares them.
#[derive(Clone, Debug, Default)]
pub struct Timer(Arc<TimerState>);

#[derive(Debug, Default)]
struct TimerState {
    count: AtomicU64,
    total_nanos: AtomicU64,
    /// Newest window first; a reader shifts them, so that recording needs no clock.
    max_nanos: [AtomicU64; 3],
}

impl Timer {
    pub fn record(&self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let [newest, ..] = &self.0.max_nanos;
        self.0.count.fetch_add(1, Relaxed);
        self.0.total_nanos.fetch_add(nanos, Relaxed);
        if nanos > newest.load(Relaxed) {
            newest.fetch_max(nanos, Relaxed);
        }
    }

    pub fn count(&self) -> u64 {
        self.0.count.load(Relaxed)
    }

    pub fn total(&self) -> Duration {
        Duration::from_nanos(self.0.total_nanos.load(Relaxed))
    }

    /// The longest within the last two to three minutes (longer when nobody read it meanwhile).
    pub fn max(&self) -> Duration {
        Duration::from_nanos(self.0.max_nanos.iter().map(|slot| slot.load(Relaxed)).max().unwrap_or(0))
    }

    fn age(&self) {
        let [newest, middle, oldest] = &self.0.max_nanos;
        oldest.store(middle.load(Relaxed), Relaxed);
        middle.store(newest.swap(0, Relaxed), Relaxed);
    }
}

/// What kind of instrument a family holds; decides its names and its statistics in the views.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Timer,
}

#[derive(Clone)]
enum Instrument {
    Counter(Counter),
    Gauge(Gauge),
    Polled(Arc<dyn Fn() -> f64 + Send + Sync>),
    Counted(Arc<dyn Fn() -> u64 + Send + Sync>),
    Timer(Timer),
}

struct Family {
    name: Name,
    kind: Kind,
    series: BTreeMap<Tags, Instrument>,
}

/// One reading of one series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reading {
    Counter(u64),
    Gauge(f64),
    Timer { count: u64, total: Duration, max: Duration },
}

/// All series of one metric at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub name: Name,
    pub kind: Kind,
    pub series: Vec<(Tags, Reading)>,
}

/// An application's instruments. Cloning shares them.
#[derive(Clone)]
pub struct Meters(Arc<Inner>);

struct Inner {
    families: RwLock<BTreeMap<&'static str, Family>>,
    common: Tags,
    aged: Mutex<Instant>,
}

impl fmt::Debug for Meters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meters").field("families", &self.0.families.read().len()).finish_non_exhaustive()
    }
}

impl Default for Meters {
    fn default() -> Self {
        Self::new(&[])
    }
}

impl Meters {
    /// `common` tags are put on every series (`management.metrics.tags.*`).
    pub fn new(common: &[(&str, &str)]) -> Self {
        let common = common.iter().map(|(key, value)| (Cow::Owned((*key).to_owned()), (*value).to_owned()));
        Self(Arc::new(Inner {
            families: RwLock::default(),
            common: common.collect(),
            aged: Mutex::new(Instant::now()),
        }))
    }

    pub fn counter(&self, name: Name, tags: &[(&'static str, &str)]) -> Counter {
        let bound = self.bind(name, Kind::Counter, tags, || Instrument::Counter(Counter::default()));
        if let Instrument::Counter(counter) = bound { counter } else { Counter::default() }
    }

    pub fn gauge(&self, name: Name, tags: &[(&'static str, &str)]) -> Gauge {
        let bound = self.bind(name, Kind::Gauge, tags, || Instrument::Gauge(Gauge::default()));
        if let Instrument::Gauge(gauge) = bound { gauge } else { Gauge::default() }
    }

    pub fn timer(&self, name: Name, tags: &[(&'static str, &str)]) -> Timer {
        let bound = self.bind(name, Kind::Timer, tags, || Instrument::Timer(Timer::default()));
        if let Instrument::Timer(timer) = bound { timer } else { Timer::default() }
    }

    /// A gauge that is asked when somebody looks. `NaN` leaves the series out; an earlier one with the same tags is replaced.
    pub fn gauge_fn(
        &self,
        name: Name,
        tags: &[(&'static str, &str)],
        read: impl Fn() -> f64 + Send + Sync + 'static,
    ) {
        self.remove(name, tags);
        self.bind(name, Kind::Gauge, tags, || Instrument::Polled(Arc::new(read)));
    }

    /// A counter that is kept elsewhere.
    pub fn counter_fn(
        &self,
        name: Name,
        tags: &[(&'static str, &str)],
        read: impl Fn() -> u64 + Send + Sync + 'static,
    ) {
        self.remove(name, tags);
        self.bind(name, Kind::Counter, tags, || Instrument::Counted(Arc::new(read)));
    }

    /// Forgets one series. Handles that are still held go on counting unseen.
    pub fn remove(&self, name: Name, tags: &[(&'static str, &str)]) {
        let tags = self.tags(tags);
        if let Some(family) = self.0.families.write().get_mut(name.id) {
            family.series.remove(&tags);
        }
    }

    fn tags(&self, tags: &[(&'static str, &str)]) -> Tags {
        let mut all = self.0.common.clone();
        for (key, value) in tags {
            all.retain(|(common, _)| common != key);
            all.push((Cow::Borrowed(*key), (*value).to_owned()));
        }
        all.sort();
        all
    }

    /// A name that is bound as another kind yields a fresh instrument of the other kind, seen by nobody: a fault of ours.
    fn bind(
        &self,
        name: Name,
        kind: Kind,
        tags: &[(&'static str, &str)],
        make: impl FnOnce() -> Instrument,
    ) -> Instrument {
        let tags = self.tags(tags);
        let mut families = self.0.families.write();
        let family =
            families.entry(name.id).or_insert_with(|| Family { name, kind, series: BTreeMap::new() });
        debug_assert_eq!(family.kind, kind, "{} is bound as two kinds", name.id);
        family.series.entry(tags).or_insert_with(make).clone()
    }

    /// All metrics that have a series, sorted by name.
    pub fn snapshot(&self) -> Vec<Snapshot> {
        self.age_maxima();
        self.0.families.read().values().filter_map(Family::read).collect()
    }

    /// One metric by its dotted name.
    pub fn find(&self, id: &str) -> Option<Snapshot> {
        self.age_maxima();
        self.0.families.read().get(id).and_then(Family::read)
    }

    fn age_maxima(&self) {
        let mut aged = self.0.aged.lock();
        if aged.elapsed() < MAX_WINDOW {
            return;
        }
        *aged = Instant::now();
        for family in self.0.families.read().values() {
            for instrument in family.series.values() {
                if let Instrument::Timer(timer) = instrument {
                    timer.age();
                }
            }
        }
    }
}

impl Family {
    fn read(&self) -> Option<Snapshot> {
        let series: Vec<_> = self
            .series
            .iter()
            .filter_map(|(tags, instrument)| Some((tags.clone(), instrument.read()?)))
            .collect();
        (!series.is_empty()).then_some(Snapshot { name: self.name, kind: self.kind, series })
    }
}

impl Instrument {
    fn read(&self) -> Option<Reading> {
        match self {
            Self::Counter(counter) => Some(Reading::Counter(counter.count())),
            Self::Gauge(gauge) => Some(Reading::Gauge(gauge.value())),
            Self::Counted(read) => Some(Reading::Counter(read())),
            Self::Polled(read) => Some(read()).filter(|value| !value.is_nan()).map(Reading::Gauge),
            Self::Timer(timer) => {
                Some(Reading::Timer { count: timer.count(), total: timer.total(), max: timer.max() })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names;

    #[test]
    fn the_same_name_and_tags_share_one_instrument() {
        let meters = Meters::default();
        meters.counter(names::LOGBACK_EVENTS, &[("level", "warn")]).increment();
        meters.counter(names::LOGBACK_EVENTS, &[("level", "warn")]).add(2);
        meters.counter(names::LOGBACK_EVENTS, &[("level", "error")]).increment();
        let snapshot = meters.find("logback.events").unwrap();
        let values: Vec<_> = snapshot.series.iter().map(|(_, reading)| *reading).collect();
        assert_eq!(values, [Reading::Counter(1), Reading::Counter(3)]);
    }

    #[test]
    fn common_tags_are_on_every_series_and_lose_to_own_ones() {
        let meters = Meters::new(&[("application", "orders"), ("level", "all")]);
        meters.counter(names::LOGBACK_EVENTS, &[("level", "warn")]).increment();
        let snapshot = meters.find("logback.events").unwrap();
        let tags: Vec<_> = snapshot.series[0].0.iter().map(|(k, v)| format!("{k}={v}")).collect();
        assert_eq!(tags, ["application=orders", "level=warn"]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_maximum_is_forgotten_after_three_windows() {
        let meters = Meters::default();
        let timer = meters.timer(names::HTTP_SERVER_REQUESTS, &[]);
        timer.record(Duration::from_millis(250));
        for expected in [250, 250, 250, 0] {
            meters.snapshot();
            assert_eq!(timer.max(), Duration::from_millis(expected));
            tokio::time::advance(MAX_WINDOW).await;
        }
        assert_eq!(timer.count(), 1);
        assert_eq!(timer.total(), Duration::from_millis(250));
    }

    #[test]
    fn a_polled_gauge_without_a_value_is_not_listed() {
        let meters = Meters::default();
        meters.gauge_fn(names::DISK_FREE, &[("path", "/")], || f64::NAN);
        assert!(meters.find("disk.free").is_none());
        meters.gauge_fn(names::DISK_FREE, &[("path", "/")], || 7.0);
        assert_eq!(meters.find("disk.free").unwrap().series[0].1, Reading::Gauge(7.0));
    }
}
