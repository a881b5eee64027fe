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
    DAEMON = "WS-1911", "a daemon is not well",
        "One of its health indicators is neither UP nor unknown. The lines of the group problems name the indicator, what it says and what to do; /actuator/health of the daemon has the same.";
    FILE = "WS-1912", "a directory cannot be written",
        "A daemon keeps state or a mirror in this directory, and a file could not be made there: rights, a read-only or a full disk.";
    REMOTE = "WS-1913", "something that is needed does not answer",
        "A repository, a broker, a peer or a daemon was asked for a connection and gave none within a few seconds: a wrong address, a process that does not run, or a firewall between.";
    CLOCK = "WS-1914", "clocks differ",
        "The clock of a machine is far from that of another. Leases, tokens, certificates and the order of events go by clocks. Let time be synchronised (NTP, chrony, systemd-timesyncd).";
    ADDRESS = "WS-1915", "an address leads nowhere",
        "An instance tells the registry an address that callers on other machines cannot reach: loopback, the address of a container's own network, or a name that only its own machine knows. Set eureka.instance.ip-address or eureka.instance.hostname, or eureka.instance.prefer-ip-address.";
    DRIFT = "WS-1916", "instances run different configurations",
        "Some clients fetched an older commit than the one that is served now. A refresh brings them on: wellspring bus send, or POST /actuator/refresh at each.";
    DEFAULT = "WS-1917", "a setting is only for development",
        "The setting is convenient on a laptop and dangerous elsewhere. The line says what happens and what to write.";
    BREAKER = "WS-1918", "a breaker is open, or an instance is left out",
        "Calls failed so often that no more are sent for a while. The callee is the one to look at; the breaker tries again by itself.";
    ROUTES = "WS-1919", "newer routes are refused",
        "The gateway was given routes that have a problem, and goes on with those before. wellspring validate FILE shows the problem in its place.";
    SILENT = "WS-1920", "somebody did not acknowledge an event",
        "An event went over the bus, and an instance that should have answered has not. It may be slow, gone, or not on the bus. The event can be sent again.";
    PRESERVATION = "WS-1921", "self-preservation is active",
        "So many heartbeats are missing that a broken network is likelier than that many broken instances; the registry therefore keeps their leases. When they are gone for good, wellspring cluster accept says so.";
    INSTANCE = "WS-1922", "an instance takes no calls",
        "It is registered, and its status is not UP: its own health says DOWN, or it was taken out of service.";
}
