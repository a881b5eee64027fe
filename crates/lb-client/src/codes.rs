//! Codes of this crate's complaints, with the paragraph that `wellspring explain` prints. 13xx: the embedded client.

use wellspring_properties::codes::Code;

/// A URL that cannot be used.
pub const URL: &str = "WS-1301";
/// A client's TLS settings that cannot be used.
pub const HTTP_CLIENT: &str = "WS-1302";
/// A load-balancer setting that is none of the known words.
pub const LOAD_BALANCER: &str = "WS-1303";
/// The registry does not answer and the start depends on it.
pub const REGISTRY: &str = "WS-1304";
/// The config server does not answer and the start depends on it.
pub const CONFIG_SERVER: &str = "WS-1305";
/// A value cannot be decrypted here.
pub const DECRYPT: &str = "WS-1306";

/// Settings of a resilience pattern that cannot work.
pub const RESILIENCE: &str = "WS-1307";

/// All codes of this crate, in order.
pub const CODES: &[Code] = &[
    Code {
        code: URL,
        title: "URL cannot be used",
        explanation: "A setting wants the URL of a server, such as http://host:8761/eureka/, and has something else.",
    },
    Code {
        code: HTTP_CLIENT,
        title: "HTTP client cannot be made",
        explanation: "The TLS settings of an outbound client cannot be used. The message of the TLS library follows.",
    },
    Code {
        code: LOAD_BALANCER,
        title: "unknown load-balancer word",
        explanation: "spring.cloud.loadbalancer.configurations names a ready chain: default, zone-preference, health-check, request-based-sticky-session, same-instance-preference, weighted or subset. wellspring.loadbalancer.picker names a picker.",
    },
    Code {
        code: REGISTRY,
        title: "registry does not answer",
        explanation: "eureka.client.should-enforce-registration-at-init or should-enforce-fetch-registry-at-init is true, so the start fails when the first registration or fetch does. Check eureka.client.service-url.",
    },
    Code {
        code: CONFIG_SERVER,
        title: "config server does not answer",
        explanation: "spring.config.import asks for configserver: and no server gave an environment. Check spring.cloud.config.uri; write optional:configserver: to start without it.",
    },
    Code {
        code: DECRYPT,
        title: "value cannot be decrypted",
        explanation: "A value begins with {cipher} and the key given by encrypt.* does not fit it. Without any encrypt.* key such values are left as they are.",
    },
    Code {
        code: RESILIENCE,
        title: "resilience setting cannot work",
        explanation: "A setting below resilience4j.* is outside of what the pattern can work with, or baseConfig names a set of settings that is not there or that is its own base.",
    },
];
