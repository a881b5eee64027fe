//! Lists are what the registry is now, in every format, and closed while it waits for its clients.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod started;

use std::io::Read as _;
use std::time::Duration;

use started::{Started, instance};

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_listed_at_once_in_every_format() {
    let node = Started::plain().await;
    for round in 0..3 {
        node.register(instance("FOO", &format!("i{round}"))).await;
        let expected = format!("UP_{}_", round + 1);
        for accept in ["application/json", "application/xml"] {
            for form in ["full", "compact"] {
                let request = node.get("apps").header("accept", accept).header("x-eureka-accept", form);
                let request = request.header("accept-encoding", "gzip;q=0");
                let plain = http_text(node.http.execute(request.build().unwrap()).await.unwrap()).await;
                assert!(plain.contains(&expected), "{accept} {form}: {plain}");
            }
        }
        let vip = node.json("vips/foo").await;
        assert_eq!(vip["applications"]["apps__hashcode"], expected.as_str());
        assert_eq!(
            node.json("apps/foo").await["application"]["instance"].as_array().unwrap().len(),
            round + 1
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_originals_cache_stock_clients_see_old_lists_until_the_interval_ends() {
    let node = Started::with(&[
        ("eureka.server.use-read-only-response-cache", &true),
        ("eureka.server.response-cache-update-interval-ms", &3000),
    ])
    .await;
    // Right after the clock passed a multiple of the interval, so that none passes meanwhile; a machine that is too slow for
    // that tries again, with the instance gone and forgotten.
    let interval = || wellspring_wire::Millis::now().0 / 3000;
    let hash = async |path: &str| node.json(path).await["applications"]["apps__hashcode"].clone();
    loop {
        node.until("a fresh interval", async || wellspring_wire::Millis::now().0 % 3000 < 300).await;
        let begun = interval();
        let first = (hash("apps").await, node.status("apps/FOO").await);
        node.register(instance("FOO", "i1")).await;
        let second = (hash("apps").await, node.status("apps/FOO").await);
        let unread = hash("vips/foo").await;
        if interval() == begun {
            assert_eq!(first, ("".into(), 404), "the first reader sees what is");
            assert_eq!(second, first, "the second what the first saw, what was not there too");
            assert_eq!(unread, "UP_1_", "nobody read this one");
            break;
        }
        assert_eq!(node.delete("apps/FOO/i1").send().await.unwrap().status(), 200);
        node.until("the lists are as before", async || {
            hash("apps").await == "" && node.status("apps/FOO").await == 404 && hash("vips/foo").await == ""
        })
        .await;
    }
    assert_eq!(node.status("apps/FOO/i1").await, 200, "single instances are never kept");
    let ours = node.get("apps").header("x-wellspring-client", "1").send().await.unwrap();
    assert!(ours.text().await.unwrap().contains("UP_1_"), "our own clients see what is");
    node.until("the end of the interval", async || {
        node.json("apps").await["applications"]["apps__hashcode"] == "UP_1_"
            && node.status("apps/FOO").await == 200
    })
    .await;
}

/// The body, unpacked when it is packed.
async fn http_text(answer: reqwest::Response) -> String {
    let packed = answer.headers().get("content-encoding").is_some();
    let bytes = answer.bytes().await.unwrap();
    let mut text = String::new();
    if packed {
        flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
    } else {
        text = String::from_utf8(bytes.to_vec()).unwrap();
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_expects_nobody_keeps_its_lists_closed_for_a_while() {
    let node = Started::with(&[
        ("eureka.instance.registry.default-open-for-traffic-count", &0),
        ("eureka.server.wait-time-in-ms-when-sync-empty", &3000),
    ])
    .await;
    node.register(instance("FOO", "i1")).await;
    for path in ["apps", "apps/delta", "apps/FOO", "vips/foo", "svips/foo", "watch"] {
        assert_eq!(node.status(path).await, 403, "{path}");
    }
    assert_eq!(node.status("apps/FOO/i1").await, 200);
    node.eventually_status("apps", 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_deltas_the_path_is_403() {
    let node = Started::with(&[("eureka.server.disable-delta", &true)]).await;
    assert_eq!(node.status("apps/delta").await, 403);
    assert_eq!(node.status("apps").await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delta_forgets_as_soon_as_it_is_told_to() {
    let node = Started::with(&[
        ("eureka.server.retention-time-in-m-s-in-delta-queue", &300),
        ("eureka.server.delta-retention-timer-interval-in-ms", &100),
    ])
    .await;
    node.register(instance("FOO", "i1")).await;
    node.until("the end of the retention time", async || {
        let delta = node.json("apps/delta").await;
        assert_eq!(delta["applications"]["apps__hashcode"], "UP_1_", "of the whole registry");
        delta["applications"]["application"].as_array().unwrap().is_empty()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_lease_is_listed_until_it_is_evicted() {
    let node = Started::with(&[
        ("eureka.server.enable-self-preservation", &false),
        ("eureka.server.eviction-interval-timer-in-ms", &5500),
    ])
    .await;
    let mut short = instance("FOO", "i1");
    short["leaseInfo"]["durationInSecs"] = 1.into();
    node.register(short).await;
    node.eventually_status("apps/FOO/i1", 404).await;
    assert_eq!(node.status("apps/FOO").await, 200);
    assert_eq!(node.put("apps/FOO/i1/status?value=DOWN").send().await.unwrap().status(), 404);
    node.eventually_status("apps/FOO", 404).await;
    let delta = node.json("apps/delta").await;
    assert_eq!(delta["applications"]["application"][0]["instance"][0]["actionType"], "DELETED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_heartbeat_revives_what_has_expired() {
    let node = Started::with(&[("eureka.server.enable-self-preservation", &false)]).await;
    let mut short = instance("FOO", "i1");
    short["leaseInfo"]["durationInSecs"] = 1.into();
    node.register(short).await;
    node.eventually_status("apps/FOO/i1", 404).await;
    // Its new life is as short as the first one.
    node.until("it is back", async || {
        assert_eq!(node.put("apps/FOO/i1").send().await.unwrap().status(), 200);
        node.status("apps/FOO/i1").await == 200
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn below_a_context_path_everything_moves() {
    let node = Started::with(&[("server.servlet.context-path", &"/reg")]).await;
    let url = format!("http://{}/reg/eureka/apps", node.running.local_addr());
    assert_eq!(node.http.get(&url).send().await.unwrap().status(), 200);
    let missing =
        node.http.get(format!("{url}/NONE")).header("accept", "application/json").send().await.unwrap();
    assert!(missing.text().await.unwrap().contains("\"path\":\"/reg/eureka/apps/NONE\""));
    assert_eq!(node.status("apps").await, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_and_writers_at_once_see_whole_lists() {
    let node = std::sync::Arc::new(Started::plain().await);
    let writer = std::sync::Arc::clone(&node);
    let writing = tokio::spawn(async move {
        for id in 0..200 {
            writer.register(instance("FOO", &format!("i{id:03}"))).await;
        }
    });
    while !writing.is_finished() {
        let list = node.json("apps").await;
        let applications = &list["applications"];
        let count = applications["application"][0]["instance"].as_array().map_or(0, Vec::len);
        let expected = if count == 0 { String::new() } else { format!("UP_{count}_") };
        assert_eq!(applications["apps__hashcode"], expected);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    writing.await.unwrap();
    assert_eq!(node.json("apps").await["applications"]["apps__hashcode"], "UP_200_");
}
