//! Who is counted: the key resolvers that tutorials define, under the names they give them.

use http::header::AUTHORIZATION;

use crate::exchange::Exchange;
use crate::query;
use crate::security::principal::Scheme;

/// What a request is counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyResolver {
    /// The user's name; there is none without a login.
    Principal,
    /// The peer's address.
    Address,
    /// The query parameter `user`.
    User,
    /// The header `X-Api-Key`.
    ApiKey,
    /// The path, before any filter changed it.
    Path,
    /// The header `Authorization`.
    Token,
}

const NAMES: [(&str, KeyResolver); 9] = [
    ("principalNameKeyResolver", KeyResolver::Principal),
    ("ipKeyResolver", KeyResolver::Address),
    ("remoteAddrKeyResolver", KeyResolver::Address),
    ("hostAddrKeyResolver", KeyResolver::Address),
    ("userKeyResolver", KeyResolver::User),
    ("apiKeyResolver", KeyResolver::ApiKey),
    ("pathKeyResolver", KeyResolver::Path),
    ("uriKeyResolver", KeyResolver::Path),
    ("tokenKeyResolver", KeyResolver::Token),
];

impl KeyResolver {
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, resolver)| *resolver)
    }

    /// What it counts by, in words.
    #[must_use]
    pub fn counts_by(self) -> &'static str {
        match self {
            Self::Principal => "user",
            Self::Address => "address",
            Self::User => "query parameter user",
            Self::ApiKey => "API key",
            Self::Path => "path",
            Self::Token => "Authorization header",
        }
    }

    /// All names, for a hint.
    #[must_use]
    pub fn names() -> String {
        NAMES.iter().map(|(name, _)| format!("#{{@{name}}}")).collect::<Vec<_>>().join(", ")
    }

    /// The key; `None` when the request has none.
    #[must_use]
    pub fn resolve(self, exchange: &Exchange) -> Option<String> {
        let header = |name: http::HeaderName| exchange.headers.get(name)?.to_str().ok().map(str::to_owned);
        match self {
            Self::Principal => exchange.principal.as_ref().map(|known| known.name.to_string()),
            Self::Address => Some(exchange.original.peer.ip().to_string()),
            Self::User => query::pairs(exchange.original.uri.query()?)
                .find(|(name, _)| name == "user")
                .and_then(|(_, value)| value.map(std::borrow::Cow::into_owned)),
            // The guard may have taken the key away: its consumer counts then.
            Self::ApiKey => match &exchange.principal {
                Some(known) if known.scheme == Scheme::ApiKey => Some(known.name.to_string()),
                _ => header(http::HeaderName::from_static("x-api-key")),
            },
            Self::Path => Some(exchange.original.uri.path().to_owned()),
            Self::Token => header(AUTHORIZATION),
        }
    }
}
