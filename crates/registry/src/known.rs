//! Which settings of the Eureka server have an effect here.

use wellspring_properties::support::{Row, no, yes};

const AMAZON: &str = "only for machines at Amazon; remove it";
const BATCHED: &str = "changes are always sent in batches, and tried again until they expire";
const NO_POOL: &str = "there are no thread pools to size";
const NO_CODECS: &str = "there is one codec per format";
const REGIONS: &str = "remote regions are read with the settings of all outgoing connections";

/// `eureka.server`, `eureka.dashboard`, and the registry's part of `eureka.instance`.
pub const KNOWN: &[Row] = &[
    yes("eureka.dashboard", "the page at /"),
    yes("eureka.datacenter", "shown on the page"),
    yes("eureka.environment", "shown on the page"),
    yes("eureka.instance.registry", "when the registry opens"),
    no(
        "eureka.instance.registry.expected-number-of-clients-sending-renews",
        "the number is known when the registry opens",
    ),
    yes("eureka.server", "leases, self-preservation, lists, peers, rate limits"),
    no("eureka.server.a-s-g-cache-expiry-timeout-ms", AMAZON),
    no("eureka.server.a-s-g-query-timeout-ms", AMAZON),
    no("eureka.server.a-s-g-update-interval-ms", AMAZON),
    no("eureka.server.a-w-s-access-id", AMAZON),
    no("eureka.server.a-w-s-secret-key", AMAZON),
    no("eureka.server.binding-strategy", AMAZON),
    no("eureka.server.e-i-p-bind-rebind-retries", AMAZON),
    no("eureka.server.e-i-p-binding-retry-interval-ms", AMAZON),
    no("eureka.server.e-i-p-binding-retry-interval-ms-when-unbound", AMAZON),
    no("eureka.server.list-auto-scaling-groups-role-name", AMAZON),
    no("eureka.server.prime-aws-replica-connections", AMAZON),
    no("eureka.server.use-aws-asg-api", AMAZON),
    no("eureka.server.route53-bind-rebind-retries", AMAZON),
    no("eureka.server.route53-binding-retry-interval-ms", AMAZON),
    no("eureka.server.route53-domain-t-t-l", AMAZON),
    no("eureka.server.metrics.enabled", "metrics are always there"),
    no("eureka.server.batch-replication", BATCHED),
    no("eureka.server.number-of-replication-retries", BATCHED),
    no("eureka.server.min-threads-for-peer-replication", NO_POOL),
    no("eureka.server.max-idle-thread-age-in-minutes-for-peer-replication", NO_POOL),
    no("eureka.server.max-elements-in-status-replication-pool", NO_POOL),
    no("eureka.server.max-idle-thread-in-minutes-age-for-status-replication", NO_POOL),
    no("eureka.server.max-threads-for-status-replication", NO_POOL),
    no("eureka.server.min-threads-for-status-replication", NO_POOL),
    no("eureka.server.remote-region-fetch-thread-pool-size", NO_POOL),
    no("eureka.server.json-codec-name", NO_CODECS),
    no("eureka.server.xml-codec-name", NO_CODECS),
    no("eureka.server.initial-capacity-of-response-cache", "the cache grows as needed"),
    no("eureka.server.log-identity-headers", "the access log has the headers"),
    no("eureka.server.my-url-from-hostname", "see my-url"),
    no(
        "eureka.server.peer-eureka-status-refresh-time-interval-ms",
        "the state of peers is always the present one",
    ),
    no(
        "eureka.server.peer-node-total-connections",
        "the limit per peer is peer-node-total-connections-per-host",
    ),
    no("eureka.server.property-resolver", "properties come from the environment"),
    no("eureka.server.g-zip-content-from-remote-region", REGIONS),
    no("eureka.server.remote-region-connect-timeout-ms", REGIONS),
    no("eureka.server.remote-region-read-timeout-ms", REGIONS),
    no("eureka.server.remote-region-total-connections", REGIONS),
    no("eureka.server.remote-region-total-connections-per-host", REGIONS),
    no("eureka.server.remote-region-connection-idle-timeout-seconds", REGIONS),
    no("eureka.server.remote-region-trust-store", REGIONS),
    no("eureka.server.remote-region-trust-store-password", REGIONS),
    no("eureka.server.remote-region-urls", "name the regions: remote-region-urls-with-name"),
    no("eureka.server.enable-replicated-request-compression", "peers cannot read compressed batches"),
    no("eureka.server.disable-delta-for-remote-regions", "remote regions are always fetched whole"),
    no(
        "eureka.server.min-available-instances-for-peer-replication",
        "the status page lists the replicas and does not judge them",
    ),
];
