//! Every code of a complaint of the admin side, with the paragraph that `wellspring explain` prints. 16xx.

use wellspring_properties::codes::Code;

macro_rules! codes {
    ($($name:ident = $code:literal, $title:literal, $explanation:literal;)*) => {
        $(#[doc = $title] pub const $name: &str = $code;)*
        /// All codes of this crate, in order.
        pub const CODES: &[Code] = &[$(Code { code: $code, title: $title, explanation: $explanation }),*];
    };
}

codes! {
    ADDRESS = "WS-1601", "admin address cannot be used",
        "wellspring.admin.address is host:port or off. An address that other machines can reach needs wellspring.admin.token, because the admin API shows and changes everything.";
    EVENT_FILE = "WS-1602", "event log cannot be opened",
        "The file named by wellspring.admin.events.file cannot be created, read or written.";
    UNKNOWN = "WS-1611", "not known",
        "The path names something that does not exist (any more): a service, an instance, an event.";
    BAD_REQUEST = "WS-1612", "query cannot be understood",
        "A query parameter has a value of the wrong kind. The message names it.";
    FORBIDDEN = "WS-1613", "not allowed",
        "The admin API wants the token of wellspring.admin.token as Authorization: Bearer, and without a token only answers to names of this machine.";
    FAILED = "WS-1614", "could not be done",
        "The daemon that was asked could not do it: a repository that cannot be read, a file that cannot be written. The message says what.";
}
