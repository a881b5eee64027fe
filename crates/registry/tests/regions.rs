//! Instances of other regions in the lists of this one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod started;

use started::{Started, instance};
use wellspring_test_support::port;

#[tokio::test(flavor = "multi_thread")]
async fn lists_hold_remote_regions_unless_told_otherwise() {
    let remote = Started::plain().await;
    remote.register(instance("FAR", "i1")).await;
    remote.register(instance("BOTH", "i2")).await;
    remote.register(instance("HIDDEN", "i3")).await;
    let url = remote.base();
    let local = Started::with(&[
        ("eureka.server.remote-region-urls-with-name.west", &url),
        ("eureka.server.remote-region-app-whitelist.global", &"far,both"),
    ])
    .await;
    local.register(instance("BOTH", "i4")).await;
    local.eventually("instances/i1", "app", "FAR").await;
    let list = local.json("apps").await;
    assert_eq!(list["applications"]["apps__hashcode"], "UP_3_");
    assert_eq!(local.json("apps?regions=unknown").await["applications"]["apps__hashcode"], "UP_1_");
    assert_eq!(local.json("apps?regions=West").await["applications"]["apps__hashcode"], "UP_3_");
    assert_eq!(local.json("apps/far").await["application"]["instance"][0]["instanceId"], "i1");
    assert_eq!(local.status("apps/HIDDEN").await, 404);
    assert_eq!(local.json("apps/BOTH").await["application"]["instance"].as_array().unwrap().len(), 1);

    let alone = Started::with(&[
        ("eureka.server.remote-region-urls-with-name.west", &url),
        ("eureka.server.disable-transparent-fallback-to-other-region", &true),
    ])
    .await;
    alone.eventually_status("apps?regions=west", 200).await;
    assert_eq!(alone.json("apps").await["applications"]["apps__hashcode"], "");
    assert_eq!(alone.status("apps/FAR").await, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_regions_that_show_each_other_show_everybody_once() {
    let ports = [port::free(), port::free()];
    let start = async |own: usize| {
        let url = format!("http://127.0.0.1:{}/eureka/", ports[1 - own]);
        Started::with(&[
            ("server.port", &ports[own]),
            ("eureka.server.remote-region-urls-with-name.other", &url),
            ("eureka.server.remote-region-registry-fetch-interval", &1),
        ])
        .await
    };
    let (a, b) = (start(0).await, start(1).await);
    for (node, id) in [(&a, "i1"), (&b, "i2"), (&b, "i3")] {
        node.register(instance("FOO", id)).await;
    }
    let ids = async |node: &Started| {
        let list = node.json("apps").await;
        let count = list["applications"]["application"][0]["instance"].as_array().map_or(0, Vec::len);
        (count, list["applications"]["apps__hashcode"].as_str().unwrap().to_owned())
    };
    for node in [&a, &b] {
        node.until("all of both", async || ids(node).await == (3, "UP_3_".to_owned())).await;
    }
    // What is gone in one region is not kept alive by the other one's echo.
    assert_eq!(a.delete("apps/FOO/i1").send().await.unwrap().status(), 200);
    for node in [&b, &a] {
        node.until("what is left", async || ids(node).await == (2, "UP_2_".to_owned())).await;
        assert_eq!(node.status("instances/i1").await, 404);
        assert_eq!(node.json("apps/delta").await["applications"]["apps__hashcode"], "UP_2_");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_region_that_was_never_fetched_is_403_when_asked_for() {
    let dead =
        Started::with(&[("eureka.server.remote-region-urls-with-name.west", &"http://127.0.0.1:1/eureka/")])
            .await;
    assert_eq!(dead.status("apps?regions=west").await, 403);
    assert_eq!(dead.status("apps").await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_rate_fetches_are_503() {
    let node = Started::with(&[
        ("eureka.server.rate-limiter-enabled", &true),
        ("eureka.server.rate-limiter-burst-size", &1),
        ("eureka.server.rate-limiter-full-fetch-average-rate", &1),
    ])
    .await;
    assert_eq!(node.status("apps").await, 200);
    // One a second: two in the same one, sooner or later on a slow machine.
    node.eventually_status("apps", 503).await;
    let stock = node.get("apps").header("DiscoveryIdentity-Name", "DefaultClient").send().await.unwrap();
    assert_eq!(stock.status(), 200);
    assert_eq!(node.put("apps/FOO/i1").send().await.unwrap().status(), 404);
}
