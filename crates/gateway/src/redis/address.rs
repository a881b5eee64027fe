//! Where Redis is (`spring.data.redis.*`), and a connection to it that has logged in.

use std::io;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wellspring_properties::{Environment, Problem};

use super::protocol::{Answer, Parsed, encode, parse};
use crate::problem::{BAD_SETTING, NOT_OFFERED, bad};

/// Where Redis is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
    login: Option<(Option<String>, Secret)>,
    database: u32,
}

/// Not shown in logs.
#[derive(Clone, PartialEq, Eq)]
struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("******")
    }
}

pub(super) fn setting(env: &Environment, name: &str) -> Option<(String, String)> {
    ["spring.data.redis", "spring.redis"].iter().find_map(|prefix| {
        let key = format!("{prefix}.{name}");
        env.get(&key).map(|text| (key, text))
    })
}

impl Address {
    pub(super) fn read(env: &Environment) -> Result<Self, Problem> {
        let text = |name: &str| setting(env, name).map(|(_, text)| text).filter(|text| !text.is_empty());
        for key in ["ssl.enabled", "ssl"] {
            if text(key).as_deref() == Some("true") {
                return Err(Problem::new(NOT_OFFERED, "Redis over TLS is not offered")
                    .hint("a Redis reachable without TLS"));
            }
        }
        for key in ["cluster.nodes", "sentinel.nodes"] {
            if setting(env, key).is_some() || env.contains(&format!("spring.data.redis.{key}")) {
                return Err(Problem::new(NOT_OFFERED, format!("Redis {key} is not offered"))
                    .hint("spring.data.redis.host and port"));
            }
        }
        let number = |name: &str, default: u32| -> Result<u32, Problem> {
            match setting(env, name) {
                Some((key, text)) => text.parse().map_err(|_| {
                    bad(BAD_SETTING, format!("{name} is not a number"), &text, env.origin(&key))
                }),
                None => Ok(default),
            }
        };
        let mut address = Self {
            host: text("host").unwrap_or_else(|| "localhost".to_owned()),
            port: u16::try_from(number("port", 6379)?)
                .map_err(|_| Problem::new(BAD_SETTING, "port is above 65535"))?,
            login: text("password").map(|password| (text("username"), Secret(password))),
            database: number("database", 0)?,
        };
        if let Some((key, url)) = setting(env, "url") {
            let wrong = || {
                bad(BAD_SETTING, "not a Redis URL", "******", env.origin(&key)).hint("redis://host:6379/0")
            };
            let parsed = url::Url::parse(&url).map_err(|_| wrong())?;
            if parsed.scheme() != "redis" {
                return Err(wrong());
            }
            address.host = parsed.host_str().ok_or_else(wrong)?.to_owned();
            address.port = parsed.port().unwrap_or(6379);
            if let Some(password) = parsed.password() {
                let user = Some(parsed.username().to_owned()).filter(|user| !user.is_empty());
                address.login = Some((user, Secret(password.to_owned())));
            }
            if let Ok(database) = parsed.path().trim_matches('/').parse() {
                address.database = database;
            }
        }
        Ok(address)
    }

    pub(super) async fn connect(&self) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        let mut greetings = Vec::new();
        if let Some((user, Secret(password))) = &self.login {
            let words: Vec<&str> =
                ["AUTH"].into_iter().chain(user.as_deref()).chain([password.as_str()]).collect();
            greetings.push(encode(&words));
        }
        if self.database != 0 {
            greetings.push(encode(&["SELECT", &self.database.to_string()]));
        }
        for greeting in greetings {
            stream.write_all(&greeting).await?;
            let mut buffer = BytesMut::new();
            let answer = loop {
                match parse(&mut buffer) {
                    Parsed::Value(answer) => break answer,
                    Parsed::More => {}
                    Parsed::Broken => return Err(io::ErrorKind::InvalidData.into()),
                }
                if stream.read_buf(&mut buffer).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            };
            if let Answer::Error(message) = answer {
                return Err(io::Error::other(message));
            }
        }
        Ok(stream)
    }
}

#[cfg(test)]
mod tests {
    use wellspring_properties::{Environment, PropertySource};

    use super::Address;
    use crate::redis::Redis;

    fn env(pairs: &[(&str, &str)]) -> Environment {
        Environment::new(vec![PropertySource::of_pairs("test", pairs.iter().copied())], Vec::new())
    }

    #[test]
    fn where_redis_is() {
        assert!(!Redis::is_configured(&env(&[])));
        let host = env(&[("spring.data.redis.host", "h"), ("spring.data.redis.port", "1")]);
        assert!(Redis::is_configured(&host));
        let read = Address::read(&host).unwrap();
        assert_eq!((read.host.as_str(), read.port), ("h", 1));
        let url = Address::read(&env(&[("spring.data.redis.url", "redis://u:secret@h:7/3")])).unwrap();
        assert_eq!((url.host.as_str(), url.port, url.database), ("h", 7, 3));
        assert!(!format!("{url:?}").contains("secret"));
        for pairs in [
            ("spring.data.redis.port", "x"),
            ("spring.data.redis.ssl.enabled", "true"),
            ("spring.data.redis.url", "http://h"),
        ] {
            assert!(Address::read(&env(&[pairs])).is_err(), "{pairs:?}");
        }
    }
}
