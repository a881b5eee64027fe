//! The pages for people, and the status resource.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests"
)]

mod started;

use started::{Started, instance};

async fn page(node: &Started, path: &str) -> (u16, String) {
    let url = format!("http://{}{path}", node.running.local_addr());
    let answer = node.http.get(url).header("accept", "text/html").send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_has_the_originals_sections_in_order() {
    let node = Started::with(&[
        ("eureka.environment", &"staging"),
        ("eureka.client.service-url.defaultZone", &"http://user:secret@peer.example:8761/eureka"),
        ("eureka.client.register-with-eureka", &false),
    ])
    .await;
    let mut shown = instance("FOO", "<i1>");
    shown["statusPageUrl"] = "javascript:alert(1)".into();
    node.register(shown).await;
    let mut linked = instance("FOO", "i2");
    linked["statusPageUrl"] = "http://node1.example/info".into();
    node.register(linked).await;
    node.put("apps/FOO/i2/status?value=DOWN").send().await.unwrap();
    let (status, text) = page(&node, "/").await;
    assert_eq!(status, 200);
    let sections = [
        "System Status",
        "staging",
        "Data center",
        "Current time",
        "Uptime",
        "Lease expiration enabled",
        "Renews threshold",
        "Renews (last min)",
        "DS Replicas",
        "peer.example",
        "Instances currently registered with Eureka",
        "DOWN (1)",
        "UP (1)",
        "General Info",
        "total-avail-memory",
        "num-of-cpus",
        "current-memory-usage",
        "server-uptime",
        "registered-replicas",
        "http://peer.example:8761/eureka/",
        "unavailable-replicas",
        "http://peer.example:8761/eureka/,",
        "available-replicas",
        "Instance Info",
        "ipAddr",
    ];
    let mut from = 0;
    for section in sections {
        let at = text[from..].find(section).unwrap_or_else(|| panic!("{section} is missing or out of order"));
        from += at;
    }
    assert!(text.contains("No lease ends: 0 renewals came"), "the reason is told");
    assert!(text.contains("&lt;i1&gt;") && !text.contains("javascript:") && !text.contains("secret"));
    assert!(text.contains("<a href=\"http://node1.example/info\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_is_a_row_with_images_zones_and_statuses() {
    let node = Started::with(&[("eureka.datacenter", &"cloud")]).await;
    let (_, empty) = page(&node, "/").await;
    assert!(empty.contains("No instances available") && empty.contains("<td>Data center</td><td>cloud</td>"));
    assert!(empty.contains("<td>Environment</td><td>test</td>"));
    for link in ["<a href=\"/\">Home</a>", "<a href=\"/lastn\">Last 1000 since startup</a>"] {
        assert!(empty.contains(link), "{link}");
    }
    let clock = empty.split_once("<td>Current time</td><td>").unwrap().1.split_once('<').unwrap().0;
    let shape: String = clock.chars().map(|one| if one.is_ascii_digit() { '0' } else { one }).collect();
    assert_eq!(shape, "0000-00-00T00:00:00 +0000");
    for (app, id) in [("ZOO", "z1"), ("FOO", "f1"), ("FOO", "f2"), ("FOO", "f3")] {
        node.register(instance(app, id)).await;
    }
    node.put("apps/FOO/f2/status?value=OUT_OF_SERVICE").send().await.unwrap();
    for (id, zone) in [("a1", "us-east-1c"), ("a2", "us-east-1c"), ("a3", "us-east-1d")] {
        let mut one = instance("AMAZON", id);
        one["dataCenterInfo"] = serde_json::json!({"@class": "com.netflix.appinfo.AmazonInfo", "name": "Amazon",
            "metadata": {"instance-id": id, "availability-zone": zone, "ami-id": "ami-7"}});
        node.register(one).await;
    }
    let (_, text) = page(&node, "/").await;
    let row = |app: &str| {
        let rest = text.split_once(&format!("<tr><td><b>{app}</b></td>")).unwrap().1;
        rest.split_once("</tr>").unwrap().0.to_owned()
    };
    let foo = row("FOO");
    assert!(foo.starts_with("<td>n/a (3)</td><td>(3)</td><td><b>"), "{foo}");
    assert!(foo.contains("<b>UP (2)</b> - f1, f3 "), "{foo}");
    assert!(foo.contains("<span class=\"bad\">OUT_OF_SERVICE (1)</span></b> - f2 "), "{foo}");
    let amazon = row("AMAZON");
    assert!(amazon.starts_with("<td>ami-7 (3)</td><td>us-east-1c (2), us-east-1d (1)</td>"), "{amazon}");
    let at = |app: &str| text.find(&format!("<b>{app}</b>")).unwrap();
    assert!(at("AMAZON") < at("FOO") && at("FOO") < at("ZOO"), "by name");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_threshold_follows_its_settings() {
    for (settings, threshold) in [
        (vec![], "17"),
        (vec![("eureka.server.expected-client-renewal-interval-seconds", "10")], "51"),
        (vec![("eureka.server.renewal-percent-threshold", "0.5")], "10"),
    ] {
        let mut all: Vec<(&str, &dyn std::fmt::Display)> =
            vec![("eureka.instance.registry.default-open-for-traffic-count", &"10")];
        all.extend(settings.iter().map(|(key, value)| (*key, value as &dyn std::fmt::Display)));
        let node = Started::with(&all).await;
        let text = page(&node, "/").await.1;
        assert!(
            text.contains(&format!("<td>Renews threshold</td><td>{threshold}</td>")),
            "{settings:?}: {text}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_nodes_own_entry_is_as_configured() {
    let node = Started::with(&[
        ("eureka.instance.appname", &"own"),
        ("eureka.instance.app-group-name", &"group"),
        ("eureka.instance.instance-id", &"id-1"),
        ("eureka.instance.hostname", &"own.example"),
        ("eureka.instance.ip-address", &"10.9.8.7"),
        ("eureka.instance.non-secure-port", &8001),
        ("eureka.instance.secure-port", &8443),
        ("eureka.instance.secure-port-enabled", &true),
        ("eureka.instance.lease-renewal-interval-in-seconds", &7),
        ("eureka.instance.lease-expiration-duration-in-seconds", &21),
        ("eureka.instance.virtual-host-name", &"vip-1"),
        ("eureka.instance.secure-virtual-host-name", &"vip-2"),
        ("eureka.instance.status-page-url-path", &"/status"),
        ("eureka.instance.health-check-url", &"http://other.example/health"),
        ("eureka.instance.secure-health-check-url", &"https://other.example/health"),
        ("eureka.instance.home-page-url-path", &"/home"),
        ("eureka.instance.metadata-map.zone", &"z1"),
        ("eureka.instance.initial-status", &"OUT_OF_SERVICE"),
        ("eureka.instance.a-s-g-name", &"asg-1"),
    ])
    .await;
    let text = node.http.get(format!("{}/status", node.base())).send().await.unwrap().text().await.unwrap();
    for part in [
        "<instanceId>id-1</instanceId>",
        "<hostName>own.example</hostName>",
        "<app>OWN</app>",
        "<appGroupName>GROUP</appGroupName>",
        "<ipAddr>10.9.8.7</ipAddr>",
        "<status>OUT_OF_SERVICE</status>",
        "<port enabled=\"true\">8001</port>",
        "<securePort enabled=\"true\">8443</securePort>",
        "<renewalIntervalInSecs>7</renewalIntervalInSecs>",
        "<durationInSecs>21</durationInSecs>",
        "<zone>z1</zone>",
        "<homePageUrl>http://own.example:",
        "/home</homePageUrl>",
        "/status</statusPageUrl>",
        "<healthCheckUrl>http://other.example/health</healthCheckUrl>",
        "<secureHealthCheckUrl>https://other.example/health</secureHealthCheckUrl>",
        "<vipAddress>vip-1</vipAddress>",
        "<secureVipAddress>vip-2</secureVipAddress>",
        "<asgName>asg-1</asgName>",
    ] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    let (_, overview) = page(&node, "/").await;
    assert!(overview.contains("<td>ipAddr</td><td>10.9.8.7</td>"));
    assert!(overview.contains("<td>status</td><td>OUT_OF_SERVICE</td>"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warning_tells_the_state_of_self_preservation() {
    // Nobody has renewed yet, which is below the threshold. As an emergency it counts only some time after the start.
    let fresh = Started::plain().await;
    fresh.register(instance("FOO", "i1")).await;
    assert!(!page(&fresh, "/").await.1.contains("EMERGENCY!"));
    let settled = Started::with(&[("eureka.server.wait-time-in-ms-when-sync-empty", &1)]).await;
    settled.register(instance("FOO", "i1")).await;
    settled.until("the emergency", async || page(&settled, "/").await.1.contains("EMERGENCY!")).await;
    let off = Started::with(&[("eureka.server.enable-self-preservation", &false)]).await;
    off.register(instance("FOO", "i1")).await;
    let text = page(&off, "/").await.1;
    assert!(
        text.contains("RENEWALS ARE LESSER THAN THE THRESHOLD. THE SELF PRESERVATION MODE IS TURNED OFF.")
    );
    assert!(text.contains("Leases end on time: self-preservation is off."));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_has_the_newest_first() {
    let node = Started::plain().await;
    node.register(instance("FOO", "i1")).await;
    node.register(instance("FOO", "i2")).await;
    node.delete("apps/FOO/i1").send().await.unwrap();
    let (status, text) = page(&node, "/lastn").await;
    let at = |what: &str| text.find(what).unwrap();
    assert_eq!(status, 200);
    assert!(at("Last 1000 cancelled leases") < at("FOO(i1)"));
    let registered = &text[at("Last 1000 newly registered leases")..];
    assert!(registered.find("FOO(i2)").unwrap() < registered.find("FOO(i1)").unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dashboard_moves_and_goes_as_configured() {
    let moved = Started::with(&[("eureka.dashboard.path", &"/dash")]).await;
    assert_eq!(page(&moved, "/").await.0, 404);
    assert_eq!(page(&moved, "/dash").await.0, 200);
    assert_eq!(page(&moved, "/dash/lastn").await.0, 200);
    let off = Started::with(&[("eureka.dashboard.enabled", &false)]).await;
    assert_eq!(page(&off, "/").await.0, 404);
    assert_eq!(off.status("apps").await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_is_xml_and_nothing_else() {
    let node = Started::plain().await;
    let url = format!("{}/status", node.base());
    let answer = node.http.get(&url).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/xml");
    let text = answer.text().await.unwrap();
    assert!(
        text.starts_with("<com.netflix.eureka.util.StatusInfo>\n  <generalStats>\n    <num-of-cpus>"),
        "{text}"
    );
    assert!(text.contains("  <instanceInfo>\n    <instanceId>"), "{text}");
    assert!(text.ends_with("  </instanceInfo>\n</com.netflix.eureka.util.StatusInfo>"), "{text}");
    assert_eq!(node.status("status").await, 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_are_published() {
    let node = Started::with(&[("management.endpoints.web.exposure.include", &"*")]).await;
    node.register(instance("FOO", "i1")).await;
    let url = format!(
        "http://{}/actuator/metrics/wellspring.registry.instances?tag=status:UP",
        node.running.local_addr()
    );
    let text = node.http.get(url).send().await.unwrap().text().await.unwrap();
    assert!(text.contains("\"value\":1"), "{text}");
}
