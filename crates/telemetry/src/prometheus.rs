//! The Prometheus text view, with the names Micrometer gives: `_seconds`, `_total`, a separate `_max`.

use std::fmt::Write as _;
use std::time::Duration;

use crate::meters::{Kind, Meters, Reading, Snapshot, Tags};

/// `text/plain` 0.0.4, or OpenMetrics 1.0.0 (which ends with `# EOF`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Text,
    OpenMetrics,
}

impl Format {
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain;version=0.0.4;charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text;version=1.0.0;charset=utf-8",
        }
    }
}

pub fn render(meters: &Meters, format: Format) -> String {
    let mut out = String::with_capacity(8 * 1024);
    for family in meters.snapshot() {
        write_family(&mut out, &family, format);
    }
    if format == Format::OpenMetrics {
        out.push_str("# EOF\n");
    }
    out
}

/// The name under which Prometheus sees a metric, without the suffixes of single samples.
pub fn exposed_name(family: &Snapshot) -> String {
    let mut name: String =
        family.name.id.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect();
    let unit = if family.kind == Kind::Timer { "seconds" } else { family.name.unit };
    if !unit.is_empty() && !name.ends_with(&format!("_{unit}")) {
        name.push('_');
        name.push_str(unit);
    }
    name
}

fn write_family(out: &mut String, family: &Snapshot, format: Format) {
    let name = exposed_name(family);
    match family.kind {
        Kind::Gauge => {
            header(out, &name, family.name.help, "gauge");
            for (tags, reading) in &family.series {
                if let Reading::Gauge(value) = reading {
                    sample(out, &name, "", tags, &number(*value));
                }
            }
        }
        Kind::Counter => {
            // OpenMetrics declares the family without the suffix that its samples carry.
            let base = name.strip_suffix("_total").unwrap_or(&name);
            let suffix = if format == Format::Text { "_total" } else { "" };
            header(out, &format!("{base}{suffix}"), family.name.help, "counter");
            for (tags, reading) in &family.series {
                if let Reading::Counter(value) = reading {
                    #[expect(clippy::cast_precision_loss, reason = "the wire format is a double")]
                    sample(out, base, "_total", tags, &number(*value as f64));
                }
            }
        }
        Kind::Timer => write_timer(out, &name, family),
    }
}

fn write_timer(out: &mut String, name: &str, family: &Snapshot) {
    header(out, name, family.name.help, "summary");
    for (tags, reading) in &family.series {
        if let Reading::Timer { count, total, .. } = reading {
            sample(out, name, "_count", tags, &count.to_string());
            sample(out, name, "_sum", tags, &seconds(*total));
        }
    }
    let max = format!("{name}_max");
    header(out, &max, family.name.help, "gauge");
    for (tags, reading) in &family.series {
        if let Reading::Timer { max: longest, .. } = reading {
            sample(out, &max, "", tags, &seconds(*longest));
        }
    }
}

fn header(out: &mut String, name: &str, help: &str, kind: &str) {
    let help = if help.is_empty() { " " } else { help };
    push(out, format_args!("# HELP {name} {}\n# TYPE {name} {kind}\n", escape(help, false)));
}

fn sample(out: &mut String, name: &str, suffix: &str, tags: &Tags, value: &str) {
    out.push_str(name);
    out.push_str(suffix);
    for (index, (key, text)) in tags.iter().enumerate() {
        let open = if index == 0 { '{' } else { ',' };
        push(out, format_args!("{open}{}=\"{}\"", label(key), escape(text, true)));
    }
    if !tags.is_empty() {
        out.push('}');
    }
    push(out, format_args!(" {value}\n"));
}

fn label(key: &str) -> String {
    key.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect()
}

fn escape(text: &str, quotes: bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '"' if quotes => escaped.push_str("\\\""),
            other => escaped.push(other),
        }
    }
    escaped
}

fn seconds(duration: Duration) -> String {
    number(duration.as_secs_f64())
}

/// A double as Java prints it: `1.0`, `2.70553174016E11`, `1.0E-4`.
pub fn number(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let size = value.abs();
    if value == 0.0 || (1e-3..1e7).contains(&size) {
        return format!("{value:?}");
    }
    let scientific = format!("{value:E}");
    match scientific.split_once('E') {
        Some((mantissa, exponent)) if !mantissa.contains('.') => format!("{mantissa}.0E{exponent}"),
        _ => scientific,
    }
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    if out.write_fmt(text).is_err() {
        debug_assert!(false, "writing to a string cannot fail");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names;

    #[test]
    fn numbers_look_as_java_prints_them() {
        let table = [
            (0.0, "0.0"),
            (1.0, "1.0"),
            (121.474, "121.474"),
            (0.001, "0.001"),
            (0.0001, "1.0E-4"),
            (270_553_174_016.0, "2.70553174016E11"),
            (10_000_000.0, "1.0E7"),
            (9_999_999.0, "9999999.0"),
            (-2.5e10, "-2.5E10"),
            (f64::INFINITY, "+Inf"),
        ];
        for (value, text) in table {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn each_kind_has_its_names() {
        let meters = Meters::default();
        meters.gauge(names::DISK_FREE, &[("path", "/app/.")]).set(66_426_699_776.0);
        meters.counter(names::LOGBACK_EVENTS, &[("level", "warn")]).add(3);
        meters.timer(names::HTTP_SERVER_REQUESTS, &[("uri", "/a\"b")]).record(Duration::from_millis(250));
        let text = render(&meters, Format::Text);
        let expected = "\
# HELP disk_free_bytes Usable space for path
# TYPE disk_free_bytes gauge
disk_free_bytes{path=\"/app/.\"} 6.6426699776E10
# HELP http_server_requests_seconds Requests answered, by route template
# TYPE http_server_requests_seconds summary
http_server_requests_seconds_count{uri=\"/a\\\"b\"} 1
http_server_requests_seconds_sum{uri=\"/a\\\"b\"} 0.25
# HELP http_server_requests_seconds_max Requests answered, by route template
# TYPE http_server_requests_seconds_max gauge
http_server_requests_seconds_max{uri=\"/a\\\"b\"} 0.25
# HELP logback_events_total Number of log events by level
# TYPE logback_events_total counter
logback_events_total{level=\"warn\"} 3.0
";
        assert_eq!(text, expected);
    }

    #[test]
    fn open_metrics_ends_with_eof_and_declares_the_family_without_total() {
        let meters = Meters::default();
        meters.counter(names::LOGBACK_EVENTS, &[]).increment();
        let text = render(&meters, Format::OpenMetrics);
        assert!(text.contains("# TYPE logback_events counter\nlogback_events_total 1.0\n"), "{text}");
        assert!(text.ends_with("# EOF\n"));
    }
}
