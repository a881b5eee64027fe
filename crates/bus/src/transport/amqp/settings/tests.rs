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
