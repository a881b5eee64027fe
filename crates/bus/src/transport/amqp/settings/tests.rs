use wellspring_properties::PropertySource;

use super::*;

fn settings(pairs: &[(&str, &str)]) -> Result<Settings, Problem> {
    let source = PropertySource::of_pairs("test", pairs.iter().copied());
    let env = Environment::new(vec![source], vec![]);
    Settings::from_env(&env, &env.bind("spring.cloud.bus").unwrap(), &Own::default())
}

fn uris(pairs: &[(&str, &str)]) -> Vec<String> {
    settings(pairs).unwrap().addresses.iter().map(ToString::to_string).collect()
}

#[test]
fn addresses_follow_spring_boot() {
    for (pairs, expected) in [
        (&[][..], &["amqp://guest:guest@localhost:5672/%2F?frame_max=8192&heartbeat=60"][..]),
        (
            &[
                ("spring.rabbitmq.host", "mq"),
                ("spring.rabbitmq.port", "5673"),
                ("spring.rabbitmq.username", "u"),
                ("spring.rabbitmq.password", "p"),
                ("spring.rabbitmq.virtual-host", "shop"),
                ("spring.rabbitmq.requested-heartbeat", "10"),
            ],
            &["amqp://u:p@mq:5673/shop?frame_max=8192&heartbeat=10"],
        ),
        (
            &[
                ("spring.rabbitmq.addresses", "a:1, amqp://x:y%40z@b/v%2Fh,amqps://c"),
                ("spring.rabbitmq.host", "no"),
            ],
            &[
                "amqp://guest:guest@a:1/%2F?frame_max=8192&heartbeat=60",
                "amqp://x:y%40z@b:5672/v%2Fh?frame_max=8192&heartbeat=60",
                "amqps://guest:guest@c:5671/%2F?frame_max=8192&heartbeat=60",
            ],
        ),
        (
            &[("spring.rabbitmq.ssl.enabled", "true")],
            &["amqps://guest:guest@localhost:5671/%2F?frame_max=8192&heartbeat=60"],
        ),
    ] {
        assert_eq!(uris(pairs), expected);
    }
}

#[test]
fn names_on_the_broker_follow_bus_and_stream() {
    let queue = settings(&[]).unwrap().queue();
    let suffix = queue.name.strip_prefix("springCloudBus.anonymous.").unwrap();
    assert!(
        suffix.len() == 22 && suffix.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)),
        "{suffix}"
    );
    assert_eq!((queue.durable, queue.exclusive), (false, true));
    let group = settings(&[
        ("spring.cloud.bus.destination", "myBus"),
        ("spring.cloud.stream.bindings.springCloudBusInput.group", "g1"),
    ])
    .unwrap();
    assert_eq!((group.exchange.as_str(), group.routing_key.as_str()), ("myBus", "myBus"));
    assert_eq!(
        group.queue(),
        Queue { name: "myBus.g1".to_owned(), durable: true, exclusive: false, prefetch: GROUP_PREFETCH }
    );
    let prefetch = ("spring.cloud.stream.rabbit.bindings.springCloudBusInput.consumer.prefetch", "7");
    assert_eq!(settings(&[prefetch]).unwrap().queue().prefetch, 7);
}

#[test]
fn what_cannot_be_followed_is_a_problem_and_passwords_stay_hidden() {
    for (pairs, found) in [
        (&[("spring.rabbitmq.addresses", "http://u:secret@h")][..], "not the address of a RabbitMQ"),
        (&[("spring.rabbitmq.port", "many")], "port"),
        (&[("spring.rabbitmq.ssl.trust-store", "t.jks")], "trust-store is not followed"),
        (&[("spring.rabbitmq.ssl.bundle", "none")], "no SSL bundle none"),
        (&[("spring.cloud.stream.bindings.springCloudBusOutput.destination", "x")], "another destination"),
    ] {
        let line = settings(pairs).unwrap_err().line();
        assert!(line.contains(found) && !line.contains("secret"), "{line}");
    }
    let shown = format!("{:?}", settings(&[("spring.rabbitmq.password", "secret")]).unwrap());
    assert!(!shown.contains("secret"), "{shown}");
}

#[test]
fn what_has_no_effect_is_told() {
    let settings = settings(&[
        ("spring.rabbitmq.host", "mq"),
        ("spring.rabbitmq.listener.simple.prefetch", "5"),
        ("spring.rabbitmq.cache.channel.size", "9"),
        ("spring.rabbitmq.template.mandatory", "true"),
        ("spring.cloud.stream.bindings.springCloudBusInput.consumer.max-attempts", "1"),
        ("spring.cloud.stream.bindings.orders-in-0.destination", "orders"),
        ("spring.cloud.stream.rabbit.bindings.springCloudBusInput.consumer.auto-bind-dlq", "true"),
        ("spring.cloud.stream.rabbit.bindings.springCloudBusInput.consumer.prefetch", "5"),
    ])
    .unwrap();
    let lines: Vec<_> = settings.unused.iter().map(Problem::line).collect();
    for told in ["listener", "cache", "template", "max-attempts", "auto-bind-dlq"] {
        assert!(lines.iter().any(|line| line.contains(told)), "{told}: {lines:?}");
    }
    assert_eq!(lines.len(), 5, "{lines:?}");
}

#[test]
fn addresses_are_tried_in_the_order_that_is_asked_for() {
    let hosts = |mode: &str| {
        let addresses = ("spring.rabbitmq.addresses", "a,b,c");
        let settings = settings(&[addresses, ("spring.rabbitmq.address-shuffle-mode", mode)]).unwrap();
        let order = || settings.order().iter().map(|uri| uri.authority.host.clone()).collect::<String>();
        (0..30).map(|_| order()).collect::<Vec<_>>()
    };
    assert!(hosts("none").iter().all(|order| order == "abc"));
    assert_eq!(hosts("inorder")[..4], ["abc", "bca", "cab", "abc"]);
    assert!(hosts("random").iter().any(|order| order != "abc"));
}
