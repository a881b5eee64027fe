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
        "The role or the applications of the credential do not reach that far; or nothing asks for credentials and the request did not go to a name of this machine; or a write without a token lacks the header X-Wellspring: 1, which web pages of others cannot send.";
    FAILED = "WS-1614", "could not be done",
        "The daemon that was asked could not do it: a repository that cannot be read, a file that cannot be written. The message says what.";
    UNAUTHORIZED = "WS-1615", "who are you",
        "The admin API wants a credential: wellspring.admin.token or a token made on the page Access as Authorization: Bearer, or the session of somebody who signed in.";
    CONFLICT = "WS-1616", "contradicts what is",
        "What was asked for cannot be, as things are: the message says why.";
    UNREACHABLE = "WS-1617", "daemon not reachable",
        "Another daemon has the answer. It was found through the registry (wellspring.admin in its metadata) or wellspring.admin.daemons, and does not answer, or has another wellspring.admin.token.";
    ACCESS_FILE = "WS-1603", "file of users and tokens cannot be used",
        "The file named by wellspring.admin.access-file cannot be read, understood or written. It is written with mode 0600 and holds users with argon2id hashes and tokens with SHA-256 hashes.";
}
