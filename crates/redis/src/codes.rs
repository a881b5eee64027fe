//! Codes of complaints about the settings of Redis; never reused.

use wellspring_properties::codes::Code;

/// `spring.data.redis` cannot be used.
pub const SETTINGS: &str = "WS-1430";

/// All codes of this crate, with the paragraph that `wellspring explain` prints.
pub const CODES: &[Code] = &[Code {
    code: SETTINGS,
    title: "Redis settings cannot be used",
    explanation: "spring.data.redis says where Redis is: host, port, username, password, database and url are read, timeout and connect-timeout, ssl.enabled and ssl.bundle too. Sentinels and clusters are not offered.",
}];
