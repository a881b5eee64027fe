//! Spring Boot's console format.

use tracing::Level;

use super::Settings;
use super::line::{Line, push};

/// Trace and span id with a dash.
const CORRELATION_WIDTH: usize = 49;
const LOGGER_WIDTH: usize = 40;
const LOGGER_TARGET: usize = 39;
const THREAD_WIDTH: usize = 15;

pub(super) fn write(line: &Line, settings: &Settings, out: &mut String) {
    let level = match line.level {
        Level::ERROR => "ERROR",
        Level::WARN => "WARN",
        Level::INFO => "INFO",
        Level::DEBUG => "DEBUG",
        Level::TRACE => "TRACE",
    };
    let offset =
        if line.when.offset().is_zero() { "Z".to_owned() } else { line.when.strftime("%:z").to_string() };
    push(
        out,
        format_args!("{}{offset} {level:>5} {} --- ", line.when.strftime("%Y-%m-%dT%H:%M:%S.%3f"), line.pid),
    );
    let app = line.app.as_deref().unwrap_or(&settings.application);
    if !settings.hide_application && !app.is_empty() {
        push(out, format_args!("[{app}] "));
    }
    push(out, format_args!("[{:>THREAD_WIDTH$}] ", last(&line.thread, THREAD_WIDTH)));
    match &line.trace {
        Some((trace, span)) => push(out, format_args!("[{trace}-{span}] ")),
        None if settings.correlation => push(out, format_args!("[{:CORRELATION_WIDTH$}] ", "")),
        None => {}
    }
    push(out, format_args!("{:LOGGER_WIDTH$} : ", last(&abbreviate(&line.logger), LOGGER_WIDTH)));
    line.write_message(out);
}

/// The last characters of a text.
fn last(text: &str, width: usize) -> String {
    let skip = text.chars().count().saturating_sub(width);
    text.chars().skip(skip).collect()
}

/// Shortens leading parts to their first letter until the name fits, as Logback does; the last part stays whole.
fn abbreviate(name: &str) -> String {
    let mut parts: Vec<&str> = name.split('.').collect();
    let mut length = name.len();
    let last = parts.len().saturating_sub(1);
    for part in parts.iter_mut().take(last) {
        if length <= LOGGER_TARGET {
            break;
        }
        let first = part.chars().next().map_or(0, char::len_utf8);
        length -= part.len() - first;
        *part = part.get(..first).unwrap_or_default();
    }
    parts.join(".")
}

#[cfg(test)]
mod tests {
    use super::super::line::sample;
    use super::*;

    fn text(line: &Line, settings: &Settings) -> String {
        let mut out = String::new();
        write(line, settings, &mut out);
        out
    }

    #[test]
    fn a_line_has_springs_columns() {
        assert_eq!(
            text(&sample(), &Settings::default()),
            "2026-11-21T06:56:02.588Z  INFO 9383 --- [otel-app] [         worker] wellspring.registry.state.registry       : instance \"a\" registered port=8081 peer=b\nc"
        );
    }

    #[test]
    fn trace_and_span_stand_between_thread_and_logger() {
        let mut line = sample();
        let settings = Settings { correlation: true, hide_application: true, ..Settings::default() };
        assert!(
            text(&line, &settings)
                .contains("[         worker] [                                                 ] wellspring")
        );
        line.trace = Some(("83167ea1bae514362611f18b5b71155a".to_owned(), "2810af3db140cd60".to_owned()));
        assert!(
            text(&line, &settings)
                .contains("] [83167ea1bae514362611f18b5b71155a-2810af3db140cd60] wellspring")
        );
    }

    #[test]
    fn long_loggers_keep_their_end() {
        assert_eq!(abbreviate("wellspring.registry.http.instances"), "wellspring.registry.http.instances");
        assert_eq!(
            abbreviate("wellspring.config.server.repository.git.transport"),
            "w.c.server.repository.git.transport"
        );
    }
}
