//! Makes a new snapshot from all sources and puts it in force when every route compiles; otherwise the old one serves on.
//!
//! Sources are the configuration, routes that an operator applied in its place, routes added by the actuator, and discovery;
//! over all of them lie the switches of single routes. What happens is told to the event log.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use serde_json::{Value, json};
use wellspring_daemon::admin::events::New;
use wellspring_daemon::admin::{Admin, Topic};
use wellspring_properties::{Environment, Problem};
use wellspring_wire::Millis;

use super::operated::{Applied, Changes, File, Found, Switch};
use super::source::discovery::Locator;
use super::source::memory::Memory;
use super::source::properties;
use super::source::redis::Routes;
use super::table::Table;
use super::{Definition, Route, compile, difference};
use crate::actuator;
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
    /// Where an operator's changes are.
    file: File,
    /// One refresh at a time.
    running: Mutex<()>,
    state: RwLock<State>,
    log: Option<(Admin, String)>,
}

/// What is in force besides the routes themselves.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// Counts up with every set of routes.
    pub revision: u64,
    pub since: Option<Millis>,
    /// What an operator changed.
    pub changes: Changes,
    /// It outlives a restart.
    pub kept: bool,
    /// Routes that are not tried because they are switched off.
    pub off: Vec<Definition>,
    /// A newer set that was refused: when, and why.
    pub refused: Option<(Millis, Vec<String>)>,
    /// What is wrong with routes that were left out.
    pub left_out: Vec<String>,
}

/// A set of routes to be tried.
struct Attempt {
    env: Environment,
    changes: Changes,
    strict: bool,
    /// What for, as the event log says it.
    cause: &'static str,
}

impl Refresh {
    /// `log`: where it tells what happens, and under which name.
    pub fn new(proxy: Arc<Proxy>, env: Environment, log: Option<(Admin, String)>) -> Result<Self, Problem> {
        let key = format!("{}.redis-route-definition-repository.enabled", crate::config::PREFIX);
        let redis = match env.get(&key).as_deref() {
            Some("true") => Some(Routes::new(proxy.platform.redis(&env)?)),
            _ => None,
        };
        Ok(Self {
            proxy,
            file: File::read(&env),
            env: RwLock::new(env),
            memory: Memory::default(),
            redis,
            running: Mutex::new(()),
            state: RwLock::default(),
            log,
        })
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

    #[must_use]
    pub fn state(&self) -> State {
        self.state.read().clone()
    }

    /// The settings in force, applied routes included.
    #[must_use]
    pub fn effective(&self) -> Environment {
        laid_over(&self.env(), self.state.read().changes.applied.as_deref())
    }

    /// The definitions of all sources now.
    pub fn definitions(&self) -> Result<Vec<Definition>, Problem> {
        let env = self.effective();
        let own = properties::read(&env)?.definitions;
        self.complete(own, &env, &BTreeMap::new())
    }

    /// The definitions of a configuration with those that it does not hold, each as it was switched.
    pub(crate) fn complete(
        &self,
        own: Vec<Definition>,
        env: &Environment,
        switched: &BTreeMap<String, Switch>,
    ) -> Result<Vec<Definition>, Problem> {
        let mut definitions = own;
        definitions.extend(self.memory.all());
        if let Some(locator) = Locator::read(env)? {
            definitions.extend(locator.definitions(&*self.proxy.platform.client.discovery()));
        }
        for definition in &mut definitions {
            if let Some(switch) = switched.get(&definition.id) {
                definition.enabled = switch.enabled;
            }
        }
        Ok(definitions)
    }

    fn attempt(&self, cause: &'static str) -> Attempt {
        let strict = self.proxy.config.fail_on_route_definition_error;
        Attempt { env: self.env(), changes: self.state().changes, strict, cause }
    }

    /// At the start: with `fail-on-route-definition-error` the first problem ends it, else bad routes are left out. What an
    /// operator changed before is in force again, unless it does not fit any more.
    pub fn start(&self) -> Result<(), Problem> {
        let env = self.env();
        let own = if self.file.is_named() { written(&env) } else { Vec::new() };
        let Found { mut changes, mut dropped } = self.file.load(&env, &own)?;
        if let Some(applied) = &changes.applied {
            let again = Attempt { changes: changes.clone(), strict: true, ..self.attempt("start") };
            match self.run(again) {
                Ok(()) => return Ok(()),
                Err(problems) => {
                    let why = problems.first().map(Problem::line).unwrap_or_default();
                    let by = &applied.by;
                    dropped = Some(format!("routes applied by {by} are not in force again: {why}"));
                }
            }
            changes.applied = None;
        }
        if let Some(why) = dropped {
            tracing::warn!("{why}");
            let event = New::of(Topic::Routes, "not kept", self.name(), self.name());
            self.note(event, || (why, json!({"cause": "start"})));
        }
        let first = Attempt { changes, ..self.attempt("start") };
        self.run(first).map_err(|mut problems| problems.remove(0))
    }

    /// Later: all or nothing. The problems are logged and returned.
    pub fn again(&self) -> Result<(), Vec<Problem>> {
        self.run(self.attempt("actuator"))
    }

    /// The services have changed: only the discovery locator's routes can be others.
    pub fn follow_services(&self) {
        // A refused set is logged where it is refused.
        self.run(self.attempt("services")).ok();
    }

    /// With new settings; they are kept only when their routes are good. Where their own routes are others than before,
    /// applied ones have had their day.
    pub fn with(&self, env: &Environment) -> Result<(), Vec<Problem>> {
        let env = with_both_prefixes(env);
        let mut attempt = Attempt { env: env.clone(), ..self.attempt("configuration") };
        if attempt.changes.applied.is_some() && written(&env) != written(&self.env()) {
            attempt.changes.applied = None;
        }
        self.run(attempt)?;
        *self.env.write() = env;
        Ok(())
    }

    /// Puts other routes in the place of the configuration's, or takes them away again.
    pub fn apply(&self, applied: Option<Applied>) -> Result<(), Vec<Problem>> {
        let cause = if applied.is_some() { "applied" } else { "taken back" };
        let mut attempt = Attempt { strict: true, ..self.attempt(cause) };
        attempt.changes.applied = applied.map(Arc::new);
        self.run(attempt)
    }

    /// Switches a route on or off.
    pub fn switch(&self, id: &str, switch: Switch) -> Result<(), Vec<Problem>> {
        let mut attempt = self.attempt(if switch.enabled { "enabled" } else { "disabled" });
        attempt.changes.switched.insert(id.to_owned(), switch);
        self.run(attempt)
    }

    fn run(&self, attempt: Attempt) -> Result<(), Vec<Problem>> {
        let _running = self.running.lock();
        let cause = attempt.cause;
        let before = self.proxy.snapshot();
        let configured = attempt.env.clone();
        match self.build(attempt) {
            Ok(mut state) => {
                state.kept = self.keep(&state.changes, &configured);
                let after = self.proxy.snapshot();
                let (revision, count) = (state.revision, after.table.routes().len());
                let problems = state.left_out.len();
                *self.state.write() = state;
                self.tell(cause, &before, &after, revision, problems);
                // Services come and go all the time.
                if cause != "services" {
                    tracing::info!(routes = count, revision, "routes in force");
                }
                Ok(())
            }
            // Nothing runs yet: who starts it tells the problem.
            Err(problems) if cause == "start" => Err(problems),
            Err(problems) => {
                for problem in &problems {
                    tracing::error!(
                        problem = problem.line(),
                        "routes refused, the ones before stay in force"
                    );
                }
                let lines: Vec<String> = problems.iter().map(Problem::line).collect();
                self.note(New::of(Topic::Routes, "refused", self.name(), self.name()), || {
                    let text = format!("routes refused: {}", lines.first().map_or("", String::as_str));
                    (text, json!({"cause": cause, "problems": lines}))
                });
                self.state.write().refused = Some((Millis::now(), lines));
                Err(problems)
            }
        }
    }

    /// Writes down what an operator changed, when that is another; whether it outlives a restart.
    fn keep(&self, changes: &Changes, configured: &Environment) -> bool {
        let State { changes: before, kept, revision, .. } = self.state();
        if !self.file.is_named() {
            return false;
        }
        if changes.same(&before) {
            return kept || revision == 0;
        }
        let own = if changes.applied.is_some() { written(configured) } else { Vec::new() };
        self.file.keep(changes, own)
    }

    fn build(&self, attempt: Attempt) -> Result<State, Vec<Problem>> {
        let Attempt { env, changes, strict, .. } = attempt;
        let State { revision, .. } = self.state();
        let state = State { revision: revision + 1, since: Some(Millis::now()), changes, ..State::default() };
        if !self.proxy.config.enabled {
            self.proxy.replace(Snapshot::default());
            return Ok(state);
        }
        let env = &laid_over(&env, state.changes.applied.as_deref());
        let one = |problem: Problem| vec![problem];
        let read = properties::read(env).map_err(one)?;
        let definitions = self.complete(read.definitions, env, &state.changes.switched).map_err(one)?;
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
        self.proxy.replace(Snapshot { table: Table::new(routes), cors, guard });
        let off = definitions.into_iter().filter(|definition| !definition.enabled).collect();
        Ok(State { off, left_out: problems.iter().map(Problem::line).collect(), ..state })
    }

    /// An event for a set that is in force; services that come and go without other routes are none.
    fn tell(&self, cause: &str, before: &Snapshot, after: &Snapshot, revision: u64, left_out: usize) {
        if self.log.is_none() {
            return;
        }
        let diff = difference::between(&shown(before), &shown(after));
        if diff.same && cause == "services" {
            return;
        }
        let count = after.table.routes().len();
        self.note(New::of(Topic::Routes, "in force", self.name(), self.name()), || {
            let changed: Vec<&String> = diff.changed.iter().map(|one| &one.route).collect();
            let text = format!(
                "revision {revision}: {count} routes, {} added, {} removed, {} changed",
                diff.added.len(),
                diff.removed.len(),
                changed.len()
            );
            let data = json!({
                "revision": revision, "cause": cause, "routes": count, "added": diff.added, "removed": diff.removed,
                "changed": changed, "reordered": diff.reordered, "leftOut": left_out,
            });
            (text, data)
        });
    }

    fn name(&self) -> &str {
        self.log.as_ref().map_or("gateway", |(_, name)| name)
    }

    fn note(&self, event: New, describe: impl FnOnce() -> (String, Value)) {
        if let Some((admin, _)) = &self.log {
            let (text, data) = describe();
            admin.record(event.text(text).data(data));
        }
    }
}

fn shown(snapshot: &Snapshot) -> Vec<Value> {
    snapshot.table.routes().iter().map(|route: &Arc<Route>| actuator::shown(route)).collect()
}

fn laid_over(env: &Environment, applied: Option<&Applied>) -> Environment {
    let mut env = env.clone();
    for source in applied.iter().flat_map(|applied| applied.settings.sources().iter().rev()) {
        env = env.with_first(source.clone());
    }
    env
}

/// The routes of settings without their places.
fn written(env: &Environment) -> Vec<Value> {
    let read = properties::read(env).unwrap_or_default();
    read.definitions.iter().map(Definition::to_json).collect()
}
