//! The JSON of Logstash's encoder.

use tracing::Level;

use super::ecs::write_fields;
use super::line::{Line, push, quoted};

pub(super) fn write(line: &Line, out: &mut String) {
    let value = match line.level {
        Level::ERROR => 40000,
        Level::WARN => 30000,
        Level::INFO => 20000,
        Level::DEBUG => 10000,
        Level::TRACE => 5000,
    };
    let offset =
        if line.when.offset().is_zero() { "Z".to_owned() } else { line.when.strftime("%:z").to_string() };
    push(
        out,
        format_args!(
            "{{\"@timestamp\":\"{}{offset}\",\"@version\":\"1\",\"message\":{},\"logger_name\":{},\"thread_name\":{},\"level\":\"{}\",\"level_value\":{value}",
            line.when.strftime("%Y-%m-%dT%H:%M:%S.%9f"),
            quoted(&line.message),
            quoted(&line.logger),
            quoted(&line.thread),
            line.level,
        ),
    );
    if let Some((trace, span)) = &line.trace {
        push(out, format_args!(",\"traceId\":\"{trace}\",\"spanId\":\"{span}\""));
    }
    write_fields(line, &["logger_name", "thread_name", "level", "level_value", "traceId", "spanId"], out);
    out.push('}');
}

#[cfg(test)]
mod tests {
    use super::super::line::sample;
    use super::*;

    #[test]
    fn a_line_is_one_json_object_with_logstash_names() {
        let mut out = String::new();
        write(&sample(), &mut out);
        let read: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(
            read,
            serde_json::json!({
                "@timestamp": "2026-11-21T06:56:02.588000000Z", "@version": "1",
                "message": "instance \"a\" registered", "logger_name": "wellspring.registry.state.registry",
                "thread_name": "worker", "level": "INFO", "level_value": 20000, "port": 8081, "peer": "b\nc"
            })
        );
    }
}
