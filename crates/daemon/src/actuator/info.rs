//! `/actuator/info`: what was built and where it runs.
//!
//! `build` is always there; `env` (properties `info.*`), `os` and `process` when `management.info.X.enabled` says so.

use serde_json::{Map, Value, json};
use wellspring_properties::{Environment, Problem};

use super::endpoint::{Endpoint, Reply};

/// What the binary knows of itself.
#[derive(Clone, Debug)]
pub(crate) struct Build {
    pub(crate) name: String,
    pub(crate) version: &'static str,
}

pub(crate) fn endpoint(env: &Environment, build: Build) -> Result<Endpoint, Problem> {
    let enabled = |name: &str, default: bool| -> Result<bool, Problem> {
        Ok(env.get_as(&format!("management.info.{name}.enabled"))?.unwrap_or(default))
    };
    let (env_on, build_on) = (enabled("env", false)?, enabled("build", true)?);
    let (os, process) = (enabled("os", false)?, enabled("process", false)?);
    let env = env.clone();
    Ok(Endpoint::new("info").read("", move |_| {
        let mut info = Map::new();
        if env_on && let Ok(Value::Object(own)) = env.bind::<Value>("info") {
            info.extend(own);
        }
        if build_on {
            info.insert("build".to_owned(), build_info(&build));
        }
        if os {
            info.insert("os".to_owned(), os_info());
        }
        if process {
            info.insert("process".to_owned(), process_info());
        }
        std::future::ready(Reply::json(&info))
    }))
}

fn build_info(build: &Build) -> Value {
    let mut info = Map::new();
    info.insert("artifact".to_owned(), json!(build.name));
    info.insert("name".to_owned(), json!(build.name));
    // The linker wrote the program when it was built.
    let built = std::env::current_exe().and_then(std::fs::metadata).and_then(|file| file.modified());
    let since = built.ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    if let Some(millis) = since.and_then(|since| i64::try_from(since.as_millis()).ok())
        && let Ok(time) = jiff::Timestamp::from_millisecond(millis)
    {
        info.insert("time".to_owned(), json!(format!("{time:.3}")));
    }
    info.insert("version".to_owned(), json!(build.version));
    info.insert("group".to_owned(), json!("wellspring"));
    Value::Object(info)
}

fn os_info() -> Value {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        other => other,
    };
    json!({"name": "Linux", "version": release.trim(), "arch": arch})
}

fn process_info() -> Value {
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    json!({
        "pid": std::process::id(),
        "parentPid": std::os::unix::process::parent_id(),
        "owner": crate::process::owner(),
        "cpus": cpus,
        "memory": {"resident": crate::process::resident_bytes()},
    })
}
