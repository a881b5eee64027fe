//! Whether something answers at an address, within a few seconds.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(3);

/// A connection, opened and closed again.
pub(super) async fn connect(host: &str, port: u16) -> Result<(), String> {
    match timeout(PATIENCE, TcpStream::connect((host.trim_matches(['[', ']']), port))).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}

/// Host and port of an address as people write it: a URL, or `git@host:path`.
pub(super) fn endpoint(address: &str) -> Option<(String, u16)> {
    if let Ok(url) = url::Url::parse(address)
        && let Some(host) = url.host_str().filter(|host| !host.is_empty())
    {
        let usual = match url.scheme() {
            "ssh" | "git+ssh" => Some(22),
            "git" => Some(9418),
            "redis" | "rediss" => Some(6379),
            "amqp" => Some(5672),
            "amqps" => Some(5671),
            "svn" => Some(3690),
            _ => url.port_or_known_default(),
        };
        return Some((host.to_owned(), url.port().or(usual)?));
    }
    let (login, _) = address.split_once(':')?;
    let host = login.rsplit_once('@').map_or(login, |(_, host)| host);
    (address.contains('@') && !host.is_empty() && !host.contains('/')).then(|| (host.to_owned(), 22))
}

/// Without user and password.
pub(super) fn shown(address: &str) -> String {
    let Ok(mut url) = url::Url::parse(address) else { return address.to_owned() };
    let plain = url.set_password(None).is_ok() && url.set_username("").is_ok();
    if plain { url.to_string() } else { address.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_their_usual_ports() {
        for (address, wanted) in [
            ("https://u:p@git.example/x.git", Some(("git.example", 443))),
            ("ssh://git@host:2222/x", Some(("host", 2222))),
            ("git@host:team/x.git", Some(("host", 22))),
            ("amqp://mq", Some(("mq", 5672))),
            ("file:///repo", None),
            ("/repo", None),
        ] {
            let wanted = wanted.map(|(host, port)| (host.to_owned(), port));
            assert_eq!(endpoint(address), wanted, "{address}");
        }
        assert!(!shown("https://u:secret@h/x").contains("secret"));
    }
}
