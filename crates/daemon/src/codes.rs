//! Every code of a complaint of the frame, with the paragraph that `wellspring explain` prints. 15xx: starting and listening.

use wellspring_properties::codes::Code;

macro_rules! codes {
    ($($name:ident = $code:literal, $title:literal, $explanation:literal;)*) => {
        $(#[doc = $title] pub const $name: &str = $code;)*
        /// All codes of this crate, in order.
        pub const CODES: &[Code] = &[$(Code { code: $code, title: $title, explanation: $explanation }),*];
    };
}

codes! {
    PORT_TAKEN = "WS-1501", "port is taken",
        "Another process listens on the port that this application wants. The message names the process when the system shows it. Stop that process, or choose another port with server.port (SERVER_PORT in the environment, --server.port= on the command line).";
    LISTEN = "WS-1502", "cannot listen",
        "The address or port cannot be used: the address is not one of this machine, or the port is below 1024 and the process may not use it.";
    PROXY_PROTOCOL = "WS-1503", "trusted sender of PROXY headers cannot be used",
        "wellspring.proxy-protocol.trusted names addresses (10.0.0.7) and networks (10.0.0.0/8), separated by commas. Connections from there must begin with a PROXY header.";
    LOG_FORMAT = "WS-1511", "unknown log format",
        "logging.structured.format.console knows ecs and logstash. Leave it out for text lines.";
    LOG_LEVEL = "WS-1512", "unknown log level",
        "Levels are OFF, ERROR, WARN, INFO, DEBUG and TRACE.";
    TRACING = "WS-1521", "tracing setting cannot be used",
        "Propagation types are W3C, B3 and B3_MULTI; the sampling probability lies between 0.0 and 1.0; OTLP is sent over http, not grpc; endpoints are complete URLs.";
    SECURITY = "WS-1541", "credentials cannot be used",
        "spring.security.user.password is plain text, or {noop} followed by it. Other encodings are not supported.";
    ENDPOINT = "WS-1551", "actuator setting cannot be used",
        "A setting below management.endpoint(s) has a value that no endpoint understands.";
}
