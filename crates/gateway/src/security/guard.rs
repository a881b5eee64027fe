//! The guard in front of the routes: who is it, and may it go there.
//!
//! Credentials that are there are judged even where none are asked for, as in Spring: a wrong token is 401 everywhere.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use http::header::{ACCEPT, AUTHORIZATION};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response};
use wellspring_pattern::{JavaRegex, PathPattern};
use wellspring_properties::{Environment, Problem};

use super::api_key::ApiKeys;
use super::basic::Basic;
use super::bearer::{self, Bearer};
use super::certificate::Subjects;
use super::oauth2::Clients;
use super::password::Checker;
use super::principal::{Principal, Scheme};
use super::refusal::Refusal;
use super::remote::Remote;
use super::rule::{self, Access, Rule};
use super::setting;
use crate::config::Config;
use crate::exchange::{Exchange, Original};
use crate::filter::header_value;
use crate::headers::trusted::is_trusted;
use crate::platform::Platform;
use crate::problem::{BAD_SETTING, bad};
use crate::route::Route;
use crate::tree::Tree;

pub(crate) const PREFIX: &str = "wellspring.gateway.security";

/// Everything that is asked of callers; replaced as a whole with the routes.
#[derive(Debug)]
pub struct Guard {
    bearer: Option<Bearer>,
    basic: Option<Basic>,
    keys: Option<ApiKeys>,
    certificates: Option<Subjects>,
    clients: Option<Arc<Clients>>,
    /// Rules by path, the first that fits.
    paths: Vec<PathRule>,
    /// Where no rule says anything.
    otherwise: Rule,
    otherwise_access: Access,
    challenges: Vec<HeaderValue>,
    trusted: Option<JavaRegex>,
    /// Tells the upstream who it is.
    principal_header: Option<HeaderName>,
}

/// A rule and where it holds.
#[derive(Debug)]
struct PathRule {
    patterns: Vec<PathPattern>,
    /// Empty: all.
    methods: Vec<Method>,
    rule: Rule,
}

/// A request as the guard sees it.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub method: &'a Method,
    pub headers: &'a HeaderMap,
    pub original: &'a Original,
}

impl Guard {
    /// `None` when nothing is asked of anybody. `before` is the guard that was in force.
    pub fn read(
        env: &Environment,
        config: &Config,
        platform: &Platform,
        routes: &[Arc<Route>],
        before: Option<&Self>,
    ) -> Result<Option<Arc<Self>>, Problem> {
        let tree = Tree::from_env(env, PREFIX)?.unwrap_or_else(|| Tree::text(""));
        let members = [
            "rules",
            "default-access",
            "allow-ips",
            "deny-ips",
            "basic",
            "api-keys",
            "certificate",
            "principal-header",
        ];
        setting::only(&tree, &members, PREFIX)?;
        let unready =
            |error: String| Problem::new(BAD_SETTING, format!("security cannot be set up: {error}"));
        let empty = Tree::text("");
        let below = |name: &str| tree.get(name).unwrap_or(&empty);
        let remote = Remote::default();
        let bearer = Bearer::read(env, &remote, before.and_then(|guard| guard.bearer.as_ref()))?;
        let basic = Basic::read(below("basic"), &Checker::new().map_err(unready)?)?;
        let keys = ApiKeys::read(below("api-keys"))?;
        let certificates = Subjects::read(below("certificate"))?;
        let known = before.and_then(|guard| guard.clients.as_ref());
        let clients = Clients::read(env, platform, &remote, known)?;
        let logs_in = clients.as_ref().is_some_and(|clients| clients.login.is_some());
        let knows_anybody =
            logs_in || bearer.is_some() || basic.is_some() || keys.is_some() || certificates.is_some();
        let mut paths = Vec::new();
        for item in tree.get("rules").map(Tree::items).unwrap_or_default() {
            paths.extend(path_rule(item)?);
        }
        let addresses = |name: &str| tree.get(name).map(|list| (name.to_owned(), list.clone()));
        let members = addresses("allow-ips").into_iter().chain(addresses("deny-ips"));
        let otherwise = Rule::read(&Tree::Map(members.collect()), &[])?;
        let default = if knows_anybody { Access::Authenticated } else { Access::Permit };
        let otherwise_access = Access::read(tree.get("default-access"), "default-access")?.unwrap_or(default);
        let principal_header = match tree.get("principal-header").and_then(Tree::as_text) {
            Some(name) => Some(HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
                bad(
                    BAD_SETTING,
                    "principal-header is no header name",
                    &name,
                    below("principal-header").origin(),
                )
            })?),
            None => None,
        };
        let asks = knows_anybody
            || clients.is_some()
            || !paths.is_empty()
            || routes.iter().any(|route| route.security.is_some())
            || matches!(&tree, Tree::Map(members) if !members.is_empty());
        if !asks {
            return Ok(None);
        }
        let mut challenges = Vec::new();
        challenges.extend(bearer.as_ref().map(|_| Bearer::challenge()));
        challenges.extend(basic.as_ref().and_then(Basic::challenge));
        challenges.extend(keys.as_ref().map(|_| HeaderValue::from_static("ApiKey")));
        Ok(Some(Arc::new(Self {
            bearer,
            basic,
            keys,
            certificates,
            clients,
            paths,
            otherwise,
            otherwise_access,
            challenges,
            trusted: config.trusted_proxies.clone(),
            principal_header,
        })))
    }

    /// Lets a request through with whoever it is, or answers it.
    pub async fn check(
        &self,
        asked: Asked<'_>,
        route: Option<&Route>,
    ) -> Result<Option<Arc<Principal>>, (Refusal, Response<Body>)> {
        let login = self.clients.as_ref().and_then(|clients| clients.login.as_ref());
        if let Some(login) = login
            && let Some(page) = login.page(asked).await
        {
            return Err((Refusal::Elsewhere, page));
        }
        let refusal = match self.judge(asked, route).await {
            Ok(principal) => return Ok(principal),
            Err(refusal) => refusal,
        };
        tracing::debug!(path = asked.original.uri.path(), ?refusal, "refused");
        match (&refusal, login) {
            (Refusal::Unavailable(error), _) => tracing::error!(error, "credentials cannot be checked"),
            // A program that could show credentials hears which; whoever else has none goes to the login.
            (Refusal::Anonymous, Some(login))
                if self.challenges.is_empty() || Self::wants_page(asked.headers) =>
            {
                return Err((Refusal::Elsewhere, login.entry(asked).await));
            }
            _ => {}
        }
        let answer = refusal.answer(&self.challenges);
        Err((refusal, answer))
    }

    /// The OAuth2 clients, for filters that need a token.
    #[must_use]
    pub fn clients(&self) -> Option<&Arc<Clients>> {
        self.clients.as_ref()
    }

    async fn judge(
        &self,
        asked: Asked<'_>,
        route: Option<&Route>,
    ) -> Result<Option<Arc<Principal>>, Refusal> {
        let rule = self.rule(asked, route);
        let client = self.client(asked);
        if !(rule.admits(client) && self.otherwise.admits(client)) {
            return Err(Refusal::Address);
        }
        let principal = self.principal(asked, rule).await?;
        rule.judge(principal.as_ref(), self.otherwise_access)?;
        Ok(principal.map(Arc::new))
    }

    fn rule<'a>(&'a self, asked: Asked<'_>, route: Option<&'a Route>) -> &'a Rule {
        if let Some(rule) = route.and_then(|route| route.security.as_deref()) {
            return rule;
        }
        let path = asked.original.uri.path();
        let fits = |held: &&PathRule| {
            (held.methods.is_empty() || held.methods.contains(asked.method))
                && held.patterns.iter().any(|pattern| pattern.matches(path))
        };
        self.paths.iter().find(fits).map_or(&self.otherwise, |held| &held.rule)
    }

    /// The client's address: the peer's, or what trusted proxies say of theirs.
    fn client(&self, asked: Asked<'_>) -> IpAddr {
        let peer = asked.original.peer.ip();
        let Some(pattern) = self.trusted.as_ref().filter(|pattern| is_trusted(pattern, peer)) else {
            return peer;
        };
        let mut client = peer;
        let name = HeaderName::from_static("x-forwarded-for");
        let lines: Vec<_> = crate::filter::texts(asked.headers, &name).collect();
        for hop in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
            let Ok(address) = hop.trim().trim_matches(['[', ']']).parse::<IpAddr>() else { return client };
            client = address;
            if !is_trusted(pattern, address) {
                break;
            }
        }
        client
    }

    /// The first credentials that are there decide.
    async fn principal(&self, asked: Asked<'_>, rule: &Rule) -> Result<Option<Principal>, Refusal> {
        if let Some(bearer) = self.bearer.as_ref().filter(|_| rule.takes(Scheme::Bearer))
            && let Some(token) = bearer::token(asked.headers)
        {
            return bearer.principal(token?).await.map(Some);
        }
        if let Some(basic) = self.basic.as_ref().filter(|_| rule.takes(Scheme::Basic))
            && let Some(credentials) = basic_credentials(asked.headers)
        {
            return basic.principal(credentials?).await.map(Some);
        }
        if let Some(keys) = self.keys.as_ref().filter(|_| rule.takes(Scheme::ApiKey))
            && let Some(found) = keys.principal(asked.headers, asked.original.uri.query())
        {
            return found.map(Some);
        }
        if let Some(subjects) = self.certificates.as_ref().filter(|_| rule.takes(Scheme::Certificate))
            && let Some(certificate) = &asked.original.certificate
        {
            return Ok(subjects.principal(certificate));
        }
        let login = self.clients.as_ref().and_then(|clients| clients.login.as_ref());
        if let Some(login) = login.filter(|_| rule.takes(Scheme::Session)) {
            return login.principal(asked.headers).await.map_err(Refusal::Unavailable);
        }
        Ok(None)
    }

    /// Takes credentials of the gateway's own out of what the upstream gets, and names the principal to it.
    pub fn prepare(&self, exchange: &mut Exchange) {
        if let Some(keys) = &self.keys
            && let Some(query) = keys.conceal(&mut exchange.headers, exchange.uri.query())
        {
            // A query without one of its pairs is a query still.
            exchange.set_query(&query).ok();
        }
        if let Some(name) = &self.principal_header {
            exchange.headers.remove(name);
            if let Some(value) = exchange.principal.as_ref().and_then(|known| header_value(&known.name)) {
                exchange.headers.insert(name.clone(), value);
            }
        }
    }

    /// Would a browser rather see a page than a status?
    #[must_use]
    pub fn wants_page(headers: &HeaderMap) -> bool {
        headers
            .get(ACCEPT)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|accept| accept.contains("text/html"))
    }
}

fn basic_credentials(headers: &HeaderMap) -> Option<Result<&str, Refusal>> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let (scheme, credentials) = lines.next()?.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    Some(if lines.next().is_some() { Err(Refusal::Wrong) } else { Ok(credentials) })
}

fn path_rule(item: &Tree) -> Result<Option<PathRule>, Problem> {
    if matches!(item, Tree::Leaf(leaf) if leaf.text().is_empty()) {
        return Ok(None);
    }
    let rule = Rule::read(item, &["paths", "methods"])?;
    let texts = item.get("paths").map(Tree::as_texts).unwrap_or_default();
    if texts.is_empty() {
        let members = [&["paths", "methods"], rule::MEMBERS].concat();
        return Err(setting::wrong(item, "a rule needs paths").hint(members.join(", ")));
    }
    let patterns = texts
        .iter()
        .map(|text| {
            PathPattern::new(text, true)
                .map_err(|error| bad(BAD_SETTING, error.to_string(), text, item.origin()))
        })
        .collect::<Result<_, _>>()?;
    let methods = item
        .get("methods")
        .map(Tree::as_texts)
        .unwrap_or_default()
        .iter()
        .map(|text| {
            Method::from_bytes(text.to_ascii_uppercase().as_bytes())
                .map_err(|_| bad(BAD_SETTING, "not a method", text, item.origin()))
        })
        .collect::<Result<_, _>>()?;
    Ok(Some(PathRule { patterns, methods, rule }))
}
