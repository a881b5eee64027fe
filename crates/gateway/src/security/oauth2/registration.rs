//! `spring.security.oauth2.client.registration.*` and `provider.*`, with Spring's defaults.

use std::sync::Arc;

use wellspring_properties::{Environment, Origin, Problem};

use crate::problem::NOT_OFFERED;
use crate::security::bearer::Secret;
use crate::security::setting;
use crate::tree::Tree;

const PREFIX: &str = "spring.security.oauth2.client";

/// How tokens are had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    AuthorizationCode,
    ClientCredentials,
}

/// How the client shows who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Basic,
    Post,
    /// A public client: PKCE alone.
    None,
}

/// One client at one provider.
#[derive(Debug, Clone)]
pub struct Registration {
    pub id: String,
    pub name: String,
    pub client_id: String,
    pub secret: Secret,
    pub method: Method,
    pub grant: Grant,
    pub scopes: Vec<String>,
    /// With `{baseUrl}` and `{registrationId}`.
    pub redirect_uri: String,
    pub provider: Provider,
    origin: Option<Origin>,
}

impl PartialEq for Registration {
    fn eq(&self, other: &Self) -> bool {
        let shown = |one: &Self| {
            (
                (one.id.clone(), one.name.clone(), one.client_id.clone(), Arc::clone(&one.secret.0)),
                (one.method, one.grant, one.scopes.clone(), one.redirect_uri.clone(), one.provider.clone()),
            )
        };
        shown(self) == shown(other)
    }
}

/// Where a provider's endpoints are; what is absent comes from the issuer's metadata.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Provider {
    pub issuer: Option<String>,
    pub authorization_uri: Option<String>,
    pub token_uri: Option<String>,
    pub user_info_uri: Option<String>,
    pub jwk_set_uri: Option<String>,
    pub user_name_attribute: Option<String>,
}

/// Every registration. Mistakes have their place; secrets are not shown.
pub(crate) fn all(env: &Environment) -> Result<Vec<Registration>, Problem> {
    let Some(Tree::Map(members)) = Tree::from_env(env, &format!("{PREFIX}.registration"))? else {
        return Ok(Vec::new());
    };
    let providers = Tree::from_env(env, &format!("{PREFIX}.provider"))?;
    members.iter().map(|(id, tree)| registration(id, tree, providers.as_ref())).collect()
}

fn registration(id: &str, tree: &Tree, providers: Option<&Tree>) -> Result<Registration, Problem> {
    let text = |name: &str| tree.get(name).and_then(Tree::as_text).filter(|text| !text.trim().is_empty());
    let wrong = |name: &str, message: &str| {
        setting::wrong(tree.get(name).unwrap_or(tree), format!("registration '{id}': {name} {message}"))
    };
    let client_id = text("client-id").ok_or_else(|| wrong("client-id", "is missing"))?;
    let secret = text("client-secret").unwrap_or_default();
    let method = match text("client-authentication-method").as_deref() {
        Some("client_secret_basic" | "basic") => Method::Basic,
        Some("client_secret_post" | "post") => Method::Post,
        Some("none") => Method::None,
        None if secret.is_empty() => Method::None,
        None => Method::Basic,
        Some(_) => {
            return Err(Problem {
                code: NOT_OFFERED,
                ..wrong("client-authentication-method", "is not offered")
            }
            .hint("client_secret_basic, client_secret_post or none"));
        }
    };
    let grant = match text("authorization-grant-type").as_deref() {
        None | Some("authorization_code") => Grant::AuthorizationCode,
        Some("client_credentials") => Grant::ClientCredentials,
        Some(_) => {
            return Err(Problem { code: NOT_OFFERED, ..wrong("authorization-grant-type", "is not offered") }
                .hint("authorization_code or client_credentials"));
        }
    };
    let provider_id = text("provider").unwrap_or_else(|| id.to_owned());
    let Some(found) = providers.and_then(|all| all.get(&provider_id)) else {
        return Err(
            wrong("provider", "is not described").hint(format!("{PREFIX}.provider.{provider_id}.issuer-uri"))
        );
    };
    let of = |name: &str| found.get(name).and_then(Tree::as_text).filter(|text| !text.trim().is_empty());
    let provider = Provider {
        issuer: of("issuer-uri"),
        authorization_uri: of("authorization-uri"),
        token_uri: of("token-uri"),
        user_info_uri: of("user-info-uri"),
        jwk_set_uri: of("jwk-set-uri"),
        user_name_attribute: of("user-name-attribute"),
    };
    let needs_authorization = grant == Grant::AuthorizationCode && provider.authorization_uri.is_none();
    if provider.issuer.is_none() && (provider.token_uri.is_none() || needs_authorization) {
        return Err(setting::wrong(
            found,
            format!("provider '{provider_id}' has neither issuer-uri nor all its endpoints"),
        ));
    }
    Ok(Registration {
        id: id.to_owned(),
        name: text("client-name").unwrap_or_else(|| id.to_owned()),
        client_id,
        secret: Secret(secret.into()),
        method,
        grant,
        scopes: tree.get("scope").map(Tree::as_texts).unwrap_or_default(),
        redirect_uri: text("redirect-uri")
            .unwrap_or_else(|| "{baseUrl}/login/oauth2/code/{registrationId}".to_owned()),
        provider,
        origin: tree.origin(),
    })
}

impl Registration {
    /// Where it stands in the settings.
    #[must_use]
    pub fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }

    #[must_use]
    pub fn is_openid(&self) -> bool {
        self.scopes.iter().any(|scope| scope == "openid")
    }
}
