//! `spring.cloud.config.server.vault`

use std::collections::HashMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::IgnoredAny;
use wellspring_properties::{Environment, Problem};

use super::CODE;
use crate::config::{Proxy, Secret};

/// What stays as it is in a segment of a path.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b',')
    .remove(b':')
    .remove(b'@')
    .remove(b'=')
    .remove(b'+');

#[derive(Debug, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(super) struct Settings {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) scheme: String,
    /// Seconds, to connect and for an answer.
    pub(super) timeout: u64,
    /// Where the engine is mounted.
    pub(super) backend: String,
    /// Names of sources begin with the mount.
    pub(super) full_key_path: bool,
    /// The key of what all applications share; empty: nothing.
    pub(super) default_key: String,
    /// Version 2: directory below the mount.
    pub(super) path_to_key: String,
    pub(super) profile_separator: String,
    pub(super) skip_ssl_validation: bool,
    pub(super) proxy: HashMap<String, Proxy>,
    pub(super) order: Option<i32>,
    pub(super) kv_version: u8,
    pub(super) namespace: Option<String>,
    pub(super) token: Option<Secret>,
    pub(super) enable_label: bool,
    pub(super) default_label: String,
    pub(super) authentication: Option<String>,
    pub(super) app_role: AppRole,
    pub(super) kubernetes: Kubernetes,
    pub(super) ssl: Ssl,
    #[serde(rename = "type")]
    pub(super) kind: IgnoredAny,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(super) struct AppRole {
    pub(super) app_role_path: String,
    pub(super) role: String,
    pub(super) role_id: Option<String>,
    pub(super) secret_id: Option<Secret>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(super) struct Kubernetes {
    pub(super) kubernetes_path: String,
    pub(super) role: String,
    pub(super) service_account_token_file: String,
}

/// The stores themselves are read by the TLS crate.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(super) struct Ssl {
    pub(super) key_store: Option<String>,
    pub(super) key_store_password: IgnoredAny,
    pub(super) trust_store: Option<String>,
    pub(super) trust_store_password: IgnoredAny,
    pub(super) cert_auth_path: String,
}

/// Whose token is used.
#[derive(Debug)]
pub(super) enum Access {
    OfTheRequest,
    SignedIn(Method),
}

/// How this server signs in.
#[derive(Debug, Clone)]
pub(super) enum Method {
    Token(Secret),
    /// Mount, role id, secret id.
    AppRole(String, String, Option<Secret>),
    /// Mount, role, file of the service account's token.
    Kubernetes(String, String, String),
    /// Mount; the certificate is the connection's.
    Certificate(String),
}

impl Settings {
    pub(super) fn access(&self, env: &Environment, prefix: &str) -> Result<Access, Problem> {
        let key = format!("{prefix}.authentication");
        let missing = |name: &str| {
            Problem::new(CODE, format!("{prefix}.{name} is missing, which this authentication needs"))
                .at(env.origin(&key))
        };
        let token = self.token.clone().filter(|token| !token.0.is_empty());
        let Some(method) = self.authentication.as_deref().filter(|method| !method.is_empty()) else {
            return Ok(token.map_or(Access::OfTheRequest, |token| Access::SignedIn(Method::Token(token))));
        };
        Ok(Access::SignedIn(match method.to_ascii_uppercase().replace('-', "_").as_str() {
            "TOKEN" => Method::Token(token.ok_or_else(|| missing("token"))?),
            "APPROLE" => {
                let AppRole { app_role_path, role_id, secret_id, .. } = &self.app_role;
                let role_id = role_id.clone().filter(|id| !id.is_empty());
                let role_id = role_id.ok_or_else(|| missing("app-role.role-id"))?;
                Method::AppRole(app_role_path.clone(), role_id, secret_id.clone())
            }
            "KUBERNETES" => {
                let Kubernetes { kubernetes_path, role, service_account_token_file } =
                    self.kubernetes.clone();
                if role.is_empty() {
                    return Err(missing("kubernetes.role"));
                }
                Method::Kubernetes(kubernetes_path, role, service_account_token_file)
            }
            "CERT" if self.ssl.key_store.is_none() => return Err(missing("ssl.key-store")),
            "CERT" => Method::Certificate(self.ssl.cert_auth_path.clone()),
            _ => {
                return Err(Problem::new(CODE, format!("{key} is not offered"))
                    .at(env.origin(&key))
                    .found(method)
                    .hint("TOKEN, APPROLE, KUBERNETES or CERT"));
            }
        }))
    }

    /// Below `/v1/`.
    pub(super) fn path(&self, key: &str) -> String {
        let backend = self.backend.trim_matches('/');
        let inner = match self.path_to_key.trim_matches('/') {
            "" => String::new(),
            path => format!("{path}/"),
        };
        let path = match self.kv_version {
            2 => format!("{backend}/data/{inner}{key}"),
            _ => format!("{backend}/{key}"),
        };
        // Neither a name nor a label may lead elsewhere: `?`, `#` and dots are part of a segment.
        let segments = path.split('/').filter(|segment| !segment.is_empty()).map(|segment| match segment {
            "." => "%2E".to_owned(),
            ".." => "%2E%2E".to_owned(),
            segment => utf8_percent_encode(segment, SEGMENT).to_string(),
        });
        segments.collect::<Vec<_>>().join("/")
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 8200,
            scheme: "http".to_owned(),
            timeout: 5,
            backend: "secret".to_owned(),
            full_key_path: false,
            default_key: "application".to_owned(),
            path_to_key: String::new(),
            profile_separator: ",".to_owned(),
            skip_ssl_validation: false,
            proxy: HashMap::new(),
            order: None,
            kv_version: 1,
            namespace: None,
            token: None,
            enable_label: false,
            default_label: "main".to_owned(),
            authentication: None,
            app_role: AppRole::default(),
            kubernetes: Kubernetes::default(),
            ssl: Ssl::default(),
            kind: IgnoredAny,
        }
    }
}

impl Default for AppRole {
    fn default() -> Self {
        Self { app_role_path: "approle".to_owned(), role: String::new(), role_id: None, secret_id: None }
    }
}

impl Default for Kubernetes {
    fn default() -> Self {
        Self {
            kubernetes_path: "kubernetes".to_owned(),
            role: String::new(),
            service_account_token_file: "/var/run/secrets/kubernetes.io/serviceaccount/token".to_owned(),
        }
    }
}

impl Default for Ssl {
    fn default() -> Self {
        Self {
            key_store: None,
            key_store_password: IgnoredAny,
            trust_store: None,
            trust_store_password: IgnoredAny,
            cert_auth_path: "cert".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stay_below_the_engine() {
        let one = Settings::default();
        for (key, expected) in [
            ("orders,dev", "secret/orders,dev"),
            ("team/orders", "secret/team/orders"),
            ("a?b#c d", "secret/a%3Fb%23c%20d"),
            ("../sys/raw", "secret/%2E%2E/sys/raw"),
            ("a%2e", "secret/a%252e"),
            ("größe", "secret/gr%C3%B6%C3%9Fe"),
        ] {
            assert_eq!(one.path(key), expected);
        }
        let two = Settings { kv_version: 2, path_to_key: "team/a".into(), ..Settings::default() };
        assert_eq!(two.path("orders"), "secret/data/team/a/orders");
    }
}
