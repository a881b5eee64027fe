//! Log lines of one request, written by the gateway and by a service behind it, carry the same trace id: as text, as ECS and
//! as Logstash's JSON.

use serde_json::Value;
use wellspring_test_support::{Daemon, Launch, http1, poll};

use crate::SOON;

const CALLER: &str = "6b0140802fa557c5974c604b1a390686";

/// The ids of the first line that holds `text`: trace and span.
fn ids(log: &str, format: &str, text: &str) -> Option<(String, String)> {
    // The last line may be half there.
    let (whole, _) = log.rsplit_once('\n')?;
    let line = whole.lines().find(|line| line.contains(text))?;
    if format == "text" {
        let (trace, rest) = line.split_once(&format!("[{CALLER}-")).map(|(_, rest)| (CALLER, rest))?;
        return Some((trace.to_owned(), rest.split(']').next()?.trim_end().to_owned()));
    }
    let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{format}: {error}: {line}"));
    match format {
        "ecs" => assert_eq!(line["ecs"]["version"], "8.11", "{line}"),
        _ => assert_eq!(line["@version"], "1", "{line}"),
    }
    let id = |key: &str| line[key].as_str().map(str::to_owned);
    Some((id("traceId")?, id("spanId")?))
}

#[test]
fn lines_of_a_request_carry_its_trace_id_in_every_format() {
    let registry = Launch::new("wellspring-registry")
        .yaml(
            "
            eureka:
              client: { register-with-eureka: false, fetch-registry: false }
              server: { use-read-only-response-cache: false }
            ",
        )
        .start();
    for format in ["text", "ecs", "logstash"] {
        let member = |program: &str, name: &str| {
            let launch = Launch::new(program)
                .arg(format!("--spring.application.name={name}"))
                .arg(format!("--eureka.client.service-url.defaultZone={}", registry.url("/eureka/")))
                .arg("--eureka.instance.prefer-ip-address=true")
                .arg("--eureka.instance.ip-address=127.0.0.1")
                // Nobody listens there; that spans are exported at all makes the ids part of a line of text.
                .arg("--management.zipkin.tracing.endpoint=http://127.0.0.1:9/api/v2/spans");
            if format == "text" {
                launch
            } else {
                launch.arg(format!("--logging.structured.format.console={format}"))
            }
        };
        // There is no inventory: the service complains, and the gateway takes its answer for a failure.
        let service = format!("orders-{format}");
        let orders = member("orders", &service).start();
        let gateway = member("wellspring-gateway", &format!("gateway-{format}"))
            .yaml(&format!(
                "
                spring.cloud.gateway.server.webflux.routes:
                  - id: orders
                    uri: lb://{service}
                    predicates: [ 'Path=/orders/**' ]
                    filters: [ {{ name: CircuitBreaker, args: {{ name: orders, statusCodes: [502] }} }} ]
                "
            ))
            .start();
        let ask = || {
            let parent = format!("00-{CALLER}-c44d702b486425ff-01");
            http1::Request::new("GET", "/orders/7")
                .header("traceparent", &parent)
                .send(gateway.port())
                .unwrap();
        };
        let of = |daemon: &Daemon, text: &str| {
            ask();
            ids(&daemon.log(), format, text)
        };
        let mut behind = None;
        poll::until(&format!("{format}: the service's line"), SOON, || {
            behind = of(&orders, "stock is not known");
            behind.is_some()
        });
        let mut before = None;
        poll::until(&format!("{format}: the gateway's line"), SOON, || {
            before = of(&gateway, "exchange failed");
            before.is_some()
        });
        let (behind, before) = (behind.unwrap(), before.unwrap());
        assert_eq!((behind.0.as_str(), before.0.as_str()), (CALLER, CALLER), "{format}");
        assert_ne!(behind.1, before.1, "{format}: each works in a span of its own");
        assert_eq!((behind.1.len(), before.1.len()), (16, 16), "{format}");
    }
}
