//! Instances of other regions in the lists of this one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod started;

use started::{Started, instance};

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
    assert_eq!(node.status("apps").await, 503);
    let stock = node.get("apps").header("DiscoveryIdentity-Name", "DefaultClient").send().await.unwrap();
    assert_eq!(stock.status(), 200);
    assert_eq!(node.put("apps/FOO/i1").send().await.unwrap().status(), 404);
}
