//! Logs to standard output: text as Spring Boot prints it, ECS or Logstash JSON.
//!
//! The subscriber is the one global thing and is installed once per process; the first application decides the format.
//! Spans are not recorded: what a line says about its request comes from [`crate::scope`].

mod ecs;
mod line;
mod logstash;
mod text;

use std::cell::RefCell;
use std::fmt;
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use tracing::level_filters::LevelFilter;
use tracing::span;
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};

use crate::levels::Levels;
use crate::{Meters, names};
use line::Line;

static INSTALLED: OnceLock<Logs> = OnceLock::new();

/// `logging.structured.format.console`; text without it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    #[default]
    Text,
    Ecs,
    Logstash,
}

impl Format {
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "" => Some(Self::Text),
            "ecs" => Some(Self::Ecs),
            "logstash" => Some(Self::Logstash),
            _ => None,
        }
    }
}

/// How lines look.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub format: Format,
    /// For lines that belong to no application, and `service.name` of ECS.
    pub application: String,
    /// `logging.include-application-name` is false.
    pub hide_application: bool,
    /// A column for trace and span even on lines outside a trace.
    pub correlation: bool,
    /// `logging.structured.ecs.service.*`.
    pub service: Service,
}

#[derive(Clone, Debug, Default)]
pub struct Service {
    pub name: Option<String>,
    pub version: Option<String>,
    pub environment: Option<String>,
    pub node_name: Option<String>,
}

/// The process's logging. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Logs {
    levels: Arc<Levels>,
    counts: Arc<[AtomicU64; 5]>,
}

/// Installs the subscriber, or returns the one that is there. Another library's subscriber is left in place: then
/// levels have no effect.
pub fn install(settings: Settings) -> Logs {
    INSTALLED
        .get_or_init(|| {
            let logs = Logs { levels: Arc::default(), counts: Arc::default() };
            let output = Output { logs: logs.clone(), settings };
            if tracing::subscriber::set_global_default(output).is_err() {
                tracing::debug!("another subscriber is installed");
            }
            logs
        })
        .clone()
}

impl Logs {
    pub fn levels(&self) -> &Levels {
        &self.levels
    }

    /// `logback.events` of an application: the counts of the whole process, because a log has no other owner.
    pub fn count_into(&self, meters: &Meters) {
        for (index, level) in ["error", "warn", "info", "debug", "trace"].into_iter().enumerate() {
            let counts = Arc::clone(&self.counts);
            meters.counter_fn(names::LOGBACK_EVENTS, &[("level", level)], move || {
                counts.get(index).map_or(0, |count| count.load(Relaxed))
            });
        }
    }
}

struct Output {
    logs: Logs,
    settings: Settings,
}

thread_local! {
    static BUFFER: RefCell<String> = const { RefCell::new(String::new()) };
}

impl Subscriber for Output {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if !metadata.is_event() {
            return Interest::never();
        }
        self.logs.levels.saw(metadata.target());
        if self.enabled(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && self.logs.levels.enabled(metadata.target(), *metadata.level())
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.logs.levels.loudest())
    }

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        let slot = match *metadata.level() {
            Level::ERROR => 0,
            Level::WARN => 1,
            Level::INFO => 2,
            Level::DEBUG => 3,
            Level::TRACE => 4,
        };
        if let Some(count) = self.logs.counts.get(slot) {
            count.fetch_add(1, Relaxed);
        }
        let written = BUFFER.with(|buffer| {
            // A value whose Debug logs in turn finds the buffer in use, and gets one of its own.
            let mut own = String::new();
            let mut shared = buffer.try_borrow_mut();
            let text = shared.as_deref_mut().unwrap_or(&mut own);
            text.clear();
            Line::of(event).write(&self.settings, text);
            std::io::stdout().lock().write_all(text.as_bytes())
        });
        // Nobody reads standard output any more: there is no better place to say so.
        drop(written);
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").field("settings", &self.settings).finish_non_exhaustive()
    }
}
