use std::sync::Arc;

use proptest::prelude::*;

use super::super::samples::{any_instance, sample};
use super::super::{Application, Applications, DataCenterName, Form, Metadata, Status};
use super::*;

fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_list_is_written_in_lines() {
    let list = Applications {
        version: 1,
        hashcode: "UP_1_".into(),
        applications: vec![Application { name: "FOO".into(), instances: vec![Arc::new(sample())] }],
    };
    let text = written(|out| write_applications(&list, Form::Full, out));
    let expected = r#"<applications>
  <versions__delta>1</versions__delta>
  <apps__hashcode>UP_1_</apps__hashcode>
  <application>
    <name>FOO</name>
    <instance>
      <instanceId>host1:foo:8080</instanceId>
      <hostName>host1</hostName>
      <app>FOO</app>
      <ipAddr>10.0.0.1</ipAddr>
      <status>UP</status>
      <overriddenstatus>UNKNOWN</overriddenstatus>
      <port enabled="true">8080</port>
      <securePort enabled="false">8443</securePort>
      <countryId>1</countryId>
      <dataCenterInfo class="com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo">
        <name>MyOwn</name>
      </dataCenterInfo>
      <leaseInfo>
        <renewalIntervalInSecs>30</renewalIntervalInSecs>
        <durationInSecs>90</durationInSecs>
        <registrationTimestamp>1795240955460</registrationTimestamp>
        <lastRenewalTimestamp>1795240955460</lastRenewalTimestamp>
        <evictionTimestamp>0</evictionTimestamp>
        <serviceUpTimestamp>1795240955460</serviceUpTimestamp>
      </leaseInfo>
      <metadata>
        <zone>z1</zone>
      </metadata>
      <homePageUrl>http://host1:8080/</homePageUrl>
      <vipAddress>foo</vipAddress>
      <secureVipAddress>foo</secureVipAddress>
      <isCoordinatingDiscoveryServer>false</isCoordinatingDiscoveryServer>
      <lastUpdatedTimestamp>1795240955460</lastUpdatedTimestamp>
      <lastDirtyTimestamp>1700000000000</lastDirtyTimestamp>
      <actionType>ADDED</actionType>
    </instance>
  </application>
</applications>"#;
    assert_eq!(text, expected);
    assert_eq!(read_applications(text.as_bytes()).unwrap(), list);
}

#[test]
fn the_compact_form_is_one_line() {
    let list = Applications { version: -1, ..Applications::default() };
    assert_eq!(
        written(|out| write_applications(&list, Form::Compact, out)),
        "<applications><versions__delta>-1</versions__delta><apps__hashcode></apps__hashcode></applications>"
    );
    let text = written(|out| {
        write_application(
            &Application { name: "FOO".into(), instances: vec![Arc::new(sample())] },
            Form::Compact,
            out,
        );
    });
    assert!(text.starts_with(
        "<application><name>FOO</name><instance><instanceId>host1:foo:8080</instanceId><app>FOO<"
    ));
    assert!(
        text.ends_with(r#"<securePort enabled="false">8443</securePort></instance></application>"#),
        "{text}"
    );
}

#[test]
fn empty_metadata_is_a_java_class() {
    let instance = crate::eureka::InstanceInfo { metadata: Metadata::new(), ..sample() };
    let text = written(|out| write_instance(&instance, out));
    assert!(text.contains("\n  <metadata class=\"java.util.Collections$EmptyMap\"/>\n"));
    assert_eq!(read_instance(text.as_bytes()).unwrap(), instance);
}

#[test]
fn elements_come_in_any_order_and_unknown_ones_are_skipped() {
    let body = r#"<?xml version="1.0"?><!-- x --><instance><new><deep/></new><status>OUT_OF_SERVICE</status><app>foo</app>
        <port enabled="false"> 80 </port><dataCenterInfo><name>Amazon</name><metadata><ami-id>a</ami-id></metadata>
        </dataCenterInfo><hostName><![CDATA[h<]]>&amp;&#x41;</hostName><metadata><my__key>v</my__key></metadata></instance>"#;
    let instance = read_instance(body.as_bytes()).unwrap();
    assert_eq!((instance.app.as_str(), instance.host_name.as_str()), ("FOO", "h<&A"));
    assert_eq!(
        (instance.status, instance.port.port, instance.port.enabled),
        (Status::OutOfService, 80, false)
    );
    let center = instance.data_center_info.unwrap();
    assert_eq!(center.name, Some(DataCenterName::Amazon));
    assert_eq!(center.amazon.unwrap()["ami-id"], "a");
    assert_eq!(instance.metadata["my_key"], "v");
}

#[test]
fn bombs_and_broken_documents_are_refused() {
    let deep = format!("<instance><app>a</app>{}", "<x>".repeat(100_000));
    let bodies = [
        "",
        "<instance><",
        "<instance>",
        "<instance></application>",
        "<instance/>",
        "<application/>",
        "<instance><app>a</app></instance><instance/>",
        "text",
        r#"<!DOCTYPE x [<!ENTITY a "b">]><instance><app>a</app></instance>"#,
        "<instance><app>&a;</app></instance>",
        "<instance><app>a</app><port>x</port></instance>",
        r#"<instance><app>a</app><dataCenterInfo class="com.example.Other"><name>MyOwn</name></dataCenterInfo></instance>"#,
        &deep,
    ];
    for body in bodies {
        assert!(read_instance(body.as_bytes()).is_err(), "{body:.80}");
    }
    assert!(read_instance(b"<instance><app>\xff</app></instance>").is_err());
}

#[test]
fn a_null_character_spoils_no_list() {
    assert!(read_instance(b"<instance><app>a\0b</app></instance>").is_err());
    let instance = crate::eureka::InstanceInfo { host_name: "a\0b\x01".into(), ..sample() };
    let text = written(|out| write_instance(&instance, out));
    assert_eq!(read_instance(text.as_bytes()).unwrap().host_name, "a\u{fffd}b\u{1}");
}

proptest! {
    #[test]
    fn what_is_written_reads_back(instance in any_instance("[ -~\n\t\u{a1}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]{1,9}")) {
        let text = written(|out| write_instance(&instance, out));
        prop_assume!(instance.data_center_info.is_some());
        prop_assert_eq!(read_instance(text.as_bytes()).unwrap(), instance);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(body in prop::collection::vec(any::<u8>(), 0..200), tag in "[a-z<>/&;!\\[\\]#x\" =-]{0,60}") {
        drop((read_instance(&body), read_applications(&body)));
        drop(read_instance(format!("<instance>{tag}</instance>").as_bytes()));
    }
}
