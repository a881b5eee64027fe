//! Codes of what the command line itself complains about, with the paragraph that `wellspring explain` prints. 19xx.

use wellspring_properties::codes::Code;

macro_rules! codes {
    ($($name:ident = $code:literal, $title:literal, $explanation:literal;)*) => {
        $(#[doc = $title] pub(crate) const $name: &str = $code;)*
        /// All codes of this crate, in order.
        pub(crate) const CODES: &[Code] = &[$(Code { code: $code, title: $title, explanation: $explanation }),*];
    };
}

codes! {
    USAGE = "WS-1901", "the command cannot be meant",
        "Words or options of the command contradict each other or cannot be read. wellspring VERB --help lists them.";
    UNREACHABLE = "WS-1902", "no admin API answers",
        "The command asks a running platform through the admin API of one of its daemons. Nothing answered at that address: the daemon does not run, wellspring.admin.address is off or another one (the daemon's log names it), or a firewall is between. The address comes from --server, --context, WELLSPRING_SERVER, the chosen context, and is http://127.0.0.1:9770 otherwise.";
    CONSENT = "WS-1903", "a change wants consent",
        "The command changes a running platform. On a terminal it asks; in a script it wants --yes. Nothing was changed.";
    CONTEXT = "WS-1904", "context cannot be used",
        "Contexts are names for platforms: an address and a token, kept in wellspring/contexts.json below the user's configuration directory (or in the file that WELLSPRING_CONTEXTS names). wellspring context list shows them.";
}
