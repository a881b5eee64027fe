//! Draining for a time, over a restart, and beside what others do to the same instance.

use std::time::Duration;

use wellspring_properties::{Environment, PropertySource};
use wellspring_wire::Millis;

use super::*;
use crate::Clock;
use crate::state::Rules;

fn operated(directory: &std::path::Path) -> Operated {
    let source = PropertySource::of_pairs("test", std::iter::empty::<(&str, &str)>());
    let config = Config::bind(&Environment::new(vec![source], Vec::new())).unwrap();
    let node = Arc::new(Node::new(Rules::default(), Duration::from_secs(30), Clock::default()));
    node.register(
        InstanceInfo {
            app: "ORDERS".to_owned(),
            instance_id: Some("o1".to_owned()),
            host_name: "h".to_owned(),
            ..InstanceInfo::default()
        },
        Caller::CLIENT,
    );
    let holds = Arc::new(Holds::open(Some(directory.to_owned())));
    Operated {
        node,
        holds,
        config: Arc::new(config),
        http: client(Options::default()).unwrap(),
        daemon: "registry".to_owned(),
    }
}

fn hold(until: Option<Millis>) -> Hold {
    Hold { by: "ana".to_owned(), reason: Some("disk swap".to_owned()), until }
}

#[tokio::test]
async fn a_drain_for_a_time_ends_by_itself_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let before = operated(folder.path());
    let until = Millis::now() + Duration::from_millis(300);
    let drained = before.drain("orders", "o1", hold(Some(until))).unwrap();
    assert_eq!((drained.status.as_str(), drained.own_status.as_deref()), ("OUT_OF_SERVICE", Some("UP")));
    assert_eq!((drained.overridden_by.as_deref(), drained.overridden_until), (Some("ana"), Some(until)));
    assert_eq!(drained.reason.as_deref(), Some("disk swap"));
    // The next life has the override from the state that was kept, and who set it from ours.
    let after = operated(folder.path());
    after.node.override_status("ORDERS", "o1", Status::OutOfService, None, Caller::PEER);
    assert_eq!(after.instance("ORDERS", "o1").unwrap().overridden_by.as_deref(), Some("ana"));
    let (key, held) = tokio::time::timeout(Duration::from_secs(10), after.holds.ended()).await.unwrap();
    assert!(Millis::now() >= until);
    after.lift(&key, Some(&held));
    let lifted = after.instance("ORDERS", "o1").unwrap();
    assert_eq!((lifted.status.as_str(), lifted.overridden, lifted.overridden_by), ("UP", None, None));
    assert!(Holds::open(Some(folder.path().to_owned())).all().is_empty(), "and nothing is left on disk");
}

#[tokio::test]
async fn what_the_instance_says_of_itself_meanwhile_is_not_covered_up() {
    let folder = tempfile::tempdir().unwrap();
    let operated = operated(folder.path());
    assert!(matches!(operated.undrain("orders", "o1"), Err(Denied::Conflict(_))), "nothing was set");
    operated.drain("orders", "o1", hold(None)).unwrap();
    let again = operated.drain("orders", "o1", hold(None)).unwrap();
    assert_eq!(again.own_status.as_deref(), Some("UP"), "a second drain keeps what was before the first");
    let down = InstanceInfo {
        app: "ORDERS".to_owned(),
        instance_id: Some("o1".to_owned()),
        host_name: "h".to_owned(),
        status: Status::Down,
        ..InstanceInfo::default()
    };
    operated.node.register(down, Caller::CLIENT);
    let undrained = operated.undrain("orders", "o1").unwrap();
    assert_eq!((undrained.status.as_str(), undrained.overridden), ("DOWN", None));
    assert!(matches!(operated.drain("orders", "o9", hold(None)), Err(Denied::Unknown(..))));
}

#[tokio::test]
async fn accepting_the_present_size_lets_leases_end_again() {
    let folder = tempfile::tempdir().unwrap();
    let operated = operated(folder.path());
    operated.node.with(|state, now| state.open(100, now));
    let before = operated.cluster().self_preservation;
    assert_eq!((before.expected, before.threshold, before.active), (100, 170, true));
    assert!(before.explanation.contains("no lease ends"), "{}", before.explanation);
    let after = operated.accept();
    assert_eq!((after.expected, after.threshold), (1, 1));
}
