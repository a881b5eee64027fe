//! `spring.datasource.url` in JDBC's spelling, and the parameters that have a meaning here.

use std::fmt;

use wellspring_properties::{Environment, Problem};

use super::CODE;
use crate::config::Secret;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Postgres,
    /// MariaDB as well.
    MySql,
}

/// How far the connection is secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tls {
    Off,
    /// When the server offers it; its certificate is not looked at.
    Preferred,
    /// Always; its certificate is not looked at.
    Encrypted,
    /// The certificate must come from a trusted authority.
    Trusted,
    /// And name the host.
    Verified,
}

/// A database, and how to get in.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) dialect: Dialect,
    /// In the order in which they are tried.
    pub(super) hosts: Vec<(String, u16)>,
    pub(super) database: Option<String>,
    pub(super) username: Option<String>,
    pub(super) password: Option<Secret>,
    pub(super) tls: Tls,
    /// PEM file of trusted authorities; the public roots without.
    pub(super) roots: Option<String>,
    /// PostgreSQL's `search_path`.
    pub(super) schema: Option<String>,
    /// PostgreSQL: types of values are left to the server.
    pub(super) untyped: bool,
    pub(super) application: Option<String>,
    /// Settings of the session, as MySQL's `SET` takes them.
    pub(super) session: Option<String>,
    /// Parameters that mean nothing here.
    pub(super) unknown: Vec<String>,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (host, port)) in self.hosts.iter().enumerate() {
            write!(f, "{}{host}:{port}", if at > 0 { "," } else { "" })?;
        }
        write!(f, "/{}", self.database.as_deref().unwrap_or_default())
    }
}

impl Target {
    /// `spring.datasource.{url,username,password}`
    pub(super) fn read(env: &Environment) -> Result<Self, Problem> {
        let key = "spring.datasource.url";
        let Some(url) = env.get(key).filter(|url| !url.is_empty()) else {
            return Err(Problem::new(CODE, format!("{key} is missing: the database of the jdbc backend"))
                .hint("jdbc:postgresql://host/database, jdbc:mysql:// or jdbc:mariadb://"));
        };
        let mut target = Self::parse(&url).map_err(|what| {
            // What stands in a url may be a password.
            Problem::new(CODE, format!("{key}: {what}"))
                .at(env.origin(key))
                .hint("jdbc:postgresql://host:5432/database?sslmode=require")
        })?;
        let text = |key: &str| env.get(key).filter(|text| !text.is_empty());
        // The driver takes the user of the url when Spring gives none.
        target.username = text("spring.datasource.username").or(target.username);
        target.password = text("spring.datasource.password").map(Secret).or(target.password);
        Ok(target)
    }

    fn parse(url: &str) -> Result<Self, String> {
        let rest = url.strip_prefix("jdbc:").ok_or("it does not begin with jdbc:")?;
        let (scheme, rest) = rest.split_once(':').ok_or("no database is named")?;
        let (dialect, port) = match scheme {
            "postgresql" => (Dialect::Postgres, 5432),
            "mysql" | "mariadb" => (Dialect::MySql, 3306),
            other => return Err(format!("{other} is none of postgresql, mysql and mariadb")),
        };
        let (place, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        let (hosts, database) = match place.strip_prefix("//") {
            Some(place) => place.split_once('/').unwrap_or((place, "")),
            // `jdbc:postgresql:database` is on this machine.
            None => ("", place.trim_start_matches('/')),
        };
        let hosts = hosts.split(',').map(|host| host_and_port(host, port)).collect::<Result<_, _>>()?;
        let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        let mut target = Self {
            dialect,
            hosts,
            database: Some(decode(database)).filter(|name| !name.is_empty()),
            username: None,
            password: None,
            // Each driver's own default.
            tls: if scheme == "mariadb" { Tls::Off } else { Tls::Preferred },
            roots: None,
            schema: None,
            untyped: false,
            application: None,
            session: None,
            unknown: Vec::new(),
        };
        for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            target.take(name, decode(value))?;
        }
        Ok(target)
    }

    fn take(&mut self, name: &str, value: String) -> Result<(), String> {
        let yes = value.is_empty() || value.eq_ignore_ascii_case("true");
        match name {
            "user" => self.username = Some(value),
            "password" => self.password = Some(Secret(value)),
            "sslmode" | "sslMode" => {
                self.tls = match value.to_ascii_lowercase().replace('_', "-").as_str() {
                    "disable" | "disabled" => Tls::Off,
                    "allow" | "prefer" | "preferred" => Tls::Preferred,
                    "require" | "required" | "trust" => Tls::Encrypted,
                    "verify-ca" => Tls::Trusted,
                    "verify-full" | "verify-identity" => Tls::Verified,
                    _ => return Err(format!("{name}={value} is not known")),
                }
            }
            "ssl" if self.dialect == Dialect::Postgres => {
                self.tls = if yes { Tls::Verified } else { Tls::Off }
            }
            "useSSL" | "useSsl" => self.tls = if yes { Tls::Preferred } else { Tls::Off },
            "requireSSL" if yes => self.tls = Tls::Encrypted,
            "sslrootcert" | "serverSslCert" => self.roots = Some(value),
            "currentSchema" => self.schema = Some(value),
            "stringtype" => self.untyped = value == "unspecified",
            "ApplicationName" => self.application = Some(value),
            "sessionVariables" => self.session = Some(value),
            _ => self.unknown.push(name.to_owned()),
        }
        Ok(())
    }
}

fn host_and_port(text: &str, default: u16) -> Result<(String, u16), String> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => {
            (host, port.parse().map_err(|_| "the port is not a number".to_owned())?)
        }
        _ => (text, default),
    };
    let host = host.trim_matches(['[', ']']);
    if host.contains(['@', '(', ')']) {
        return Err(
            "the host has signs that no host has; a user goes into spring.datasource.username".to_owned()
        );
    }
    Ok((if host.is_empty() { "localhost" } else { host }.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_the_three_drivers() {
        let postgres = Target::parse(
            "jdbc:postgresql://db1:5433,db2/cfg?user=ada&password=p%26w&sslmode=verify-full&currentSchema=conf",
        )
        .unwrap();
        assert_eq!(postgres.to_string(), "db1:5433,db2:5432/cfg");
        assert_eq!((postgres.username.as_deref(), postgres.tls), (Some("ada"), Tls::Verified));
        assert_eq!(postgres.password, Some(Secret("p&w".into())));
        assert_eq!(postgres.schema.as_deref(), Some("conf"));
        let mysql = Target::parse("jdbc:mysql://db/cfg?useSSL=false&serverTimezone=UTC&sessionVariables=a=1")
            .unwrap();
        assert_eq!((mysql.to_string().as_str(), mysql.tls), ("db:3306/cfg", Tls::Off));
        assert_eq!((mysql.unknown, mysql.session.as_deref()), (vec!["serverTimezone".into()], Some("a=1")));
        let local = Target::parse("jdbc:postgresql:cfg").unwrap();
        assert_eq!((local.to_string().as_str(), local.tls), ("localhost:5432/cfg", Tls::Preferred));
        let six = Target::parse("jdbc:mariadb://[::1]:3307/cfg").unwrap();
        assert_eq!((six.hosts, six.tls), (vec![("::1".to_owned(), 3307)], Tls::Off));
    }

    #[test]
    fn what_cannot_be_used_is_said_without_the_password() {
        for url in [
            "postgresql://x/y",
            "jdbc:oracle:thin:@x",
            "jdbc:postgresql://ada:hunter2@db/cfg",
            "jdbc:postgresql://db:x/cfg",
            "jdbc:mysql://db/cfg?sslMode=maybe&password=hunter2",
        ] {
            let error = Target::parse(url).unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn long_urls() {
        let examples = [
            "jdbc:postgresql://h:5433/db?user=u&password=p&sslmode=require",
            "jdbc:mysql://[::1]/db?useSSL=false",
            "jdbc:mariadb://h1,h2:3/db",
            "jdbc:postgresql:db",
        ];
        let words = [
            "jdbc:",
            "postgresql:",
            "mysql:",
            "//",
            "/",
            "?",
            "&",
            "=",
            ":",
            "[",
            "]",
            "@",
            ",",
            "%2F",
            "%",
            "#",
            "65536",
        ];
        wellspring_test_support::fuzz::text("jdbc URLs", &examples, &words, |text, _| {
            match Target::parse(text) {
                Ok(target) => drop(target.to_string()),
                Err(complaint) => assert!(!complaint.is_empty()),
            }
        });
    }
}
