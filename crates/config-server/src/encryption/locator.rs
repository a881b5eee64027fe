//! Which key a text is for: the one of the settings, or one that `{key:alias}` and `{secret:password}` name.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rsa::RsaPrivateKey;
use rsa::pkcs1::DecodeRsaPrivateKey;
use rsa::pkcs8::DecodePrivateKey;
use serde::Deserialize;
use wellspring_properties::{Environment, Problem};

use super::keystore::KeyStore;
use super::prefixes::Prefixes;
use super::rsa::{Algorithm, Form, Rsa};
use super::symmetric::Symmetric;
use super::{Cipher, Refusal};
use crate::cache::Cache;
use crate::config::Secret;

/// `encrypt.*`
#[derive(Debug, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Settings {
    key: Option<Secret>,
    salt: String,
    key_store: KeyStoreSettings,
    rsa: RsaSettings,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct KeyStoreSettings {
    location: Option<String>,
    password: Option<Secret>,
    alias: Option<String>,
    /// Password of the key; the store's by default.
    secret: Option<Secret>,
}

#[derive(Debug, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct RsaSettings {
    algorithm: String,
    strong: bool,
    salt: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            key: None,
            salt: "deadbeef".to_owned(),
            key_store: KeyStoreSettings::default(),
            rsa: RsaSettings::default(),
        }
    }
}

impl Default for RsaSettings {
    fn default() -> Self {
        Self { algorithm: "default".to_owned(), strong: false, salt: "deadbeef".to_owned() }
    }
}

/// All keys of the server.
#[derive(Debug)]
pub(crate) enum Keys {
    One(Arc<dyn Cipher>),
    Store(Box<Store>),
}

#[derive(Debug)]
pub(crate) struct Store {
    store: KeyStore,
    alias: String,
    secret: Secret,
    form: Form,
    /// Keys that were opened, by alias and password.
    open: Cache<(String, String), Arc<dyn Cipher>>,
}

/// Opened keys that are kept, at 64 units each.
const OPEN: usize = 64 * 64;

impl Keys {
    /// `None`: no key is configured. A key store wins over a key.
    pub(crate) fn from_env(env: &Environment) -> Result<Option<Self>, Problem> {
        let settings: Settings = env.bind("encrypt")?;
        if let Some(location) = &settings.key_store.location {
            return Store::open(env, location, &settings).map(|store| Some(Self::Store(Box::new(store))));
        }
        let Some(key) = settings.key.filter(|key| !key.0.is_empty()) else { return Ok(None) };
        if !key.0.contains("RSA PRIVATE KEY") {
            return Ok(Some(Self::One(Arc::new(Symmetric::new(&key.0, &settings.salt)))));
        }
        let key = pem(&key.0).ok_or_else(|| {
            Problem::new("WS-1420", "encrypt.key looks like a PEM key but is none that can be read")
                .at(env.origin("encrypt.key"))
                .found("******")
                .hint("-----BEGIN RSA PRIVATE KEY----- and base64, in a YAML block or with \\n")
        })?;
        Ok(Some(Self::One(Arc::new(Rsa::new(key, Form::default())))))
    }

    /// The key that the prefixes of a text name.
    pub(crate) fn locate(&self, prefixes: &Prefixes) -> Result<Arc<dyn Cipher>, Refusal> {
        match self {
            Self::One(cipher) => Ok(Arc::clone(cipher)),
            Self::Store(store) => store.cipher(
                prefixes.get("key").unwrap_or(&store.alias),
                prefixes.get("secret").unwrap_or(&store.secret.0),
            ),
        }
    }
}

impl Store {
    fn open(env: &Environment, location: &str, settings: &Settings) -> Result<Self, Problem> {
        let key = "encrypt.key-store.location";
        let problem = |message: String| Problem::new("WS-1421", message).at(env.origin(key)).found(location);
        let path = location.strip_prefix("file:").unwrap_or(location);
        let path = path.strip_prefix("//").unwrap_or(path);
        if location.starts_with("classpath:") {
            return Err(problem("there is no class path here".to_owned()).hint("file:/path/of/store.jks"));
        }
        let bytes =
            std::fs::read(path).map_err(|error| problem(format!("key store cannot be read: {error}")))?;
        let password = settings.key_store.password.clone().unwrap_or_default();
        let store = KeyStore::read(&bytes, &password).map_err(problem)?;
        let Some(alias) = settings.key_store.alias.clone() else {
            return Err(Problem::new(
                "WS-1421",
                "encrypt.key-store.alias is missing: the key that is used by default",
            ));
        };
        let algorithm = match settings.rsa.algorithm.to_ascii_lowercase().as_str() {
            "default" => Algorithm::Pkcs1,
            "oaep" => Algorithm::Oaep,
            other => {
                return Err(Problem::new("WS-1422", "no such algorithm")
                    .at(env.origin("encrypt.rsa.algorithm"))
                    .found(other)
                    .hint("default, oaep"));
            }
        };
        let form = Form { algorithm, strong: settings.rsa.strong, salt: settings.rsa.salt.clone() };
        let secret = settings.key_store.secret.clone().unwrap_or(password);
        Ok(Self { store, alias, secret, form, open: Cache::new(OPEN) })
    }

    fn cipher(&self, alias: &str, secret: &str) -> Result<Arc<dyn Cipher>, Refusal> {
        let name = (alias.to_owned(), secret.to_owned());
        if let Some(cipher) = self.open.get(&name) {
            return Ok(cipher);
        }
        let key = self.store.key(alias, &Secret(secret.to_owned()))?;
        let cipher: Arc<dyn Cipher> = Arc::new(Rsa::new(key, self.form.clone()));
        self.open.put(name, Arc::clone(&cipher), 64);
        Ok(cipher)
    }
}

/// A key between its PEM lines, however it is broken into lines.
fn pem(text: &str) -> Option<RsaPrivateKey> {
    let begin = text.find("-----BEGIN")?;
    let (_, body) = text.get(begin + 10..)?.split_once("-----")?;
    let (body, _) = body.split_once("-----END")?;
    let base64: String = body.replace("\\n", "").chars().filter(|c| !c.is_whitespace()).collect();
    let der = STANDARD.decode(base64).ok()?;
    RsaPrivateKey::from_pkcs1_der(&der).or_else(|_| RsaPrivateKey::from_pkcs8_der(&der)).ok()
}
