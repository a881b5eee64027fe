//! Logins by authorization code with PKCE, state and nonce, at Spring's paths: `/oauth2/authorization/{id}`,
//! `/login/oauth2/code/{id}`, `/login`, `/logout`.
//!
//! The session gets another id when somebody logs in, so that an id planted before is worth nothing after.

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use ring::digest::{SHA256, digest};
use serde_json::{Map, Value};

use super::registration::Registration;
use super::session::{Pending, Session, Sessions, User, random};
use super::token::Tokens;
use crate::filter::header_value;
use crate::query;
use crate::security::guard::{Asked, Guard};
use crate::security::jwt::keys::{Keys, Source};
use crate::security::jwt::{Decoder, Trust};
use crate::security::principal::{Principal, Scheme};
use crate::security::remote::Remote;

const BEGIN: &str = "/oauth2/authorization/";
const CALLBACK: &str = "/login/oauth2/code/";
/// Sessions whose tokens are renewed at the same time; those that share a place wait for each other.
const RENEWALS: usize = 64;

/// Logs users in.
#[derive(Debug)]
pub struct Login {
    at: Vec<(Arc<Registration>, Option<Decoder>)>,
    sessions: Sessions,
    remote: Remote,
    /// Makes the logout form's token from a session's id.
    key: ring::hmac::Key,
    /// Held while the tokens of a session are renewed: many providers take a refresh token only once.
    renewing: [tokio::sync::Mutex<()>; RENEWALS],
}

impl Login {
    pub(super) fn new(
        at: Vec<Arc<Registration>>,
        sessions: Sessions,
        remote: Remote,
    ) -> Result<Self, String> {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, random()?.as_bytes());
        let at = at.into_iter().map(|registration| {
            let decoder = decoder(&registration, &remote);
            (registration, decoder)
        });
        let renewing = std::array::from_fn(|_| tokio::sync::Mutex::default());
        Ok(Self { at: at.collect(), sessions, remote, key, renewing })
    }

    /// The user of the request's session.
    pub async fn principal(&self, headers: &HeaderMap) -> Result<Option<Principal>, String> {
        let Some(id) = self.cookie(headers) else { return Ok(None) };
        let Some(user) = self.sessions.find(&id).await?.and_then(|session| session.user) else {
            return Ok(None);
        };
        let principal = Principal::new(&user.name, Scheme::Session, user.authorities);
        Ok(Some(Principal { claims: user.claims, session: Some(id.into()), ..principal }))
    }

    /// The access token of a session, renewed when it is about to end. `registration`: only of that one.
    pub async fn token(&self, session: &str, registration: Option<&str>) -> Result<Option<String>, String> {
        let is_meant = |user: &User| registration.is_none_or(|id| id == user.registration);
        let user = |session: Option<Session>| session.and_then(|found| found.user).filter(is_meant);
        let Some(user) = user(self.sessions.find(session).await?) else { return Ok(None) };
        if user.tokens.is_fresh() {
            return Ok(Some(user.tokens.access));
        }
        let place = digest(&SHA256, session.as_bytes()).as_ref().first().copied().unwrap_or_default();
        let _alone = match self.renewing.get(usize::from(place) % RENEWALS) {
            Some(place) => Some(place.lock().await),
            None => None,
        };
        // Another request may have renewed them meanwhile.
        let Some(mut found) = self.sessions.find(session).await? else { return Ok(None) };
        let Some(user) = found.user.as_mut().filter(|user| is_meant(user)) else { return Ok(None) };
        if user.tokens.is_fresh() {
            return Ok(Some(user.tokens.access.clone()));
        }
        let known = self.at.iter().find(|(known, _)| known.id == user.registration);
        let (Some(refresh), Some((known, _))) = (user.tokens.refresh.clone(), known) else {
            // Spring sends what it has until the user logs in again.
            return Ok(Some(user.tokens.access.clone()));
        };
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
        let fresh = known.ask(&self.remote, &form).await?;
        user.tokens = Tokens { refresh: fresh.refresh.clone().or(Some(refresh)), ..fresh };
        let access = user.tokens.access.clone();
        self.sessions.save(session, &found).await?;
        Ok(Some(access))
    }

    /// The gateway's own pages. `None`: the path is another's.
    pub async fn page(&self, asked: Asked<'_>) -> Option<Response<Body>> {
        let path = asked.original.uri.path();
        let get = *asked.method == Method::GET;
        if let Some(id) = path.strip_prefix(BEGIN).filter(|_| get) {
            return Some(match self.at.iter().find(|(known, _)| known.id == id) {
                Some((known, _)) => self.begin(asked, known).await.unwrap_or_else(|error| failed(&error)),
                None => answer(StatusCode::BAD_REQUEST, String::new()),
            });
        }
        if let Some(id) = path.strip_prefix(CALLBACK).filter(|_| get) {
            return Some(self.callback(asked, id).await.unwrap_or_else(|error| {
                tracing::warn!(registration = id, error, "login failed");
                redirect("/login?error")
            }));
        }
        match path {
            "/login" if get => Some(self.choice(asked)),
            "/logout" if get => Some(self.confirmation(asked)),
            "/logout" if *asked.method == Method::POST => Some(self.logout(asked).await),
            _ => None,
        }
    }

    /// Sends somebody unknown to the login, and remembers where a browser wanted to go.
    pub async fn entry(&self, asked: Asked<'_>) -> Response<Body> {
        if !matches!(*asked.method, Method::GET | Method::HEAD) {
            let mut refused = answer(StatusCode::FORBIDDEN, "Access Denied".to_owned());
            refused.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
            return refused;
        }
        let script =
            asked.headers.get("x-requested-with").is_some_and(|by| by.as_bytes() == b"XMLHttpRequest");
        let to = match self.at.as_slice() {
            [(only, _)] if !script => format!("{BEGIN}{}", only.id),
            _ => "/login".to_owned(),
        };
        let mut response = redirect(&to);
        if Guard::wants_page(asked.headers) && !script {
            let remembered = async {
                let (id, mut session) = self.session(asked.headers).await?;
                session.wanted = Some(asked.original.uri.to_string());
                self.sessions.save(&id, &session).await?;
                Ok::<_, String>(id)
            };
            match remembered.await {
                Ok(id) => self.set_cookie(&mut response, &id, asked),
                Err(error) => return failed(&error),
            }
        }
        response
    }

    async fn begin(&self, asked: Asked<'_>, known: &Registration) -> Result<Response<Body>, String> {
        let configured = known.provider.authorization_uri.as_ref();
        let address = known.endpoint(&self.remote, configured, "authorization_endpoint").await?;
        let (state, nonce, verifier) = (random()?, random()?, random()?);
        let (id, mut session) = self.session(asked.headers).await?;
        let redirect_uri = expanded(&known.redirect_uri, asked, &known.id);
        let mut to = url::Url::parse(&address).map_err(|error| format!("{address}: {error}"))?;
        {
            let mut pairs = to.query_pairs_mut();
            pairs.append_pair("response_type", "code").append_pair("client_id", &known.client_id);
            if !known.scopes.is_empty() {
                pairs.append_pair("scope", &known.scopes.join(" "));
            }
            pairs.append_pair("state", &state).append_pair("redirect_uri", &redirect_uri);
            if known.is_openid() {
                pairs.append_pair("nonce", &hashed(&nonce));
            }
            pairs
                .append_pair("code_challenge", &hashed(&verifier))
                .append_pair("code_challenge_method", "S256");
        }
        session.pending =
            Some(Pending { registration: known.id.clone(), state, nonce, verifier, redirect_uri });
        self.sessions.save(&id, &session).await?;
        let mut response = redirect(to.as_str());
        self.set_cookie(&mut response, &id, asked);
        Ok(response)
    }

    async fn callback(&self, asked: Asked<'_>, id: &str) -> Result<Response<Body>, String> {
        let query = asked.original.uri.query().unwrap_or_default();
        let parameter =
            |wanted: &str| query::pairs(query).find(|(name, _)| name == wanted)?.1.map(Cow::into_owned);
        let old = self.cookie(asked.headers).ok_or("no session")?;
        let mut session = self.sessions.find(&old).await?.ok_or("the session is gone")?;
        // Whatever comes of it, a state is good once.
        let pending = session.pending.take().ok_or("no login is under way")?;
        self.sessions.save(&old, &session).await?;
        let state = parameter("state").unwrap_or_default();
        if hashed(&state) != hashed(&pending.state) || pending.registration != id {
            return Err("the state is not that of this session".to_owned());
        }
        if let Some(error) = parameter("error") {
            return Err(format!("the provider says {error}"));
        }
        let code = parameter("code").ok_or("no code")?;
        let (known, decoder) =
            self.at.iter().find(|(known, _)| known.id == id).ok_or("no such registration")?;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", pending.redirect_uri.as_str()),
            ("code_verifier", pending.verifier.as_str()),
        ];
        let tokens = known.ask(&self.remote, &form).await?;
        let claims = match decoder.as_ref().filter(|_| known.is_openid()) {
            Some(decoder) => identity(decoder, known, &tokens, &pending.nonce).await?,
            None => self.user_info(known, &tokens).await?,
        };
        let attribute = known.provider.user_name_attribute.as_deref().unwrap_or("sub");
        let name = match claims.get(attribute) {
            Some(Value::String(name)) => name.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => return Err(format!("the user has no attribute {attribute}")),
        };
        let mut authorities = vec![if known.is_openid() { "OIDC_USER" } else { "OAUTH2_USER" }.to_owned()];
        authorities.extend(known.scopes.iter().map(|scope| format!("SCOPE_{scope}")));
        let wanted = session.wanted.take().unwrap_or_else(|| "/".to_owned());
        session.user = Some(User { registration: known.id.clone(), name, authorities, claims, tokens });
        let fresh = random()?;
        self.sessions.save(&fresh, &session).await?;
        self.sessions.remove(&old).await;
        let mut response = redirect(&wanted);
        self.set_cookie(&mut response, &fresh, asked);
        Ok(response)
    }

    async fn user_info(&self, known: &Registration, tokens: &Tokens) -> Result<Map<String, Value>, String> {
        let configured = known.provider.user_info_uri.as_ref();
        let address = known.endpoint(&self.remote, configured, "userinfo_endpoint").await?;
        let body = self.remote.get_as(&address, Some(&tokens.access)).await?;
        serde_json::from_slice(&body).map_err(|error| format!("{address}: {error}"))
    }

    fn choice(&self, asked: Asked<'_>) -> Response<Body> {
        let query = asked.original.uri.query().unwrap_or_default();
        let note = match query {
            "error" => "<p role=\"alert\">The login did not succeed.</p>",
            "logout" => "<p>You are logged out.</p>",
            _ => "",
        };
        let links: String = self
            .at
            .iter()
            .map(|(known, _)| {
                format!("<li><a href=\"{BEGIN}{}\">{}</a></li>", text(&known.id), text(&known.name))
            })
            .collect();
        html("Log in", &format!("{note}<ul>{links}</ul>"))
    }

    fn confirmation(&self, asked: Asked<'_>) -> Response<Body> {
        let proof = self.cookie(asked.headers).map(|id| self.proof(&id)).unwrap_or_default();
        let form = format!(
            "<form method=\"post\" action=\"/logout?_csrf={proof}\"><p>Do you want to log out?</p><button>Log out</button></form>"
        );
        html("Log out", &form)
    }

    /// Only a page of our own can post here: others do not know the session's proof.
    async fn logout(&self, asked: Asked<'_>) -> Response<Body> {
        let query = asked.original.uri.query().unwrap_or_default();
        let given = query::pairs(query).find(|(name, _)| name == "_csrf").and_then(|(_, value)| value);
        let given = given.map(Cow::into_owned).or_else(|| {
            asked.headers.get("x-csrf-token").and_then(|value| value.to_str().ok()).map(str::to_owned)
        });
        let Some(id) = self.cookie(asked.headers) else { return redirect("/login?logout") };
        if given.is_none_or(|given| given != self.proof(&id)) {
            return answer(StatusCode::FORBIDDEN, "Access Denied".to_owned());
        }
        self.sessions.remove(&id).await;
        let mut response = redirect("/login?logout");
        let gone = format!("{}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax", self.sessions.cookie);
        response.headers_mut().extend(header_value(&gone).map(|value| (SET_COOKIE, value)));
        response
    }

    fn proof(&self, id: &str) -> String {
        URL_SAFE_NO_PAD.encode(ring::hmac::sign(&self.key, id.as_bytes()))
    }

    /// The session of the request, or a new one.
    async fn session(&self, headers: &HeaderMap) -> Result<(String, Session), String> {
        if let Some(id) = self.cookie(headers)
            && let Some(session) = self.sessions.find(&id).await?
        {
            return Ok((id, session));
        }
        Ok((random()?, Session::default()))
    }

    fn cookie(&self, headers: &HeaderMap) -> Option<String> {
        let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
        let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs
            .find(|(name, value)| *name == self.sessions.cookie && value.len() == 43)
            .map(|(_, id)| id.to_owned())
    }

    fn set_cookie(&self, response: &mut Response<Body>, id: &str, asked: Asked<'_>) {
        let secure = if self.sessions.secure || asked.original.secure { "; Secure" } else { "" };
        let cookie = format!("{}={id}; Path=/; HttpOnly; SameSite=Lax{secure}", self.sessions.cookie);
        response.headers_mut().extend(header_value(&cookie).map(|value| (SET_COOKIE, value)));
    }
}

fn decoder(known: &Registration, remote: &Remote) -> Option<Decoder> {
    let source = match (&known.provider.jwk_set_uri, &known.provider.issuer) {
        (Some(set), _) => Source::Set(set.clone()),
        (None, Some(issuer)) => Source::Issuer(issuer.clone()),
        (None, None) => return None,
    };
    Some(Decoder {
        trust: Trust::Many(Keys::new(source, remote.clone())),
        algorithms: Vec::new(),
        issuer: known.provider.issuer.clone(),
        audiences: vec![known.client_id.clone()],
    })
}

/// The claims of the ID token, when it is meant for this login.
async fn identity(
    decoder: &Decoder,
    known: &Registration,
    tokens: &Tokens,
    nonce: &str,
) -> Result<Map<String, Value>, String> {
    let token = tokens.id.as_deref().ok_or("the provider gives no ID token")?;
    let claims = decoder.decode(token).await.map_err(|refusal| format!("ID token: {refusal:?}"))?;
    if claims.get("nonce").and_then(Value::as_str) != Some(hashed(nonce).as_str()) {
        return Err("the ID token has another nonce".to_owned());
    }
    let party = claims.get("azp").and_then(Value::as_str);
    if party.is_some_and(|party| party != known.client_id) {
        return Err("the ID token is another client's".to_owned());
    }
    Ok(claims)
}

fn hashed(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, text.as_bytes()))
}

/// `{baseUrl}`, `{registrationId}` and the parts of the base address.
fn expanded(template: &str, asked: Asked<'_>, id: &str) -> String {
    let original = asked.original;
    let host = original.host.as_ref().map(|host| String::from_utf8_lossy(host.as_bytes()).into_owned());
    let (scheme, host) = (original.scheme(), host.unwrap_or_default());
    template
        .replace("{baseUrl}", &format!("{scheme}://{host}"))
        .replace("{baseScheme}", scheme)
        .replace("{baseHost}", host.split(':').next().unwrap_or_default())
        .replace("{action}", "login")
        .replace("{registrationId}", id)
}

fn answer(status: StatusCode, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Within the gateway only: whatever a browser wanted begins with one slash.
fn redirect(to: &str) -> Response<Body> {
    let safe = if to.starts_with("//") || to.starts_with("/\\") { "/" } else { to };
    let mut response = answer(StatusCode::FOUND, String::new());
    response.headers_mut().extend(header_value(safe).map(|value| (LOCATION, value)));
    response
}

fn failed(error: &str) -> Response<Body> {
    tracing::error!(error, "login is not possible");
    answer(StatusCode::INTERNAL_SERVER_ERROR, String::new())
}

fn html(title: &str, inside: &str) -> Response<Body> {
    let page = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title></head><body><main><h1>{title}</h1>{inside}</main></body></html>"
    );
    let mut response = answer(StatusCode::OK, page);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html;charset=UTF-8"));
    response.headers_mut().insert("x-frame-options", HeaderValue::from_static("DENY"));
    response
}

fn text(raw: &str) -> String {
    raw.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
