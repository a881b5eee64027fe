//! `bench`: a bounded load on a server of this machine, and one line that can be compared with another.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::ValueEnum;
use reqwest::{Client, Method, Url};
use serde_json::json;
use tokio::time::Instant;
use wellspring_lb_client::http;

use crate::server::{Exit, Failed, Form, Outcome, Output, Progress, wait, write};

/// More is no load that one machine can make and bear.
const MOST: usize = 256;
const LONGEST: Duration = Duration::from_secs(60);

/// What is loaded, how and how long.
#[derive(Debug, clap::Args)]
pub(crate) struct Wanted {
    /// Which server.
    #[arg(value_enum)]
    what: What,
    /// Its address; only this machine is loaded.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// What is asked for, instead of what is usual for the server.
    #[arg(long, value_name = "PATH")]
    path: Option<String>,
    /// Requests at a time.
    #[arg(short, long, value_name = "N", default_value_t = 16)]
    connections: usize,
    /// How long.
    #[arg(long = "for", value_name = "TIME", default_value = "5s", value_parser = super::time)]
    time: Duration,
    #[command(flatten)]
    form: Form,
}

/// A server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum What {
    /// Half heartbeats of an instance of ours, half fetches of the changes.
    Registry,
    /// An application's configuration.
    Config,
    /// A path through the gateway.
    Gateway,
}

pub(super) fn run(wanted: &Wanted, out: &mut dyn Write) -> Outcome {
    wait(load(wanted, out))
}

async fn load(wanted: &Wanted, out: &mut dyn Write) -> Outcome {
    if !(1..=MOST).contains(&wanted.connections) || wanted.time > LONGEST || wanted.time.is_zero() {
        return Err(Failed::usage(format!("1 to {MOST} connections, at most {} s", LONGEST.as_secs())));
    }
    let base = wanted.base()?;
    let client =
        http::client(http::Options { idle_per_host: wanted.connections, ..http::Options::default() })
            .map_err(|error| Failed::new(Exit::Problem, error.to_string()))?;
    let own = Own::register(wanted, &base, &client).await?;
    let requests = wanted.requests(&base)?;
    let measured = measure(wanted, &client, requests).await;
    own.leave(&client).await;
    show(wanted, &base, &measured, out)?;
    Ok(measured.errors == 0)
}

impl Wanted {
    fn base(&self) -> Result<Url, Failed> {
        let usual = match self.what {
            What::Registry => "http://127.0.0.1:8761",
            What::Config => "http://127.0.0.1:8888",
            What::Gateway => "http://127.0.0.1:8080",
        };
        let given = self.url.as_deref().unwrap_or(usual);
        let url = Url::parse(given).map_err(|error| Failed::usage(format!("--url {given}: {error}")))?;
        let here = match url.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
            Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
            None => false,
        };
        if here { Ok(url) } else { Err(Failed::usage("only servers of this machine are loaded").hint(usual)) }
    }

    fn requests(&self, base: &Url) -> Result<Vec<(Method, Url)>, Failed> {
        let usual: &[(Method, &str)] = match self.what {
            What::Registry => &[(Method::PUT, Own::PATH), (Method::GET, "/eureka/apps/delta")],
            What::Config => &[(Method::GET, "/application/default")],
            What::Gateway => &[(Method::GET, "/")],
        };
        let wanted = match &self.path {
            Some(path) => vec![(Method::GET, path.as_str())],
            None => usual.to_vec(),
        };
        let joined = wanted.into_iter().map(|(method, path)| {
            let url = base.join(path).map_err(|error| Failed::usage(format!("--path {path}: {error}")))?;
            Ok((method, url))
        });
        joined.collect()
    }
}

/// The instance whose lease the registry's load renews.
struct Own(Option<Url>);

impl Own {
    const PATH: &str = "/eureka/apps/WELLSPRING-BENCH/wellspring-bench";

    async fn register(wanted: &Wanted, base: &Url, client: &Client) -> Result<Self, Failed> {
        if wanted.what != What::Registry || wanted.path.is_some() {
            return Ok(Self(None));
        }
        let parts = base.join("/eureka/apps/WELLSPRING-BENCH").ok().zip(base.join(Self::PATH).ok());
        let (list, own) = parts.ok_or_else(|| Failed::usage("--url cannot have a path"))?;
        let instance = json!({"instance": {
            "instanceId": "wellspring-bench", "hostName": "127.0.0.1", "app": "WELLSPRING-BENCH", "ipAddr": "127.0.0.1",
            "status": "OUT_OF_SERVICE", "port": {"$": 1, "@enabled": "true"}, "securePort": {"$": 443, "@enabled": "false"},
            "dataCenterInfo": {"@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo", "name": "MyOwn"},
            "leaseInfo": {"renewalIntervalInSecs": 30, "durationInSecs": 90},
        }});
        let sent = client.post(list).json(&instance).send().await;
        let answer =
            sent.map_err(|error| Failed::new(Exit::Unreachable, format!("{base} does not answer: {error}")))?;
        if !answer.status().is_success() {
            let text = format!("{base} answers {} to a registration", answer.status().as_u16());
            return Err(Failed::new(Exit::Refused, text));
        }
        Ok(Self(Some(own)))
    }

    async fn leave(self, client: &Client) {
        if let Some(own) = self.0
            && let Err(error) = client.delete(own).send().await
        {
            eprintln!("the instance of the load stays until its lease ends: {error}");
        }
    }
}

struct Measured {
    took: Duration,
    errors: u64,
    /// Microseconds, sorted.
    times: Vec<u32>,
}

async fn measure(wanted: &Wanted, client: &Client, requests: Vec<(Method, Url)>) -> Measured {
    let (began, errors, requests) = (Instant::now(), Arc::new(AtomicU64::new(0)), Arc::new(requests));
    let end = began + wanted.time;
    let mut workers = tokio::task::JoinSet::new();
    for worker in 0..wanted.connections {
        let (client, errors, requests) = (client.clone(), errors.clone(), requests.clone());
        workers.spawn(async move {
            let mut times = Vec::new();
            for (method, url) in requests.iter().cycle().skip(worker % requests.len().max(1)) {
                let sent = Instant::now();
                if sent >= end {
                    break;
                }
                let answer = client.request(method.clone(), url.clone()).send().await;
                let read = match answer {
                    Ok(answer) if answer.status().is_success() => answer.bytes().await.is_ok(),
                    _ => false,
                };
                if !read {
                    errors.fetch_add(1, Ordering::Relaxed);
                }
                times.push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
            }
            times
        });
    }
    let mut progress = Progress::new("load", wanted.time.as_millis(), &wanted.form);
    let mut times: Vec<u32> = Vec::new();
    loop {
        tokio::select! {
            done = workers.join_next() => match done {
                Some(Ok(more)) => times.extend(more),
                Some(Err(_)) => {}
                None => break,
            },
            () = tokio::time::sleep(Duration::from_millis(200)) => progress.at(began.elapsed().as_millis()),
        }
    }
    progress.end();
    times.sort_unstable();
    Measured { took: began.elapsed(), errors: errors.load(Ordering::Relaxed), times }
}

fn show(wanted: &Wanted, base: &Url, measured: &Measured, out: &mut dyn Write) -> std::io::Result<()> {
    let count = measured.times.len();
    let at =
        |percent: usize| measured.times.get((count * percent / 100).min(count.saturating_sub(1))).copied();
    let millis = |percent: usize| f64::from(at(percent).unwrap_or(0)) / 1000.0;
    let seconds = measured.took.as_secs_f64();
    let rate = f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / seconds.max(0.001);
    let what = wanted.what.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    if wanted.form.output != Output::Table {
        let line = json!({"bench": what, "url": base.as_str(), "connections": wanted.connections, "seconds": seconds,
            "requests": count, "perSecond": rate, "p50Ms": millis(50), "p99Ms": millis(99), "errors": measured.errors});
        return write(wanted.form.output, &line, out);
    }
    writeln!(
        out,
        "{what} {} connections {seconds:.1} s: {count} requests, {rate:.0}/s, p50 {:.2} ms, p99 {:.2} ms, {} errors",
        wanted.connections,
        millis(50),
        millis(99),
        measured.errors
    )
}
