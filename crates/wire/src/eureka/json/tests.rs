use std::sync::Arc;

use proptest::prelude::*;

use super::super::replication::{Action, ReplicationInstance, ReplicationResponse};
use super::super::samples::{any_instance, sample};
use super::super::{Application, Applications, DataCenterInfo, Form, PortInfo, Status};
use super::*;
use crate::Millis;

fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).unwrap()
}

fn read(fields: &str) -> Result<InstanceInfo, DecodeError> {
    read_instance(
        format!(r#"{{"instance":{{"app":"foo"{}{fields}}}}}"#, if fields.is_empty() { "" } else { "," })
            .as_bytes(),
    )
}

#[test]
fn an_instance_is_written_key_for_key() {
    assert_eq!(
        written(|out| write_instance(&sample(), out)),
        concat!(
            r#"{"instance":{"instanceId":"host1:foo:8080","hostName":"host1","app":"FOO","ipAddr":"10.0.0.1","#,
            r#""status":"UP","overriddenStatus":"UNKNOWN","port":{"$":8080,"@enabled":"true"},"#,
            r#""securePort":{"$":8443,"@enabled":"false"},"countryId":1,"#,
            r#""dataCenterInfo":{"@class":"com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo","name":"MyOwn"},"#,
            r#""leaseInfo":{"renewalIntervalInSecs":30,"durationInSecs":90,"registrationTimestamp":1795240955460,"#,
            r#""lastRenewalTimestamp":1795240955460,"evictionTimestamp":0,"serviceUpTimestamp":1795240955460},"#,
            r#""metadata":{"zone":"z1"},"homePageUrl":"http://host1:8080/","vipAddress":"foo","secureVipAddress":"foo","#,
            r#""isCoordinatingDiscoveryServer":"false","lastUpdatedTimestamp":"1795240955460","#,
            r#""lastDirtyTimestamp":"1700000000000","actionType":"ADDED"}}"#,
        )
    );
}

#[test]
fn the_compact_form_has_its_own_order_and_a_number_for_the_time() {
    let list = Applications {
        version: 1,
        hashcode: "UP_1_".into(),
        applications: vec![Application { name: "FOO".into(), instances: vec![Arc::new(sample())] }],
    };
    assert_eq!(
        written(|out| write_applications(&list, Form::Compact, out)),
        concat!(
            r#"{"applications":{"application":[{"name":"FOO","instance":[{"instanceId":"host1:foo:8080","app":"FOO","#,
            r#""ipAddr":"10.0.0.1","vipAddress":"foo","secureVipAddress":"foo","#,
            r#""dataCenterInfo":{"@class":"com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo","name":"MyOwn"},"#,
            r#""hostName":"host1","status":"UP","lastUpdatedTimestamp":1795240955460,"actionType":"ADDED","#,
            r#""port":{"$":8080,"@enabled":"true"},"securePort":{"$":8443,"@enabled":"false"}}]}],"#,
            r#""versions__delta":"1","apps__hashcode":"UP_1_"}}"#,
        )
    );
}

#[test]
fn the_empty_registry() {
    let empty = Applications { version: 1, ..Applications::default() };
    let text = r#"{"applications":{"versions__delta":"1","apps__hashcode":"","application":[]}}"#;
    assert_eq!(written(|out| write_applications(&empty, Form::Full, out)), text);
    assert_eq!(read_applications(text.as_bytes()).unwrap(), empty);
}

#[test]
fn empty_metadata_is_a_java_class() {
    let instance = InstanceInfo { metadata: super::super::Metadata::new(), ..sample() };
    assert!(
        written(|out| write_instance(&instance, out))
            .contains(r#""metadata":{"@class":"java.util.Collections$EmptyMap"},"#)
    );
}

#[test]
fn only_the_compact_form_filters_the_metadata_of_amazon() {
    let amazon = ["instance-id", "availability-zone", "ami-id"].map(|key| (key.to_owned(), "x".to_owned()));
    let info = DataCenterInfo { name: None, amazon: Some(amazon.into_iter().collect()) };
    let instance = InstanceInfo { data_center_info: Some(info), ..sample() };
    assert!(written(|out| write_bare_instance(&instance, Form::Full, out)).contains("ami-id"));
    let compact = written(|out| write_bare_instance(&instance, Form::Compact, out));
    assert!(compact.contains(r#""metadata":{"instance-id":"x","availability-zone":"x"}"#), "{compact}");
}

#[test]
fn absent_fields_have_the_defaults_of_a_registration() {
    assert_eq!(read("").unwrap(), InstanceInfo { app: "FOO".into(), ..InstanceInfo::default() });
}

#[test]
fn texts_numbers_and_booleans_are_taken_for_one_another() {
    let instance = read(
        r#""port":{"$":"8081","@enabled":true},"securePort":{"@enabled":"false","$":9443},"countryId":"7",
           "leaseInfo":{"renewalIntervalInSecs":"5","durationInSecs":15,"registrationTimestamp":null},
           "isCoordinatingDiscoveryServer":true,"lastUpdatedTimestamp":5,"lastDirtyTimestamp":"6",
           "metadata":{"n":1.50,"b":true,"nothing":null,"@class":"x","s":"\u0041\n"},
           "appGroupName":null,"actionType":null,"secureHealthCheckUrl":null,"overriddenstatus":"DOWN",
           "somethingElse":{"deep":[1]},"sid":"na""#,
    )
    .unwrap();
    assert_eq!(instance.port, PortInfo { port: 8081, enabled: true });
    assert_eq!(instance.secure_port, PortInfo { port: 9443, enabled: false });
    assert_eq!((instance.country_id, instance.lease.renewal_interval, instance.lease.duration), (7, 5, 15));
    assert!(instance.is_coordinating_discovery_server);
    assert_eq!((instance.last_updated, instance.last_dirty), (Some(Millis(5)), Some(Millis(6))));
    let pairs: Vec<_> = instance.metadata.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(pairs, [("n", "1.50"), ("b", "true"), ("nothing", "null"), ("s", "A\n")]);
    assert_eq!(instance.overridden_status, Status::Down);
    assert_eq!((instance.app_group_name, instance.action_type), (None, None));
}

#[test]
fn what_has_no_meaning_is_refused() {
    for fields in [
        r#""port":8080"#,
        r#""port":{"$":"many"}"#,
        r#""hostName":{}"#,
        r#""metadata":{"k":[1]}"#,
        r#""dataCenterInfo":{"name":"MyOwn"}"#,
        r#""dataCenterInfo":{"@class":"com.example.Other","name":"MyOwn"}"#,
        r#""dataCenterInfo":{"@class":"com.netflix.appinfo.MyDataCenterInfo","name":"Mars"}"#,
        r#""lastDirtyTimestamp":"yesterday""#,
    ] {
        assert!(read(fields).is_err(), "{fields}");
    }
    let deep = "[".repeat(200_000);
    let bodies =
        ["", "{", "{}", "[]", "\"x\"", "null", r#"{"instance":null}"#, r#"{"instance":{}}"#, deep.as_str()];
    for body in bodies {
        assert!(read_instance(body.as_bytes()).is_err());
    }
    let depth = 100_000;
    let nested = format!(r#""extra":{}1{}"#, "[".repeat(depth), "]".repeat(depth));
    drop(read(&nested)); // whatever it is, it ends
}

#[test]
fn a_single_object_stands_for_a_list_of_one() {
    let text = r#"{"applications":{"versions__delta":3,"apps__hashcode":"UP_1_",
        "application":{"name":"foo","instance":{"app":"foo","hostName":"h"}}}}"#;
    let list = read_applications(text.as_bytes()).unwrap();
    assert_eq!((list.version, list.hashcode.as_str(), list.instances().count()), (3, "UP_1_", 1));
    assert_eq!(list.applications[0].name, "FOO");
    assert!(read_applications(br#"{"applications":{"application":null}}"#).unwrap().applications.is_empty());
}

#[test]
fn a_batch_is_strict_where_the_original_is() {
    assert_eq!(read_batch(br#"{"replicationList":[]}"#).unwrap(), Some(vec![]));
    for nothing in ["{}", "null", r#"{"replicationList":null}"#] {
        assert_eq!(read_batch(nothing.as_bytes()).unwrap(), None);
    }
    for bad in [
        r#"{"replicationList":[],"x":1}"#,
        r#"{"replicationList":[{"x":1}]}"#,
        r#"{"replicationList":[{"action":"heartbeat"}]}"#,
        r#"{"replicationList":{}}"#,
        "[",
    ] {
        assert!(read_batch(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn a_batch_is_written_as_peers_expect_it() {
    let batch = [ReplicationInstance {
        app_name: Some("FOO".into()),
        id: Some("i".into()),
        last_dirty: Some(Millis(17)),
        overridden_status: Some("DOWN".into()),
        status: Some("UP".into()),
        instance: None,
        action: Some(Action::Heartbeat),
    }];
    let text = concat!(
        r#"{"replicationList":[{"appName":"FOO","id":"i","lastDirtyTimestamp":17,"overriddenStatus":"DOWN","#,
        r#""status":"UP","action":"Heartbeat"}]}"#
    );
    assert_eq!(written(|out| write_batch(&batch, out)), text);
    assert_eq!(read_batch(text.as_bytes()).unwrap().unwrap(), batch);
}

#[test]
fn answers_to_a_batch_keep_their_entity() {
    let answers = [
        ReplicationResponse { status: 200, entity: None },
        ReplicationResponse { status: 409, entity: Some(Arc::new(sample())) },
    ];
    let text = written(|out| write_batch_response(&answers, out));
    assert_eq!(read_batch_response(text.as_bytes()).unwrap(), answers);
}

proptest! {
    #[test]
    fn what_is_written_reads_back(instance in any_instance(".*")) {
        let text = written(|out| write_instance(&instance, out));
        prop_assert_eq!(read_instance(text.as_bytes()).unwrap(), instance);
    }

    #[test]
    fn written_json_is_json(instance in any_instance(".*")) {
        for form in [Form::Full, Form::Compact] {
            let text = written(|out| write_bare_instance(&instance, form, out));
            prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
        }
    }

    #[test]
    fn no_bytes_make_the_readers_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        drop((read_instance(&body), read_applications(&body), read_batch(&body), read_batch_response(&body)));
    }

    #[test]
    fn no_mutation_makes_the_readers_panic(instance in any_instance("[a-z\"\\\\]*"), at in any::<prop::sample::Index>(), byte: u8) {
        let mut body = written(|out| write_instance(&instance, out)).into_bytes();
        let at = at.index(body.len());
        body[at] = byte;
        drop(read_instance(&body));
    }
}
