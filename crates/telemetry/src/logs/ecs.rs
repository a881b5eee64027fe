//! Elastic Common Schema, nested as Spring Boot 3.5 writes it.

use super::Settings;
use super::line::{Line, Value, push, quoted};

pub(super) fn write(line: &Line, settings: &Settings, out: &mut String) {
    let service = &settings.service;
    push(
        out,
        format_args!(
            "{{\"@timestamp\":\"{}\",\"log\":{{\"level\":\"{}\",\"logger\":{}}},\"process\":{{\"pid\":{},\"thread\":{{\"name\":{}}}}},",
            line.when.timestamp(),
            line.level,
            quoted(&line.logger),
            line.pid,
            quoted(&line.thread),
        ),
    );
    let name = service.name.as_deref().or(line.app.as_deref()).unwrap_or(&settings.application);
    push(out, format_args!("\"service\":{{\"name\":{}", quoted(name)));
    for (key, value) in [("version", &service.version), ("environment", &service.environment)] {
        if let Some(value) = value {
            push(out, format_args!(",\"{key}\":{}", quoted(value)));
        }
    }
    if let Some(node) = &service.node_name {
        push(out, format_args!(",\"node\":{{\"name\":{}}}", quoted(node)));
    }
    push(out, format_args!("}},\"message\":{}", quoted(&line.message)));
    if let Some((trace, span)) = &line.trace {
        push(out, format_args!(",\"traceId\":\"{trace}\",\"spanId\":\"{span}\""));
    }
    write_fields(line, &["log", "process", "service", "ecs", "traceId", "spanId"], out);
    out.push_str(",\"ecs\":{\"version\":\"8.11\"}}");
}

/// An event's own fields as top-level members, as the MDC is.
pub(super) fn write_fields(line: &Line, taken: &[&str], out: &mut String) {
    for (name, value) in &line.fields {
        // A second member of the same name would hide the format's own.
        let mark = if taken.contains(name) { "_" } else { "" };
        push(out, format_args!(",{}:", quoted(&format!("{name}{mark}"))));
        match value {
            Value::Text(text) => out.push_str(&quoted(text)),
            Value::Plain(text) => out.push_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::line::sample;
    use super::*;

    #[test]
    fn a_line_is_one_json_object_with_nested_members() {
        let mut line = sample();
        line.trace = Some(("t".to_owned(), "s".to_owned()));
        let mut out = String::new();
        write(&line, &Settings::default(), &mut out);
        let read: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(
            read,
            serde_json::json!({
                "@timestamp": "2026-11-21T06:56:02.588Z",
                "log": {"level": "INFO", "logger": "wellspring.registry.state.registry"},
                "process": {"pid": 9383, "thread": {"name": "worker"}},
                "service": {"name": "otel-app"},
                "message": "instance \"a\" registered",
                "traceId": "t", "spanId": "s",
                "port": 8081, "peer": "b\nc",
                "ecs": {"version": "8.11"}
            })
        );
    }
}
