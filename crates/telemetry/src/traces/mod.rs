//! Traces: ids that come in, go on and are reported, as Micrometer Tracing does it.
//!
//! Every request has ids, which stand in its log lines and go out with its calls; only sampled ones are reported. The
//! decision is made at the root and kept. Server spans never share the caller's id.

mod context;
mod export;
mod otlp;
mod propagation;
mod zipkin;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use tokio::time::Instant;

pub use context::Context;
pub use export::{Exporter, Targets};
pub use propagation::{Format, Propagation};

use crate::scope;

/// Makes spans for one application. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Tracer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    propagation: Propagation,
    /// Of new traces, 0.0 to 1.0 (`management.tracing.sampling.probability`).
    probability: f64,
    exporter: Option<Exporter>,
}

/// The span that the running task works in. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Trace {
    tracer: Tracer,
    context: Context,
}

/// Which side of a call a span is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Server,
    Client,
}

/// Tags of a finished span, sorted by key when reported.
pub type Tags = Vec<(&'static str, String)>;

/// A span that has begun.
#[derive(Debug)]
pub struct Span {
    trace: Trace,
    parent: Option<u64>,
    kind: Kind,
    begun: Instant,
}

/// A span as it is reported.
#[derive(Clone, Debug)]
pub struct Finished {
    pub context: Context,
    pub parent: Option<u64>,
    pub kind: Kind,
    pub name: Cow<'static, str>,
    pub start_micros: u64,
    pub duration: Duration,
    pub tags: Tags,
}

impl Tracer {
    pub fn new(propagation: Propagation, probability: f64, exporter: Option<Exporter>) -> Self {
        Self(Arc::new(Inner { propagation, probability, exporter }))
    }

    /// The span of a request that came in.
    pub fn server(&self, headers: &HeaderMap) -> Span {
        let incoming = self.0.propagation.extract(headers);
        let sampled = || fastrand::f64() < self.0.probability;
        let (context, parent) = match incoming {
            Some(caller) if caller.has_ids() => {
                let parent = caller.span;
                (caller.continued(sampled), Some(parent))
            }
            // A decision without ids, or nothing at all: a trace of our own.
            decided => (Context::root(decided.as_ref(), sampled), None),
        };
        self.begin(context, parent, Kind::Server)
    }

    /// The span of a call that goes out and belongs to no request.
    pub fn client(&self) -> Span {
        let context = Context::root(None, || fastrand::f64() < self.0.probability);
        self.begin(context, None, Kind::Client)
    }

    fn begin(&self, context: Context, parent: Option<u64>, kind: Kind) -> Span {
        let trace = Trace { tracer: self.clone(), context };
        Span { trace, parent, kind, begun: Instant::now() }
    }
}

impl Trace {
    /// 32 hexadecimal digits.
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.context.trace)
    }

    /// 16 hexadecimal digits.
    pub fn span_id(&self) -> String {
        format!("{:016x}", self.context.span)
    }

    pub fn is_sampled(&self) -> bool {
        self.context.sampled == Some(true)
    }

    /// A span for a call made on behalf of this one.
    pub fn client(&self) -> Span {
        let parent = self.context.span;
        self.tracer.begin(self.context.child(), Some(parent), Kind::Client)
    }

    /// Puts this span's ids into the headers of a call.
    pub fn inject(&self, headers: &mut HeaderMap) {
        self.tracer.0.propagation.inject(&self.context, None, headers);
    }
}

impl Span {
    /// What the task that works in this span carries.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// When it began.
    pub fn begun(&self) -> Instant {
        self.begun
    }

    /// Whether [`Span::end`] will report anything: names and tags are made only then.
    pub fn is_recorded(&self) -> bool {
        self.trace.is_sampled() && self.trace.tracer.0.exporter.is_some()
    }

    /// Puts the span's ids into the headers of its call, replacing those of an earlier hop.
    pub fn inject(&self, headers: &mut HeaderMap) {
        self.trace.tracer.0.propagation.inject(&self.trace.context, self.parent, headers);
    }

    /// Ends the span; `describe` gives its name and tags and runs only when it is reported.
    pub fn end(self, describe: impl FnOnce() -> (Cow<'static, str>, Tags)) {
        if !self.is_recorded() {
            return;
        }
        let duration = self.begun.elapsed();
        let (name, mut tags) = describe();
        tags.sort_unstable();
        let now = u64::try_from(jiff::Timestamp::now().as_microsecond()).unwrap_or(0);
        let took = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let finished = Finished {
            context: self.trace.context,
            parent: self.parent,
            kind: self.kind,
            name,
            start_micros: now.saturating_sub(took),
            duration,
            tags,
        };
        if let Some(exporter) = &self.trace.tracer.0.exporter {
            exporter.offer(finished);
        }
    }
}

/// The trace of the running task.
pub fn current() -> Option<Trace> {
    scope::with(|scope| scope.and_then(|scope| scope.trace.clone()))
}

/// The span of a call about to be made: below the running task's, or a trace of its own. `None` outside of applications.
pub fn client() -> Option<Span> {
    scope::with(|scope| {
        let scope = scope?;
        match &scope.trace {
            Some(trace) => Some(trace.client()),
            None => scope.tracer.as_ref().map(Tracer::client),
        }
    })
}

/// A failed report with its cause: reqwest's own text leaves the cause out.
fn export_error(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(deeper) = cause {
        text = format!("{text}: {deeper}");
        cause = deeper.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(k, v)| (http::HeaderName::from_static(k), v.parse().unwrap())).collect()
    }

    fn sent(tracer: &Tracer, incoming: &[(&'static str, &str)]) -> HeaderMap {
        let server = tracer.server(&headers(incoming));
        let mut out = HeaderMap::new();
        server.trace().client().inject(&mut out);
        out
    }

    const TRACE: &str = "6b0140802fa557c5974c604b1a390686";

    #[test]
    fn a_caller_decides_and_its_trace_goes_on_with_new_span_ids() {
        let tracer = Tracer::new(Propagation::default(), 0.0, None);
        let out = sent(&tracer, &[("traceparent", &format!("00-{TRACE}-c44d702b486425ff-01"))]);
        let parent = out["traceparent"].to_str().unwrap();
        assert!(parent.starts_with(&format!("00-{TRACE}-")) && parent.ends_with("-01"), "{parent}");
        assert!(!parent.contains("c44d702b486425ff"));
        assert_eq!(out.len(), 1, "only traceparent by default");
    }

    #[test]
    fn not_sampled_stays_not_sampled() {
        let tracer = Tracer::new(Propagation::default(), 1.0, None);
        let out = sent(&tracer, &[("traceparent", &format!("00-{TRACE}-c44d702b486425ff-00"))]);
        assert!(out["traceparent"].to_str().unwrap().ends_with("-00"));
    }

    #[test]
    fn a_decision_without_ids_starts_a_trace_that_keeps_it() {
        let tracer = Tracer::new(Propagation::both(vec![Format::B3]), 0.0, None);
        let out = sent(&tracer, &[("b3", "1")]);
        let fields: Vec<_> = out["b3"].to_str().unwrap().split('-').collect();
        assert_eq!((fields[0].len(), fields[1].len(), fields[2]), (32, 16, "1"));
        assert_eq!(fields[3].len(), 16, "the parent follows");
    }

    #[test]
    fn debug_goes_on_as_debug() {
        let tracer = Tracer::new(Propagation::both(vec![Format::B3]), 0.0, None);
        let out = sent(&tracer, &[("b3", &format!("{TRACE}-c44d702b486425ff-d"))]);
        assert_eq!(out["b3"].to_str().unwrap().split('-').nth(2), Some("d"));
    }

    #[test]
    fn the_probability_decides_at_the_root() {
        for (probability, sampled) in [(0.0, false), (1.0, true)] {
            let tracer = Tracer::new(Propagation::default(), probability, None);
            assert_eq!(tracer.server(&HeaderMap::new()).trace().is_sampled(), sampled);
        }
    }

    #[test]
    fn trace_state_and_baggage_go_on_whole() {
        let tracer = Tracer::new(Propagation::default(), 0.0, None);
        let parent = format!("00-{TRACE}-c44d702b486425ff-01");
        let out = sent(
            &tracer,
            &[("traceparent", &parent), ("tracestate", "foo=1"), ("baggage", "tenant=acme,z=1")],
        );
        assert_eq!(out["tracestate"], "foo=1");
        assert_eq!(out["baggage"], "tenant=acme,z=1");
    }
}
