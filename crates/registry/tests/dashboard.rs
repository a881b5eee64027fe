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
        "unavailable-replicas",
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
