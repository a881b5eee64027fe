//! Sending the steps of each case and weighing the answers.

use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::time::Instant;

use super::expect::Expected;
use super::json;
use super::stage::Stage;
use super::suite::{Case, Request, Step, Suite};
use super::variables::Variables;
use crate::http1::{self, Reply};

/// How one case ended.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub case: String,
    /// Empty when it held: the step that did not, and why.
    pub problems: Vec<String>,
}

impl Outcome {
    pub fn held(&self) -> bool {
        self.problems.is_empty()
    }
}

/// How a suite ended.
#[derive(Debug)]
pub enum Verdict {
    Played(Vec<Outcome>),
    /// The server, its set-up or an upstream did not start.
    NotStarted(String),
}

/// Starts the suite's server from `program` and plays the cases whose name holds `only`.
pub fn run(suite: &Suite, program: &Path, only: Option<&str>) -> Verdict {
    let mut stage = match Stage::start(suite, program) {
        Ok(stage) => stage,
        Err(error) => return Verdict::NotStarted(format!("{error:#}")),
    };
    let mut outcomes = Vec::new();
    for case in suite.script.cases.iter().filter(|case| only.is_none_or(|part| case.name.contains(part))) {
        outcomes.push(play(case, suite, &mut stage));
    }
    stage.server.stop(Duration::from_secs(20));
    Verdict::Played(outcomes)
}

fn play(case: &Case, suite: &Suite, stage: &mut Stage) -> Outcome {
    for (at, step) in case.steps.iter().enumerate() {
        let mut problems = attempt(step, suite, stage.server.port(), &mut stage.variables);
        if !problems.is_empty() {
            let field = |name: &str| step.request.get(name).and_then(Value::as_str).unwrap_or("GET");
            let path = stage.variables.fill_text(field("path"));
            problems.insert(0, format!("step {} {} {path}", at + 1, field("method")));
            return Outcome { case: case.name.clone(), problems };
        }
    }
    Outcome { case: case.name.clone(), problems: Vec::new() }
}

/// Repeats until the expectation holds or `retry_ms` are over.
fn attempt(step: &Step, suite: &Suite, port: u16, variables: &mut Variables) -> Vec<String> {
    std::thread::sleep(Duration::from_millis(step.sleep_ms));
    let deadline = Instant::now() + Duration::from_millis(step.retry_ms);
    loop {
        let (problems, reply) = match exchange(step, suite, port, variables) {
            Ok((problems, reply)) => (problems, Some(reply)),
            Err(error) => (vec![format!("no answer: {error:#}")], None),
        };
        match reply {
            Some(reply) if problems.is_empty() => return capture(step, &reply, variables),
            _ if Instant::now() >= deadline => return problems,
            _ => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}

fn exchange(step: &Step, suite: &Suite, port: u16, variables: &Variables) -> Result<(Vec<String>, Reply)> {
    let request: Request =
        serde_json::from_value(variables.fill(&step.request)).context("request of the step")?;
    let expected = match variables.fill(&step.response) {
        Value::Null => Expected::default(),
        response => serde_json::from_value(response).context("response of the step")?,
    };
    let reply = send(&request, port, &suite.script.context_path)?;
    Ok((expected.problems(&reply), reply))
}

fn send(request: &Request, port: u16, context_path: &str) -> io::Result<Reply> {
    let text_of = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut headers = Vec::new();
    for (name, values) in &request.headers {
        let values = values.as_array().map_or_else(|| std::slice::from_ref(values), Vec::as_slice);
        headers.extend(values.iter().map(|value| (name.clone(), text_of(value))));
    }
    let body = match (&request.body_repeat, &request.body) {
        (Some(repeat), _) => Some(repeat.text.repeat(repeat.times)),
        (None, body) => body.as_ref().map(text_of),
    };
    let prefix = if request.port.is_some() { "" } else { context_path.trim_end_matches('/') };
    let sent = http1::Request {
        method: request.method.clone(),
        path: format!("{prefix}{}", request.path),
        headers,
        body: body.map(String::into_bytes),
        ..http1::Request::default()
    };
    let mut reply = sent.send(request.port.unwrap_or(port))?;
    if request.gunzip && reply.header("content-encoding") == Some("gzip") && !reply.body.is_empty() {
        let mut plain = Vec::new();
        flate2::read::MultiGzDecoder::new(reply.body.as_slice()).read_to_end(&mut plain)?;
        reply.body = plain;
    }
    Ok(reply)
}

fn capture(step: &Step, reply: &Reply, variables: &mut Variables) -> Vec<String> {
    let mut problems = Vec::new();
    if step.capture.is_empty() {
        return problems;
    }
    let document = serde_json::from_slice::<Value>(&reply.body).unwrap_or_default();
    for (name, pointer) in &step.capture {
        let pointer = pointer.as_str().unwrap_or_default();
        match json::lookup(&document, pointer) {
            Some(value) => variables.capture(name, value),
            None => problems.push(format!("nothing to capture at {pointer}")),
        }
    }
    problems
}
