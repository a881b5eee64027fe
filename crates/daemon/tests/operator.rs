//! The admin API beside an application: on its own port, with what the application knows, for several of them at once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use wellspring_daemon::admin::Admin;
use wellspring_daemon::health::Component;
use wellspring_daemon::{App, Options};
use wellspring_test_support::http1;

#[tokio::test(flavor = "multi_thread")]
async fn it_is_off_unless_an_address_is_set() {
    let running = App::new("orders").start(Options::local()).await.unwrap();
    assert!(running.admin_addr().is_none());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_problems_and_the_start_are_seen() {
    let app = App::new("orders").build(|cx| async move {
        cx.health.add("git", || async { Component::down().detail("why", "unreachable") });
        Ok(axum::Router::new())
    });
    let running = app.start(Options::local().with("wellspring.admin.address", "127.0.0.1:0")).await.unwrap();
    let port = running.admin_addr().unwrap().port();
    let problems = http1::get(port, "/api/v1/problems").unwrap().json();
    assert_eq!(problems["items"][0]["component"], "git");
    assert_eq!(problems["items"][0]["details"]["why"], "unreachable");
    let events = http1::get(port, "/api/v1/events?topics=daemon").unwrap().json();
    assert_eq!(events["items"][0]["kind"], "started");
    assert_eq!(
        http1::get(port, "/actuator/health").unwrap().status,
        404,
        "the admin port has its own paths only"
    );
    assert_eq!(http1::get(running.local_addr().port(), "/api/v1/problems").unwrap().status, 404);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn applications_of_a_process_share_one() {
    let shared = Options {
        admin: Some(Admin::default()),
        ..Options::local().with("wellspring.admin.address", "127.0.0.1:0")
    };
    let first = App::new("registry").start(shared.clone()).await.unwrap();
    let second = App::new("gateway").start(shared).await.unwrap();
    assert!(second.admin_addr().is_none());
    let port = first.admin_addr().unwrap().port();
    let names = || {
        let daemons = http1::get(port, "/api/v1/daemons").unwrap().json();
        let items = daemons["items"].as_array().unwrap().clone();
        items.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(), ["registry", "gateway"]);
    second.stop().await;
    assert_eq!(names(), ["registry"]);
    first.stop().await;
}
