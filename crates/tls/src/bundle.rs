//! `spring.ssl.bundle.{pem,jks}.NAME` and `server.ssl`: one shape for key material wherever it is written.

use std::path::PathBuf;

use rustls::{RootCertStore, SupportedProtocolVersion};
use serde::Deserialize;
use wellspring_properties::{Environment, Problem};

use crate::identity::Identity;
use crate::read::{content, problem};
use crate::store::Store;
use crate::{codes, trust};

/// Key material and options, ready for a server or a client.
#[derive(Clone, Debug, Default)]
pub struct Bundle {
    pub identity: Option<Identity>,
    /// `None`: the public roots for a client, nobody for a server.
    pub trust: Option<RootCertStore>,
    /// Empty: what rustls prefers.
    pub protocols: Vec<&'static SupportedProtocolVersion>,
    pub ciphers: Vec<String>,
    /// The files it was read from.
    pub files: Vec<PathBuf>,
    pub reload_on_update: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Pem {
    keystore: PemStore,
    truststore: PemStore,
    options: Options,
    reload_on_update: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct PemStore {
    certificate: Option<String>,
    private_key: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Jks {
    key: Key,
    keystore: StoreFile,
    truststore: StoreFile,
    options: Options,
    reload_on_update: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Key {
    alias: Option<String>,
    password: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct StoreFile {
    location: Option<String>,
    password: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Options {
    ciphers: Vec<String>,
    enabled_protocols: Vec<String>,
}

/// `server.ssl`, as far as it names material.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct InPlace {
    bundle: Option<String>,
    certificate: Option<String>,
    certificate_private_key: Option<String>,
    trust_certificate: Option<String>,
    key_store: Option<String>,
    key_store_password: Option<String>,
    key_alias: Option<String>,
    key_password: Option<String>,
    trust_store: Option<String>,
    trust_store_password: Option<String>,
    ciphers: Vec<String>,
    enabled_protocols: Vec<String>,
}

impl Bundle {
    /// `spring.ssl.bundle.pem.NAME` or `spring.ssl.bundle.jks.NAME`.
    pub fn named(env: &Environment, name: &str) -> Result<Self, Problem> {
        let (pem, jks) = (format!("spring.ssl.bundle.pem.{name}"), format!("spring.ssl.bundle.jks.{name}"));
        if env.contains(&pem) {
            let settings: Pem = env.bind(&pem)?;
            let mut bundle = Self { reload_on_update: settings.reload_on_update, ..Self::default() };
            let Pem { keystore, truststore, options, .. } = settings;
            if let Some(certificate) = keystore.certificate {
                let key = (format!("{pem}.keystore.private-key"), keystore.private_key);
                bundle.pem_identity(env, &format!("{pem}.keystore.certificate"), &certificate, key)?;
            }
            if let Some(certificate) = truststore.certificate {
                bundle.pem_trust(env, &format!("{pem}.truststore.certificate"), &certificate)?;
            }
            bundle.options(env, &format!("{pem}.options"), options)?;
            return Ok(bundle);
        }
        if env.contains(&jks) {
            let settings: Jks = env.bind(&jks)?;
            let mut bundle = Self { reload_on_update: settings.reload_on_update, ..Self::default() };
            let Jks { key, keystore, truststore, options, .. } = settings;
            if let Some(location) = keystore.location {
                let password = keystore.password.unwrap_or_default();
                bundle.store_identity(
                    env,
                    &format!("{jks}.keystore.location"),
                    &location,
                    &password,
                    &key,
                )?;
            }
            if let Some(location) = truststore.location {
                let password = truststore.password.unwrap_or_default();
                bundle.store_trust(env, &format!("{jks}.truststore.location"), &location, &password)?;
            }
            bundle.options(env, &format!("{jks}.options"), options)?;
            return Ok(bundle);
        }
        Err(Problem::new(codes::BUNDLE, format!("there is no SSL bundle {name:?}"))
            .hint(format!("{pem}.keystore.certificate, or {jks}.keystore.location")))
    }

    /// What stands below `prefix` (`server.ssl`), by bundle name or in place.
    pub fn in_place(env: &Environment, prefix: &str) -> Result<Self, Problem> {
        let settings: InPlace = env.bind(prefix)?;
        if let Some(name) = &settings.bundle {
            return Self::named(env, name).map_err(|problem| {
                if problem.code == codes::BUNDLE {
                    problem.at(env.origin(&format!("{prefix}.bundle")))
                } else {
                    problem
                }
            });
        }
        let mut bundle = Self::default();
        if let Some(certificate) = &settings.certificate {
            let key = (format!("{prefix}.certificate-private-key"), settings.certificate_private_key);
            bundle.pem_identity(env, &format!("{prefix}.certificate"), certificate, key)?;
        } else if let Some(location) = &settings.key_store {
            let password = settings.key_store_password.unwrap_or_default();
            let key = Key { alias: settings.key_alias, password: settings.key_password };
            bundle.store_identity(env, &format!("{prefix}.key-store"), location, &password, &key)?;
        }
        if let Some(certificate) = &settings.trust_certificate {
            bundle.pem_trust(env, &format!("{prefix}.trust-certificate"), certificate)?;
        } else if let Some(location) = &settings.trust_store {
            let password = settings.trust_store_password.unwrap_or_default();
            bundle.store_trust(env, &format!("{prefix}.trust-store"), location, &password)?;
        }
        let options = Options { ciphers: settings.ciphers, enabled_protocols: settings.enabled_protocols };
        bundle.options(env, prefix, options)?;
        Ok(bundle)
    }

    fn pem_identity(
        &mut self,
        env: &Environment,
        at: &str,
        certificate: &str,
        (key_at, key): (String, Option<String>),
    ) -> Result<(), Problem> {
        let chain = content(env, at, certificate)?;
        let key = match key {
            Some(location) => content(env, &key_at, &location)?,
            None => content(env, at, certificate)?,
        };
        let identity =
            Identity::from_pem(&chain.bytes, &key.bytes).map_err(|error| problem(env, at, error))?;
        self.identity = Some(identity);
        self.files.extend(chain.file);
        self.files.extend(key.file);
        Ok(())
    }

    fn pem_trust(&mut self, env: &Environment, at: &str, certificate: &str) -> Result<(), Problem> {
        let text = content(env, at, certificate)?;
        self.trust = Some(trust::from_pem(&text.bytes).map_err(|error| problem(env, at, error))?);
        self.files.extend(text.file);
        Ok(())
    }

    fn store_identity(
        &mut self,
        env: &Environment,
        at: &str,
        location: &str,
        password: &str,
        key: &Key,
    ) -> Result<(), Problem> {
        let file = content(env, at, location)?;
        let key_password = key.password.as_deref().unwrap_or(password);
        let identity = Store::read(&file.bytes, password)
            .and_then(|store| Identity::from_store(&store, key.alias.as_deref(), key_password))
            .map_err(|error| problem(env, at, error))?;
        self.identity = Some(identity);
        self.files.extend(file.file);
        Ok(())
    }

    fn store_trust(
        &mut self,
        env: &Environment,
        at: &str,
        location: &str,
        password: &str,
    ) -> Result<(), Problem> {
        let file = content(env, at, location)?;
        let roots = Store::read(&file.bytes, password).and_then(|store| trust::from_store(&store));
        self.trust = Some(roots.map_err(|error| problem(env, at, error))?);
        self.files.extend(file.file);
        Ok(())
    }

    fn options(&mut self, env: &Environment, prefix: &str, options: Options) -> Result<(), Problem> {
        for name in &options.enabled_protocols {
            self.protocols.push(match name.as_str() {
                "TLSv1.2" => &rustls::version::TLS12,
                "TLSv1.3" => &rustls::version::TLS13,
                other => {
                    let key = format!("{prefix}.enabled-protocols");
                    return Err(Problem::new(
                        codes::OPTION,
                        format!("{key} has a protocol that is not available"),
                    )
                    .at(env.origin(&key))
                    .found(other)
                    .hint("TLSv1.2 and TLSv1.3"));
                }
            });
        }
        self.ciphers = options.ciphers;
        if self.provider().cipher_suites.is_empty() {
            let key = format!("{prefix}.ciphers");
            return Err(Problem::new(
                codes::OPTION,
                format!("{key} leaves no cipher suite that is available"),
            )
            .at(env.origin(&key))
            .found(self.ciphers.join(","))
            .hint("such as TLS_AES_128_GCM_SHA256,TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"));
        }
        Ok(())
    }

    /// ring, with the cipher suites that were asked for.
    pub(crate) fn provider(&self) -> rustls::crypto::CryptoProvider {
        let mut provider = rustls::crypto::CryptoProvider::clone(&crate::provider());
        if !self.ciphers.is_empty() {
            provider.cipher_suites.retain(|suite| {
                // rustls writes TLS13_AES… where the registry of names has TLS_AES….
                let name = format!("{:?}", suite.suite()).replacen("TLS13_", "TLS_", 1);
                self.ciphers.iter().any(|wanted| wanted.trim() == name)
            });
        }
        provider
    }

    pub(crate) fn versions(&self) -> &[&'static SupportedProtocolVersion] {
        if self.protocols.is_empty() { rustls::ALL_VERSIONS } else { &self.protocols }
    }
}
