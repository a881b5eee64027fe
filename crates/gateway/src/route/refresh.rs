//! Makes a new snapshot from all sources and puts it in force when every route compiles; otherwise the old one serves on.

use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use wellspring_properties::{Environment, Problem};

use super::source::discovery::Locator;
use super::source::memory::Memory;
use super::source::properties;
use super::source::redis::Routes;
use super::table::Table;
use super::{Definition, compile};
use crate::config::with_both_prefixes;
use crate::cors::Cors;
use crate::proxy::{Proxy, Snapshot};
use crate::security::Guard;

/// Refreshes a proxy. Shared by reference.
#[derive(Debug)]
pub struct Refresh {
    proxy: Arc<Proxy>,
    env: RwLock<Environment>,
    pub memory: Memory,
    /// Where added routes are kept beyond this process.
    redis: Option<Routes>,
    /// One refresh at a time.
    running: Mutex<()>,
}

impl Refresh {
    pub fn new(proxy: Arc<Proxy>, env: Environment) -> Result<Self, Problem> {
        let key = format!("{}.redis-route-definition-repository.enabled", crate::config::PREFIX);
        let redis = match env.get(&key).as_deref() {
            Some("true") => Some(Routes::new(proxy.platform.redis(&env)?)),
            _ => None,
        };
        Ok(Self { proxy, env: RwLock::new(env), memory: Memory::default(), redis, running: Mutex::new(()) })
    }

    /// Takes over what Redis holds; `false` while it is away: what it held before stays.
    pub async fn pull(&self) -> bool {
        let Some(redis) = &self.redis else { return true };
        match redis.all().await {
            Ok(definitions) => {
                self.memory.replace(definitions);
                true
            }
            Err(error) => {
                tracing::error!(error, "routes in redis cannot be read, the known ones stay");
                false
            }
        }
    }

    /// Keeps a route that was added at run time.
    pub async fn put(&self, definition: Definition) -> Result<(), String> {
        if let Some(redis) = &self.redis {
            redis.put(&definition).await?;
        }
        self.memory.put(definition);
        Ok(())
    }

    /// `false` when there is none of that id.
    pub async fn remove(&self, id: &str) -> Result<bool, String> {
        let known = self.memory.remove(id);
        match &self.redis {
            Some(redis) => redis.remove(id).await,
            None => Ok(known),
        }
    }

    #[must_use]
    pub fn proxy(&self) -> &Arc<Proxy> {
        &self.proxy
    }

    #[must_use]
    pub fn env(&self) -> Environment {
        self.env.read().clone()
    }

    /// The definitions of all sources now.
    pub fn definitions(&self) -> Result<Vec<Definition>, Problem> {
        let env = self.env();
        let mut definitions = properties::read(&env)?.definitions;
        definitions.extend(self.others(&env)?);
        Ok(definitions)
    }

    /// Definitions that the configuration does not hold. An id that it has is not taken twice.
    fn others(&self, env: &Environment) -> Result<Vec<Definition>, Problem> {
        let mut others = self.memory.all();
        if let Some(locator) = Locator::read(env)? {
            others.extend(locator.definitions(&*self.proxy.platform.client.discovery()));
        }
        Ok(others)
    }

    /// At the start: with `fail-on-route-definition-error` the first problem ends it, else bad routes are left out.
    pub fn start(&self) -> Result<(), Problem> {
        let strict = self.proxy.config.fail_on_route_definition_error;
        self.run(&self.env(), strict).map_err(|mut problems| problems.remove(0))
    }

    /// Later: all or nothing. The problems are logged and returned.
    pub fn again(&self) -> Result<(), Vec<Problem>> {
        let strict = self.proxy.config.fail_on_route_definition_error;
        self.run(&self.env(), strict).inspect_err(|problems| {
            for problem in problems {
                tracing::error!(problem = problem.line(), "routes refused, the ones before stay in force");
            }
        })
    }

    /// With new settings; they are kept only when their routes are good.
    pub fn with(&self, env: &Environment) -> Result<(), Vec<Problem>> {
        let env = with_both_prefixes(env);
        let strict = self.proxy.config.fail_on_route_definition_error;
        self.run(&env, strict).inspect_err(|problems| {
            for problem in problems {
                tracing::error!(problem = problem.line(), "routes refused, the ones before stay in force");
            }
        })?;
        *self.env.write() = env;
        Ok(())
    }

    fn run(&self, env: &Environment, strict: bool) -> Result<(), Vec<Problem>> {
        let _running = self.running.lock();
        if !self.proxy.config.enabled {
            self.proxy.replace(Snapshot::default());
            return Ok(());
        }
        let one = |problem: Problem| vec![problem];
        let read = properties::read(env).map_err(one)?;
        let mut definitions = read.definitions;
        definitions.extend(self.others(env).map_err(one)?);
        let platform = &self.proxy.platform;
        let (routes, compiling) =
            compile::all(&definitions, &read.defaults, &self.proxy.config, env, platform);
        let problems: Vec<Problem> = read.problems.into_iter().chain(compiling).collect();
        if strict && !problems.is_empty() {
            return Err(problems);
        }
        for problem in &problems {
            tracing::error!(problem = problem.line(), "route left out");
        }
        let cors = Cors::read(env).and_then(|cors| cors.with_routes(&routes)).map_err(one)?;
        let before = self.proxy.snapshot();
        let guard =
            Guard::read(env, &self.proxy.config, platform, &routes, before.guard.as_deref()).map_err(one)?;
        let count = routes.len();
        self.proxy.replace(Snapshot { table: Table::new(routes), cors, guard });
        tracing::info!(routes = count, "routes in force");
        Ok(())
    }
}
