//! Every metric name, its unit and its description: the only list. `docs/metrics.md` shows it to users.
//!
//! Names, tags and meanings are the originals' (Micrometer's dotted form); ours begin with `wellspring.`.
//! The kind is decided where a meter is bound: the same name is a counter, a timer or a gauge, never two of them.

/// A metric's dotted name with its base unit and description.
#[derive(Clone, Copy, Debug)]
pub struct Name {
    pub id: &'static str,
    /// `seconds`, `bytes`, `files` … or empty.
    pub unit: &'static str,
    pub help: &'static str,
}

impl Name {
    /// A name of an application's own. What this project measures is listed in this file.
    pub const fn custom(id: &'static str, unit: &'static str, help: &'static str) -> Self {
        Self { id, unit, help }
    }
}

macro_rules! names {
    ($($(#[$doc:meta])* $constant:ident = $id:literal, $unit:literal, $help:literal;)*) => {
        $($(#[$doc])* pub const $constant: Name = Name { id: $id, unit: $unit, help: $help };)*
        /// All names above, in order of appearance.
        pub const ALL: &[Name] = &[$($constant),*];
    };
}

names! {
    APPLICATION_STARTED_TIME = "application.started.time", "seconds", "Time taken to start the application";
    APPLICATION_READY_TIME = "application.ready.time", "seconds", "Time taken for the application to be ready to service requests";
    PROCESS_UPTIME = "process.uptime", "seconds", "The uptime of the process";
    PROCESS_START_TIME = "process.start.time", "seconds", "Start time of the process since unix epoch";
    PROCESS_CPU_USAGE = "process.cpu.usage", "", "The recent cpu usage of the process";
    PROCESS_CPU_TIME = "process.cpu.time", "ns", "The cpu time used by the process";
    PROCESS_FILES_OPEN = "process.files.open", "files", "The open file descriptor count";
    PROCESS_FILES_MAX = "process.files.max", "files", "The maximum file descriptor count";
    PROCESS_MEMORY_RESIDENT = "wellspring.process.memory.resident", "bytes", "Resident memory of the process";
    PROCESS_THREADS = "wellspring.process.threads", "threads", "The current number of threads of the process";
    SYSTEM_CPU_COUNT = "system.cpu.count", "", "The number of processors available to the process";
    SYSTEM_CPU_USAGE = "system.cpu.usage", "", "The recent cpu usage of the system the application is running in";
    SYSTEM_LOAD_AVERAGE_1M = "system.load.average.1m", "", "The average number of runnable tasks over a minute";
    DISK_FREE = "disk.free", "bytes", "Usable space for path";
    DISK_TOTAL = "disk.total", "bytes", "Total space for path";
    HTTP_SERVER_REQUESTS = "http.server.requests", "seconds", "Requests answered, by route template";
    HTTP_SERVER_REQUESTS_ACTIVE = "http.server.requests.active", "", "Requests in flight";
    HTTP_CLIENT_REQUESTS = "http.client.requests", "seconds", "Requests sent, by host and template";
    GATEWAY_REQUESTS = "spring.cloud.gateway.requests", "seconds", "Requests through a route, until the head of the answer";
    GATEWAY_ROUTES_COUNT = "spring.cloud.gateway.routes.count", "", "Number of routes in force";
    GATEWAY_UNLIMITED = "wellspring.gateway.ratelimiter.unlimited", "requests", "Requests let through uncounted because Redis could not be asked";
    GATEWAY_LOG_DROPPED = "wellspring.gateway.accesslog.dropped", "lines", "Lines of the access log that were lost because the writer was too slow";
    RESILIENCE4J_CIRCUITBREAKER_STATE = "resilience4j.circuitbreaker.state", "", "The states of the circuit breaker: 1 for the present one";
    RESILIENCE4J_CIRCUITBREAKER_FAILURE_RATE = "resilience4j.circuitbreaker.failure.rate", "", "The failure rate of the circuit breaker, -1 while there are too few calls";
    RESILIENCE4J_CIRCUITBREAKER_CALLS = "resilience4j.circuitbreaker.calls", "seconds", "Calls through the circuit breaker by how they ended";
    RESILIENCE4J_CIRCUITBREAKER_NOT_PERMITTED_CALLS = "resilience4j.circuitbreaker.not.permitted.calls", "", "Calls that the circuit breaker refused";
    RESILIENCE4J_CIRCUITBREAKER_BUFFERED_CALLS = "resilience4j.circuitbreaker.buffered.calls", "", "Calls in the window of the circuit breaker";
    RESILIENCE4J_CIRCUITBREAKER_SLOW_CALLS = "resilience4j.circuitbreaker.slow.calls", "", "Slow calls in the window of the circuit breaker";
    RESILIENCE4J_CIRCUITBREAKER_SLOW_CALL_RATE = "resilience4j.circuitbreaker.slow.call.rate", "", "The rate of slow calls of the circuit breaker, -1 while there are too few calls";
    RESILIENCE4J_RETRY_CALLS = "resilience4j.retry.calls", "", "Calls by how they ended, with or without a retry";
    RESILIENCE4J_RATELIMITER_AVAILABLE_PERMISSIONS = "resilience4j.ratelimiter.available.permissions", "", "Permissions left in this period; below zero when some are booked ahead";
    RESILIENCE4J_RATELIMITER_WAITING_THREADS = "resilience4j.ratelimiter.waiting.threads", "", "Calls that wait for a permission";
    RESILIENCE4J_TIMELIMITER_CALLS = "resilience4j.timelimiter.calls", "", "Calls by whether they ended in time";
    RESILIENCE4J_BULKHEAD_AVAILABLE_CONCURRENT_CALLS = "resilience4j.bulkhead.available.concurrent.calls", "", "Places that are free";
    RESILIENCE4J_BULKHEAD_MAX_ALLOWED_CONCURRENT_CALLS = "resilience4j.bulkhead.max.allowed.concurrent.calls", "", "Calls at a time";
    LOGBACK_EVENTS = "logback.events", "events", "Number of log events by level";
    SERVER_CONNECTIONS = "wellspring.server.connections", "connections", "Open connections";
    SERVER_CONNECTIONS_REFUSED = "wellspring.server.connections.refused", "connections", "Connections that ended before their first request: no TLS, no PROXY header, silence";
    TRACES_DROPPED = "wellspring.traces.dropped", "spans", "Spans dropped because the export queue was full or the collector refused them";
    /// Tags: outcome = published, unpublished, received, applied, failed, poison.
    REGISTRY_INSTANCES = "wellspring.registry.instances", "instances", "Registered instances by status";
    REGISTRY_RENEWALS_EXPECTED = "wellspring.registry.renewals.expected", "clients", "Clients expected to renew";
    REGISTRY_RENEWALS_THRESHOLD = "wellspring.registry.renewals.threshold", "renewals", "Renewals per minute at or below which no lease ends";
    REGISTRY_RENEWALS_LAST_MINUTE = "wellspring.registry.renewals.last.minute", "renewals", "Renewals of the last whole minute";
    REGISTRY_EXPIRY_ENABLED = "wellspring.registry.expiry.enabled", "", "1 while leases end, 0 while self-preservation keeps them";
    REGISTRY_REPLICATION_WAITING = "wellspring.registry.replication.waiting", "changes", "Changes that wait for a peer to take them";
    REGISTRY_REPLICATION_DROPPED = "wellspring.registry.replication.dropped", "changes", "Changes that a peer never got: too many, too old, or refused";
    /// Tags: outcome = answered, unknown, refused.
    REGISTRY_DNS_QUERIES = "wellspring.registry.dns.queries", "queries", "Questions to the registry's name server by outcome";
    REGISTRY_PEER_REACHABLE = "wellspring.registry.peer.reachable", "", "1 when the last attempt reached the peer, 0 when not";
    BUS_EVENTS = "wellspring.bus.events", "events", "Bus events by what became of them here";
    BUS_ACK_TIME = "wellspring.bus.ack.time", "seconds", "From a bus event to an ack of it";
    BUS_UNANSWERED = "wellspring.bus.unanswered", "events", "Events of the last hour that somebody expected has not acknowledged";
    BUS_WAITING = "wellspring.bus.waiting", "messages", "Messages that wait for the broker or daemon to take them";
    BUS_CONNECTED = "wellspring.bus.connected", "", "1 while messages flow, 0 while the broker or daemon is away";
    /// Tags: outcome = noted, foreign.
    BUS_ACKS = "wellspring.bus.acks", "acks", "Acks that arrived: of events that are followed here, or of others";
    /// Tags: outcome = success, failure.
    CONFIG_FETCHES = "wellspring.config.fetches", "seconds", "Fetches of Git remotes";
    CONFIG_COMMITS_REJECTED = "wellspring.config.commits.rejected", "commits", "Commits that were not served because they are broken";
    CONFIG_REPOSITORIES_STALE = "wellspring.config.repositories.stale", "repositories", "Repositories whose remote does not answer, served as they were last seen";
}
