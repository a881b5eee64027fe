use http::HeaderValue;
use wellspring_properties::PropertySource;

use super::*;

fn access(pairs: &[(&str, &str)]) -> Result<Access, Problem> {
    let source = PropertySource::of_pairs("test", pairs.iter().copied());
    let env = Environment::new(vec![source], Vec::new());
    Access::from_env(&env, &env.bind("wellspring.registry.access")?)
}

const USERS: &[(&str, &str)] = &[
    ("wellspring.registry.access.users[0].name", "orders"),
    ("wellspring.registry.access.users[0].password", "s3:cret"),
    ("wellspring.registry.access.users[0].apps", "orders,PAY-*"),
    ("wellspring.registry.access.users[1].name", "node"),
    ("wellspring.registry.access.users[1].token", "{noop}t0ken"),
    ("wellspring.registry.access.users[1].role", "peer"),
];

fn with(value: &str) -> HeaderMap {
    HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(value).unwrap())])
}

fn basic(credentials: &str) -> HeaderMap {
    with(&format!("Basic {}", STANDARD.encode(credentials)))
}

#[test]
fn users_write_what_is_theirs() {
    let access = access(USERS).unwrap();
    let orders = basic("orders:s3:cret");
    let node = with("bearer t0ken");
    let code = |intent, headers: &HeaderMap| access.admit(intent, headers).err().map(|code| code.as_u16());
    assert_eq!(code(Intent::Write("ORDERS"), &orders), None);
    assert_eq!(code(Intent::Write("PAY-BATCH"), &orders), None);
    assert_eq!(code(Intent::Write("ORDERS2"), &orders), Some(403));
    assert_eq!(code(Intent::Replicate, &orders), Some(403));
    assert_eq!(code(Intent::Replicate, &node), None);
    assert_eq!(code(Intent::Write("ANY"), &node), None);
    for wrong in ["orders:s3", "orders:", "node:t0ken", "node:", "nobody:s3:cret", "orders"] {
        assert_eq!(code(Intent::Write("ORDERS"), &basic(wrong)), Some(401), "{wrong}");
    }
    for wrong in ["Bearer s3:cret", "Bearer ", "Bearer", "Digest t0ken", "Basic %%%"] {
        assert_eq!(code(Intent::Write("ORDERS"), &with(wrong)), Some(401), "{wrong}");
    }
    assert_eq!(code(Intent::Write("ORDERS"), &HeaderMap::new()), Some(401));
    assert_eq!(code(Intent::Read, &HeaderMap::new()), None, "reading is open");
    let user = access.admit(Intent::Write("ORDERS"), &orders).unwrap();
    assert_eq!(access.names().of(user), Some("orders"));
}

#[test]
fn reading_can_be_closed_too() {
    let mut pairs = USERS.to_vec();
    pairs.push(("wellspring.registry.access.reading", "users"));
    let access = access(&pairs).unwrap();
    assert_eq!(access.admit(Intent::Read, &HeaderMap::new()).err(), Some(StatusCode::UNAUTHORIZED));
    assert!(access.admit(Intent::Read, &basic("orders:s3:cret")).is_ok());
}

#[test]
fn without_users_everything_is_open_and_the_frames_user_has_a_name() {
    let open = access(&[]).unwrap();
    assert!(open.is_open() && open.admit(Intent::Replicate, &HeaderMap::new()) == Ok(None));
    let one =
        access(&[("spring.security.user.name", "ana"), ("spring.security.user.password", "x")]).unwrap();
    let user = one.admit(Intent::Replicate, &basic("ana:x")).unwrap();
    assert_eq!(one.names().of(user), Some("ana"));
}

#[test]
fn a_user_that_makes_no_sense_is_a_problem_without_its_secret() {
    let user = |more: &[(&str, &str)]| {
        let keys: Vec<_> = more
            .iter()
            .map(|(key, value)| (format!("wellspring.registry.access.users[0].{key}"), (*value).to_owned()))
            .collect();
        let pairs: Vec<_> = keys.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        access(&pairs).err().map(|problem| problem.to_string())
    };
    for (wrong, names) in [
        (&[("name", "a"), ("apps", "*")][..], "password"),
        (&[("password", "hush"), ("apps", "*")], "name"),
        (&[("name", "a"), ("password", "hush")], "apps"),
        (&[("name", "a"), ("password", "{bcrypt}hush"), ("apps", "*")], "encoding"),
        (&[("name", "a"), ("password", "hush"), ("role", "king")], "role"),
    ] {
        let text = user(wrong).unwrap_or_else(|| panic!("{wrong:?} was taken"));
        assert!(text.contains(names) && !text.contains("hush"), "{text}");
    }
    assert_eq!(user(&[("name", "a"), ("password", "hush"), ("apps", "*")]), None);
}
