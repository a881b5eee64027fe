//! One log line: what an event says, where and when, before it takes a format.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use jiff::Zoned;
use tracing::field::{Field, Visit};
use tracing::{Event, Level};

use super::{Format, Settings, ecs, logstash, text};
use crate::levels;
use crate::scope;

pub(super) struct Line {
    pub(super) when: Zoned,
    pub(super) level: Level,
    pub(super) logger: String,
    pub(super) thread: String,
    pub(super) pid: u32,
    pub(super) app: Option<Arc<str>>,
    /// Trace and span id, in hex.
    pub(super) trace: Option<(String, String)>,
    pub(super) message: String,
    pub(super) fields: Vec<(&'static str, Value)>,
}

/// A field's value; numbers and booleans stay what they are in JSON.
pub(super) enum Value {
    Text(String),
    Plain(String),
}

impl Line {
    pub(super) fn of(event: &Event<'_>) -> Self {
        let mut said = Said::default();
        event.record(&mut said);
        let (app, trace) = scope::with(|scope| {
            let trace = scope.and_then(|scope| scope.trace.as_ref());
            let ids = trace.map(|trace| (trace.trace_id(), trace.span_id()));
            (scope.map(|scope| Arc::clone(&scope.app)), ids)
        });
        Self {
            when: Zoned::now(),
            level: *event.metadata().level(),
            logger: levels::logger(event.metadata().target()),
            thread: std::thread::current().name().unwrap_or("?").to_owned(),
            pid: std::process::id(),
            app,
            trace,
            message: said.message,
            fields: said.fields,
        }
    }

    /// With its line end.
    pub(super) fn write(&self, settings: &Settings, out: &mut String) {
        match settings.format {
            Format::Text => text::write(self, settings, out),
            Format::Ecs => ecs::write(self, settings, out),
            Format::Logstash => logstash::write(self, out),
        }
        out.push('\n');
    }

    /// The message with the fields behind it, as a person reads it.
    pub(super) fn write_message(&self, out: &mut String) {
        out.push_str(&self.message);
        for (name, value) in &self.fields {
            let (Value::Text(value) | Value::Plain(value)) = value;
            let gap = if out.ends_with(' ') || out.is_empty() { "" } else { " " };
            push(out, format_args!("{gap}{name}={value}"));
        }
    }
}

#[derive(Default)]
struct Said {
    message: String,
    fields: Vec<(&'static str, Value)>,
}

impl Said {
    fn add(&mut self, field: &Field, value: Value) {
        self.fields.push((field.name(), value));
    }
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            push(&mut self.message, format_args!("{value:?}"));
        } else {
            self.add(field, Value::Text(format!("{value:?}")));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message.push_str(value);
        } else {
            self.add(field, Value::Text(value.to_owned()));
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, Value::Plain(value.to_string()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, Value::Plain(value.to_string()));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        let finite = value.is_finite();
        self.add(
            field,
            if finite { Value::Plain(value.to_string()) } else { Value::Text(value.to_string()) },
        );
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, Value::Plain(value.to_string()));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.add(field, Value::Text(value.to_string()));
    }
}

pub(super) fn push(out: &mut String, text: fmt::Arguments<'_>) {
    if out.write_fmt(text).is_err() {
        debug_assert!(false, "writing to a string cannot fail");
    }
}

/// A JSON string with its quotes.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
pub(super) fn sample() -> Line {
    Line {
        when: "2026-11-21T06:56:02.588Z[UTC]".parse().unwrap(),
        level: Level::INFO,
        logger: "wellspring.registry.state.registry".to_owned(),
        thread: "worker".to_owned(),
        pid: 9383,
        app: Some("otel-app".into()),
        trace: None,
        message: "instance \"a\" registered".to_owned(),
        fields: vec![("port", Value::Plain("8081".to_owned())), ("peer", Value::Text("b\nc".to_owned()))],
    }
}
