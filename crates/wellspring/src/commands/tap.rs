//! `tap`: live requests of a running gateway, read from its admin listener until one has seen enough.

use std::io::{self, Write};

use serde_json::Value;
use wellspring_lb_client::http::{Options, client};

use super::Output;

/// Which gateway, and which requests.
#[derive(Debug, clap::Args)]
pub(crate) struct Wanted {
    /// The gateway's admin listener (wellspring.admin.address).
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9770")]
    admin: String,
    /// The listener's token, when it has one; else WELLSPRING_ADMIN_TOKEN is taken.
    #[arg(long)]
    token: Option<String>,
    #[arg(long)]
    route: Option<String>,
    /// What the path begins with.
    #[arg(long)]
    path: Option<String>,
    #[arg(long)]
    method: Option<String>,
    #[arg(long)]
    consumer: Option<String>,
    /// 404, or 5xx.
    #[arg(long)]
    status: Option<String>,
    /// Only what took so many milliseconds at least.
    #[arg(long, value_name = "MILLIS")]
    slower: Option<u64>,
    /// Percent of the requests.
    #[arg(long, value_name = "PERCENT")]
    sample: Option<f64>,
    /// End after so many requests.
    #[arg(long, value_name = "N")]
    count: Option<usize>,
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

pub(super) fn run(wanted: &Wanted, out: &mut dyn Write) -> io::Result<bool> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(follow(wanted, out))
}

async fn follow(wanted: &Wanted, out: &mut dyn Write) -> io::Result<bool> {
    let address = format!("{}/api/v1/tap", wanted.admin.trim_end_matches('/'));
    let slower = wanted.slower.map(|millis| millis.to_string());
    let sample = wanted.sample.map(|percent| percent.to_string());
    let query: Vec<(&str, &str)> = [
        ("route", &wanted.route),
        ("path", &wanted.path),
        ("method", &wanted.method),
        ("consumer", &wanted.consumer),
        ("status", &wanted.status),
        ("slower", &slower),
        ("sample", &sample),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value.as_deref()?)))
    .collect();
    let http = client(Options { read_timeout: None, ..Options::default() }).map_err(io::Error::other)?;
    let mut request = http.get(&address).query(&query);
    let token = wanted.token.clone().or_else(|| {
        std::env::vars().find(|(name, _)| name == "WELLSPRING_ADMIN_TOKEN").map(|(_, token)| token)
    });
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let mut response = request.send().await.map_err(io::Error::other)?;
    let status = response.status();
    if !status.is_success() {
        let said = response.text().await.unwrap_or_default();
        return Err(io::Error::other(format!("{address} answers {}: {}", status.as_u16(), said.trim())));
    }
    let (mut waiting, mut seen) = (Vec::new(), 0);
    while let Some(chunk) = response.chunk().await.map_err(io::Error::other)? {
        waiting.extend_from_slice(&chunk);
        while let Some(end) = waiting.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = waiting.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let Some(data) = line.trim_end().strip_prefix("data: ").filter(|data| data.starts_with('{'))
            else {
                continue;
            };
            show(data, wanted.output, out)?;
            out.flush()?;
            seen += 1;
            if wanted.count.is_some_and(|count| seen >= count) {
                return Ok(true);
            }
        }
    }
    Ok(true)
}

fn show(data: &str, form: Output, out: &mut dyn Write) -> io::Result<()> {
    match form {
        Output::Json => writeln!(out, "{data}"),
        Output::Yaml => {
            let value: Value = serde_json::from_str(data)?;
            write!(out, "---\n{}", serde_yaml::to_string(&value).map_err(io::Error::other)?)
        }
        Output::Text => {
            let value: Value = serde_json::from_str(data)?;
            let text = |name: &str| match value.get(name) {
                Some(Value::String(text)) => text.clone(),
                None | Some(Value::Null) => "-".to_owned(),
                Some(other) => other.to_string(),
            };
            let took = value.get("tookMillis").and_then(Value::as_f64).unwrap_or(0.0);
            writeln!(
                out,
                "{} {} {} {took:.1} ms route={} upstream={} consumer={}",
                text("status"),
                text("method"),
                text("uri"),
                text("route"),
                text("upstream"),
                text("consumer")
            )
        }
    }
}
