//! Which settings of Spring Cloud Bus and its brokers have an effect here.

use wellspring_properties::support::{Row, no, yes};

const OWN_CONNECTION: &str = "the bus has one connection, which sends and listens; remove it";
const KAFKA: &str = "the bus on Kafka takes its brokers, names, TLS and SASL; remove it";

/// `spring.cloud.bus`, `spring.rabbitmq`, `spring.kafka`, `spring.cloud.stream`, endpoints of the bus.
pub const KNOWN: &[Row] = &[
    yes("spring.cloud.bus", "destination, ids, acknowledgements"),
    no("spring.rabbitmq", OWN_CONNECTION),
    yes("spring.rabbitmq.host", "the broker of the bus"),
    yes("spring.rabbitmq.port", "its port"),
    yes("spring.rabbitmq.username", "its user"),
    yes("spring.rabbitmq.password", "its password"),
    yes("spring.rabbitmq.virtual-host", "its virtual host"),
    yes("spring.rabbitmq.addresses", "several brokers"),
    yes("spring.rabbitmq.address-shuffle-mode", "in which order they are tried"),
    yes("spring.rabbitmq.requested-heartbeat", "how soon a dead broker is noticed"),
    yes("spring.rabbitmq.connection-timeout", "longest wait for a connection"),
    yes("spring.rabbitmq.ssl.enabled", "TLS to the broker"),
    yes("spring.rabbitmq.ssl.bundle", "keys and trust: spring.ssl.bundle"),
    yes("spring.rabbitmq.ssl.validate-server-certificate", "false is refused"),
    yes("spring.rabbitmq.ssl.verify-hostname", "false is refused"),
    no("spring.rabbitmq.ssl", "keys and trust of the broker stand in a bundle: spring.rabbitmq.ssl.bundle"),
    no("spring.kafka", KAFKA),
    yes("spring.kafka.bootstrap-servers", "brokers of the bus, in a build with the feature kafka"),
    yes("spring.kafka.client-id", "how the bus calls itself"),
    yes("spring.kafka.security.protocol", "plain, TLS, SASL"),
    yes("spring.kafka.ssl.bundle", "keys and trust: spring.ssl.bundle"),
    yes("spring.kafka.properties", "security.protocol and sasl.*"),
    no("spring.cloud.stream", "the bus has its own connection: spring.rabbitmq or spring.kafka"),
    yes("spring.cloud.stream.default-binder", "rabbit or kafka"),
    yes(
        "spring.cloud.stream.bindings",
        "springCloudBusInput: destination and group; springCloudBusOutput: destination",
    ),
    yes("spring.cloud.stream.rabbit.bindings", "springCloudBusInput: prefetch, anonymous-group-prefix"),
    yes("spring.cloud.stream.kafka.binder", "brokers, topics"),
    yes("management.endpoint.busrefresh", "access"),
    yes("management.endpoint.busenv", "access"),
    yes("management.endpoint.busshutdown", "access"),
];
