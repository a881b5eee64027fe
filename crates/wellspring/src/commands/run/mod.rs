//! `run`: any program as a registered service. It is started, watched, registered while it is healthy, given its
//! configuration, and at the end taken out of the registry before it is stopped.

mod child;
mod export;

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;
use wellspring_lb_client::config::Importer;
use wellspring_lb_client::{Client, Own, Status};
use wellspring_properties::{Environment, Loader};
use wellspring_telemetry::Meters;

use crate::server::{Exit, Failed, Outcome, wait};
use child::Child;

/// A look at the program's health takes no longer.
const LOOK: Duration = Duration::from_secs(2);

/// What to run, and under which name.
#[derive(Debug, clap::Args)]
pub(crate) struct Wanted {
    /// Name of the service.
    #[arg(long, value_name = "NAME")]
    app: String,
    /// Port that the program serves; PORT in its environment.
    #[arg(long)]
    port: u16,
    /// Registry, http://host:8761/eureka/; else eureka.client.service-url of the settings.
    #[arg(long, value_name = "URL")]
    registry: Option<String>,
    /// Config server whose values the program gets; else spring.config.import of the settings.
    #[arg(long, value_name = "URL")]
    config_server: Option<String>,
    /// Settings file or directory.
    #[arg(long, value_name = "FILE|DIR")]
    config: Option<PathBuf>,
    /// Path that answers below 400 while the program is well; without one an open port is enough.
    #[arg(long, value_name = "PATH")]
    health: Option<String>,
    /// Between two looks at its health.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = super::time)]
    every: Duration,
    /// Longest wait until it is well for the first time.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = super::time)]
    patience: Duration,
    /// After it left the registry, so long it still serves those who have not noticed.
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = super::time)]
    drain: Duration,
    /// Longest wait for its end after SIGTERM.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = super::time)]
    grace: Duration,
    /// Configuration as a file beside the variables: .properties, .yml or .json. Only its owner can read it.
    #[arg(long, value_name = "FILE")]
    export: Option<PathBuf>,
    /// Configuration is not put into the program's environment.
    #[arg(long)]
    no_env: bool,
    /// The program and its words.
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<String>,
}

pub(super) fn run(wanted: &Wanted, properties: Vec<String>, _out: &mut dyn Write) -> Outcome {
    wait(Box::pin(keep(wanted, properties)))
}

async fn keep(wanted: &Wanted, properties: Vec<String>) -> Outcome {
    let importer = Importer::new();
    let env = settings(wanted, properties, &importer).await?;
    let exported = export::values(&env, &importer);
    if let Some(file) = &wanted.export {
        export::write(file, &exported)?;
    }
    let mut variables = if wanted.no_env { Vec::new() } else { export::variables(&exported) };
    variables.push(("PORT".to_owned(), wanted.port.to_string()));
    let client = Client::from_env(&env, &Meters::default()).map_err(|problem| refused(&problem))?;
    if !client.registers() {
        return Err(Failed::usage("no registry is named").hint("--registry http://host:8761/eureka/"));
    }
    let mut child = Child::spawn(&wanted.command, &variables)?;
    eprintln!("{} runs as process {}", wanted.command.join(" "), child.id());
    let served = serve(wanted, &env, &client, &mut child).await;
    // Whatever ended it: nobody is sent here any more, and the program does not outlive us.
    client.deregister().await;
    let ended = match served {
        Ok(Some(status)) => Ok(status),
        Ok(None) => {
            eprintln!(
                "{} left the registry; {} s for those who have not noticed",
                wanted.app,
                wanted.drain.as_secs()
            );
            tokio::select! {
                ended = child.ended() => ended.map_err(Failed::from),
                () = tokio::time::sleep(wanted.drain) => child.stop(wanted.grace).await.map_err(Failed::from),
            }
        }
        Err(failed) => {
            child.stop(wanted.grace).await?;
            Err(failed)
        }
    };
    client.close().await;
    let status = ended?;
    let code = child::code(status);
    if code == 0 {
        Ok(true)
    } else {
        Err(Failed::status(code, format!("{} ended with {status}", wanted.app)))
    }
}

/// Watches the program until it ends (its status) or we are asked to stop (none).
async fn serve(
    wanted: &Wanted,
    env: &Environment,
    client: &Client,
    child: &mut Child,
) -> Result<Option<std::process::ExitStatus>, Failed> {
    let began = Instant::now();
    let mut told: Option<bool> = None;
    let stop = wellspring_daemon::stop_requested();
    let mut stop = std::pin::pin!(stop);
    loop {
        let well = well(wanted, client.http()).await;
        match told {
            None if well => {
                let listening = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), wanted.port);
                let own = Own::from_env(env, listening, false).await.map_err(|problem| refused(&problem))?;
                let id = own.info.id().to_owned();
                client.register(own).await.map_err(|problem| refused(&problem))?;
                eprintln!("{} is registered as {id}", wanted.app);
                told = Some(true);
            }
            None if began.elapsed() >= wanted.patience => {
                let text = format!("{} does not serve port {}", wanted.app, wanted.port);
                return Err(Failed::new(Exit::Problem, text).hint("--port, --health, or a longer --patience"));
            }
            Some(before) if before != well => {
                client.set_status(if well { Status::Up } else { Status::Down });
                eprintln!(
                    "{} is {}",
                    wanted.app,
                    if well { "well again" } else { "not well: DOWN in the registry" }
                );
                told = Some(well);
            }
            _ => {}
        }
        let pause = if told.is_none() { wanted.every.min(Duration::from_millis(100)) } else { wanted.every };
        tokio::select! {
            ended = child.ended() => return Ok(Some(ended?)),
            _ = &mut stop => return Ok(None),
            () = tokio::time::sleep(pause) => {}
        }
    }
}

async fn well(wanted: &Wanted, http: &reqwest::Client) -> bool {
    let look = async {
        match &wanted.health {
            Some(path) => {
                let address = format!("http://127.0.0.1:{}/{}", wanted.port, path.trim_start_matches('/'));
                http.get(address).send().await.is_ok_and(|answer| answer.status().as_u16() < 400)
            }
            None => tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, wanted.port)).await.is_ok(),
        }
    };
    tokio::time::timeout(LOOK, look).await.unwrap_or(false)
}

async fn settings(
    wanted: &Wanted,
    mut words: Vec<String>,
    importer: &Importer,
) -> Result<Environment, Failed> {
    words.push(format!("--spring.application.name={}", wanted.app));
    words.push(format!("--server.port={}", wanted.port));
    if let Some(url) = &wanted.registry {
        words.push(format!("--eureka.client.service-url.defaultZone={url}"));
    }
    if let Some(url) = &wanted.config_server {
        words.push(format!("--spring.config.import=configserver:{url}"));
    }
    let loader = Loader::new()
        .config_path(wanted.config.clone())
        .args(words)
        .vars(std::env::vars().collect())
        .importer(importer);
    loader.load().await.map_err(|problem| refused(&problem))
}

fn refused(problem: &wellspring_properties::Problem) -> Failed {
    let failed = Failed::new(Exit::Problem, problem.message.clone()).code(problem.code);
    match &problem.hint {
        Some(hint) => failed.hint(hint.clone()),
        None => failed,
    }
}
