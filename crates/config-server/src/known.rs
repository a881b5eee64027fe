//! Which settings of Spring Cloud Config Server have an effect here.

use wellspring_properties::support::{Row, no, yes};

const BACKEND: &str = "this backend is not offered; use git, native, vault, jdbc, redis or svn";
const LOGIN: &str = "Vault is entered by a token, an AppRole, a certificate or a Kubernetes account";
const JVM: &str = "belongs to the JVM; remove it";

/// `spring.cloud.config.server`, `spring.cloud.config.monitor`, `encrypt`.
pub const KNOWN: &[Row] = &[
    yes("spring.cloud.config.server", "settings of the config server"),
    no("spring.cloud.config.server.bootstrap", "settings are read before anything is served"),
    yes("spring.cloud.config.server.git", "repositories"),
    yes("spring.cloud.config.server.native", "directories"),
    yes("spring.cloud.config.server.composite", "several backends, one over the other"),
    yes("spring.cloud.config.server.vault", "secrets of a Vault"),
    no("spring.cloud.config.server.vault.aws-ec2", LOGIN),
    no("spring.cloud.config.server.vault.aws-iam", LOGIN),
    no("spring.cloud.config.server.vault.azure-msi", LOGIN),
    no("spring.cloud.config.server.vault.gcp-gce", LOGIN),
    no("spring.cloud.config.server.vault.gcp-iam", LOGIN),
    no("spring.cloud.config.server.vault.pcf", LOGIN),
    no("spring.cloud.config.server.vault.proxy", "Vault is asked without a proxy"),
    no("spring.cloud.config.server.vault.ssl.key-store-password", "keys and trust of Vault are PEM files"),
    no("spring.cloud.config.server.vault.ssl.trust-store-password", "keys and trust of Vault are PEM files"),
    yes("spring.cloud.config.server.jdbc", "rows of PostgreSQL, MySQL or MariaDB, at spring.datasource.url"),
    yes("spring.cloud.config.server.redis", "hashes of a Redis, at spring.data.redis"),
    yes("spring.cloud.config.server.svn", "a Subversion repository"),
    yes("spring.cloud.config.server.monitor", "which senders of webhooks are heard"),
    no("spring.cloud.config.server.credhub", BACKEND),
    no("spring.cloud.config.server.awss3", BACKEND),
    no("spring.cloud.config.server.awsparamstore", BACKEND),
    no("spring.cloud.config.server.aws-secretsmanager", BACKEND),
    no("spring.cloud.config.server.gcp-secret-manager", BACKEND),
    no("spring.cloud.config.server.mongodb", BACKEND),
    yes("spring.cloud.config.monitor", "path of the webhook"),
    yes("spring.datasource.url", "the database of spring.cloud.config.server.jdbc"),
    yes("spring.datasource.username", "its user"),
    yes("spring.datasource.password", "its password"),
    no("spring.datasource", "the config server keeps a small pool of its own"),
    yes("spring.jdbc.template.query-timeout", "longest question to the database"),
    yes("encrypt", "keys for {cipher} values"),
    no("spring.cloud.decrypt-environment-post-processor", JVM),
    no("health.config", "health of the config client tells where its values came from"),
];
