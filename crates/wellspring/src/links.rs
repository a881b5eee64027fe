//! What `wellspring up` prints when everything answers: links, lines to try, the one property for a Spring application.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Where the parts of a running platform are.
#[derive(Debug, Clone)]
pub struct Links {
    pub registry: SocketAddr,
    pub config_server: SocketAddr,
    pub bus: SocketAddr,
    pub gateway: SocketAddr,
    pub inventory: SocketAddr,
    pub orders: SocketAddr,
    /// The operator's API, unless it is switched off.
    pub admin: Option<SocketAddr>,
    /// The sample repository, when the platform serves its own.
    pub sample_repository: Option<PathBuf>,
}

/// The address as a person types it; everything listens on loopback unless told otherwise.
fn url(address: SocketAddr) -> String {
    if address.ip().is_loopback() || address.ip().is_unspecified() {
        format!("http://localhost:{}", address.port())
    } else {
        format!("http://{address}")
    }
}

impl Links {
    /// Name, link and meaning of each part.
    #[must_use]
    pub fn table(&self) -> Vec<(&'static str, String, &'static str)> {
        let mut table = vec![
            ("registry", format!("{}/", url(self.registry)), "services and their instances"),
            ("", format!("{}/eureka/apps", url(self.registry)), "the same for Eureka clients"),
            (
                "config server",
                format!("{}/orders/default", url(self.config_server)),
                "what `orders` is configured with",
            ),
            ("gateway", format!("{}/orders/7", url(self.gateway)), "routes to services by name"),
            ("", format!("{}/actuator/gateway/routes", url(self.gateway)), "its routes"),
            ("bus", format!("{}/actuator/health", url(self.bus)), "tells every instance to refresh"),
            ("inventory", format!("{}/stock/tea", url(self.inventory)), "a sample service"),
            ("orders", format!("{}/orders/7", url(self.orders)), "a sample service that calls inventory"),
        ];
        if let Some(admin) = self.admin {
            table.push(("console", format!("{}/", url(admin)), "all of it in the browser"));
            table.push((
                "admin API",
                format!("{}/api/v1/openapi.json", url(admin)),
                "what operators can ask",
            ));
        }
        table
    }

    /// Lines for a shell that answer 200 with a value from the config server, by way of a service, through the gateway.
    #[must_use]
    pub fn curls(&self) -> Vec<String> {
        let gateway = url(self.gateway);
        ["/orders/7", "/orders/greeting", "/inventory/stock/tea"]
            .into_iter()
            .map(|path| format!("curl {gateway}{path}"))
            .collect()
    }

    /// What a Spring Boot application puts into its `application.properties`.
    #[must_use]
    pub fn spring_property(&self) -> String {
        format!("spring.config.import=optional:configserver:{}", url(self.config_server))
    }
}

impl fmt::Display for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = self.table();
        let width = table.iter().map(|(_, link, _)| link.len()).max().unwrap_or_default();
        writeln!(f)?;
        for (name, link, meaning) in &table {
            writeln!(f, "  {name:<14} {link:<width$}  {meaning}")?;
        }
        writeln!(f, "\n  Try")?;
        for line in self.curls() {
            writeln!(f, "    {line}")?;
        }
        if let Some(repository) = &self.sample_repository {
            writeln!(f, "\n  Change a file in {}, commit, then", repository.display())?;
            writeln!(f, "    curl -X POST {}/actuator/busrefresh", url(self.bus))?;
        }
        writeln!(f, "\n  A Spring Boot application joins with")?;
        writeln!(f, "    {}", self.spring_property())?;
        if self.registry.port() != 8761 {
            writeln!(f, "    eureka.client.service-url.defaultZone={}/eureka/", url(self.registry))?;
        }
        writeln!(f, "\n  Ctrl-C drains and stops.")
    }
}
