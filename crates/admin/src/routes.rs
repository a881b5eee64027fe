//! The gateway as the operator sees it: its routes with their figures, what would become of a request, other routes tried
//! against recorded requests; and the few things that can be changed while it runs.
//!
//! The gateway fills it in; the API only asks.

use std::collections::BTreeMap;

use serde_json::Value;
use wellspring_wire::Millis;

use crate::denied::Denied;
use crate::resilience::RequestLimiter;
use crate::schema::view;

/// The gateway of this process.
pub trait Gateway: Send + Sync + 'static {
    /// Its name, for events.
    fn daemon(&self) -> String;
    fn routes(&self) -> RouteTable;
    /// The rate limiters of its routes.
    fn limiters(&self) -> Vec<RequestLimiter>;
    fn trace(&self, order: TraceOrder) -> Result<RouteTrace, Denied>;
    /// May take long: it runs on a thread for that.
    fn replay(&self, order: ReplayOrder) -> Result<Replay, Denied>;
    fn diff(&self, proposed: &str) -> Result<RouteDiff, Denied>;
    /// Switches a route on or off; answers it as it was and as it is.
    fn enable(&self, id: &str, enabled: bool, actor: &str) -> Result<(GatewayRoute, GatewayRoute), Denied>;
    /// Puts other routes in force, or those of the configuration again when the text is empty. All or nothing.
    fn apply(&self, routes: &str, actor: &str) -> Result<AppliedRoutes, Denied>;
}

view! {
    /// The routes of a gateway.
    pub struct RouteTable {
        /// The gateway.
        daemon: String,
        /// Counts up with every set of routes that was put in force.
        revision: u64,
        /// When this one was.
        since: Option<Millis>,
        /// Where it comes from: configuration, or applied by somebody.
        source: String,
        /// When somebody applied it.
        applied_at: Option<Millis>,
        /// What was applied and switched outlives a restart.
        kept: bool,
        /// In the order in which they are tried; those that are switched off come last.
        items: Vec<GatewayRoute>,
        /// A newer set that was refused: this one stayed.
        refused: Option<RefusedRoutes>,
        /// What is wrong with routes of this set that were left out.
        left_out: Vec<String>,
        /// Requests kept for replays.
        recording: Recording,
    }
}

view! {
    /// A route.
    pub struct GatewayRoute {
        /// Its id.
        id: String,
        /// Smaller ones are tried first.
        order: i64,
        /// Where it leads.
        uri: String,
        /// Its conditions; all must hold.
        predicates: Vec<String>,
        /// Its filters, those of all routes included, in their order.
        filters: Vec<String>,
        /// `file:line:column`, api, or discovery.
        source: String,
        /// Switched off it is not tried.
        enabled: bool,
        /// Somebody switched it, whatever the configuration says.
        switched: bool,
        /// Who.
        switched_by: Option<String>,
        /// When.
        switched_at: Option<Millis>,
        /// The service whose instances are asked, if it is one.
        service: Option<String>,
        /// Breakers on its way.
        breakers: Vec<String>,
        /// As configured.
        metadata: Option<Value>,
        /// Answered requests since the start.
        requests: u64,
        /// Of these, those answered with 5xx.
        errors: u64,
        /// Requests per second, over the last half to whole minute while somebody looks, else since the last look.
        rps: f64,
        /// 99 of 100 requests of that time took no longer.
        p99_ms: Option<f64>,
        /// The end of the last request.
        last_hit: Option<Millis>,
    }
}

view! {
    /// Routes that were not put in force.
    pub struct RefusedRoutes {
        /// What is wrong: code, place, what was found.
        problem: String,
        /// All that is wrong.
        problems: Vec<String>,
        /// When it was refused.
        since: Millis,
    }
}

view! {
    /// Requests kept for replays: method, target and headers without secrets, never bodies.
    pub struct Recording {
        /// Requests are being kept.
        on: bool,
        /// Until when; without it a setting says so.
        until: Option<Millis>,
        /// How many are kept now.
        requests: usize,
        /// How many there can be.
        capacity: usize,
    }
}

view! {
    /// A request that is described, not sent.
    pub struct TraceOrder {
        /// GET without one.
        method: String,
        /// Path with query.
        path: String,
        /// Values are texts or lists of texts.
        headers: BTreeMap<String, Value>,
        /// Whom it seems to come from; 127.0.0.1 without one.
        remote_address: Option<String>,
        /// It came over TLS.
        secure: bool,
        /// Routes in YAML to be tried in place of those in force.
        routes: Option<String>,
    }
}

view! {
    /// What would become of a request.
    pub struct RouteTrace {
        /// The route that wins.
        route: Option<String>,
        /// Routes in the order in which they are tried, up to the winner.
        tried: Vec<TriedRoute>,
        /// Filters of the winner in their order.
        filters: Vec<TracedFilter>,
        /// Where it would go.
        target: Option<String>,
        /// The instance that would be asked.
        instance: Option<TracedInstance>,
        /// Others that might have been.
        alternatives: Vec<TracedInstance>,
        /// How that choice came about.
        why: Option<String>,
        /// The end of a request that does not go upstream.
        ends_with: Option<String>,
        /// What the upstream would see, as far as filters that were not run do not change it.
        sent: Option<SentRequest>,
        /// Filters that are not run in a trace stand before the end: the rest is a guess without them.
        incomplete: bool,
        /// The time that all of it took.
        micros: f64,
    }
}

view! {
    /// A route that was tried.
    pub struct TriedRoute {
        /// Its id.
        id: String,
        /// All its conditions hold.
        matched: bool,
        /// The first condition that does not.
        failed: Option<String>,
        /// Where that condition, or the route, stands: `file:line:column`.
        place: Option<String>,
        /// The conditions that were looked at.
        conditions: Vec<TracedCondition>,
        /// The time that took.
        micros: f64,
    }
}

view! {
    /// A condition of a route.
    pub struct TracedCondition {
        /// As it is shown everywhere.
        text: String,
        /// The request fulfils it.
        held: bool,
        /// Where it stands.
        place: Option<String>,
    }
}

view! {
    /// A filter and what it does to the request.
    pub struct TracedFilter {
        /// Its kind.
        name: String,
        /// With its arguments.
        text: String,
        /// Where it stands; built-in ones stand nowhere.
        place: Option<String>,
        /// What it changes.
        changes: Vec<String>,
        /// Not run in a trace: it would wait, count, repeat, or ask somebody.
        not_run: bool,
        /// The time it took.
        micros: f64,
    }
}

view! {
    /// An instance of a service.
    pub struct TracedInstance {
        /// Its id.
        id: String,
        /// Host and port.
        address: String,
        /// Its zone, if it says one.
        zone: Option<String>,
        /// Calls under way from here.
        in_flight: u64,
        /// It is left out for a while because it failed.
        ejected: bool,
    }
}

view! {
    /// The request that would go upstream.
    pub struct SentRequest {
        /// Its method.
        method: String,
        /// Path with query.
        path: String,
        /// Its headers; secrets are masked.
        headers: BTreeMap<String, Vec<String>>,
    }
}

view! {
    /// Recorded requests to be tried on other routes.
    pub struct ReplayOrder {
        /// A settings file in YAML whose routes take the place of those in force.
        routes: String,
        /// Lines of an access log, `METHOD /path` lines, or a HAR file; without it the gateway's own last requests.
        requests: Option<String>,
    }
}

view! {
    /// What would become of recorded requests.
    pub struct Replay {
        /// Requests that were tried.
        requests: usize,
        /// Lines that are no requests.
        unread: Vec<String>,
        /// Those that go where they went.
        same: usize,
        /// The others.
        different: usize,
        /// Each kind of difference once.
        differences: Vec<ReplayDifference>,
        /// Requests kept by the gateway; asking without requests begins to keep them for ten minutes.
        recording: Recording,
    }
}

view! {
    /// Requests that would go elsewhere.
    pub struct ReplayDifference {
        /// One of them.
        example: String,
        /// How many.
        times: usize,
        /// Now.
        before: ReplayOutcome,
        /// With the other routes.
        after: ReplayOutcome,
    }
}

view! {
    /// Where a request goes.
    pub struct ReplayOutcome {
        /// By which route.
        route: Option<String>,
        /// Where to.
        target: Option<String>,
        /// What filters change.
        changes: Vec<String>,
        /// How it ends when it goes nowhere.
        ends_with: Option<String>,
    }
}

view! {
    /// Routes in YAML, to look at.
    pub struct ProposedRoutes {
        /// A settings file whose routes are meant.
        routes: String,
    }
}

view! {
    /// Other routes compared with those in force.
    pub struct RouteDiff {
        /// There is no difference.
        same: bool,
        /// Routes that would go.
        removed: Vec<String>,
        /// Routes that would come.
        added: Vec<String>,
        /// Routes that would be others.
        changed: Vec<ChangedRoute>,
        /// Those that stay would be tried in another order.
        reordered: bool,
    }
}

view! {
    /// A route that is not the same.
    pub struct ChangedRoute {
        /// Its id.
        route: String,
        /// What is different.
        members: Vec<ChangedMember>,
    }
}

view! {
    /// A part of a route that is not the same.
    pub struct ChangedMember {
        /// Which part.
        member: String,
        /// Now.
        before: Option<Value>,
        /// Then.
        after: Option<Value>,
    }
}

view! {
    /// Whether a route is to be tried.
    pub struct RouteSwitch {
        /// On or off.
        enabled: Option<bool>,
    }
}

view! {
    /// A route that was switched.
    pub struct SwitchedRoute {
        /// As it is now.
        route: GatewayRoute,
        /// It outlives a restart.
        kept: bool,
    }
}

view! {
    /// Routes to be put in force.
    pub struct ApplyOrder {
        /// A settings file in YAML; empty: those of the configuration again.
        routes: String,
    }
}

view! {
    /// Routes that were put in force. They stay until the configuration's own routes change; where they
    /// are not kept, also no longer than the gateway.
    pub struct AppliedRoutes {
        /// The revision they have.
        revision: u64,
        /// They outlive a restart.
        kept: bool,
        /// The one before.
        before: u64,
        /// How many there are.
        routes: usize,
        /// What they changed.
        diff: RouteDiff,
        /// Keys of the file that are no routes: they have no effect.
        ignored: Vec<String>,
    }
}
