//! What the console may cost: bytes, time for a frame, the daemon's time for an open tab.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;
use wellspring_test_support::process::cpu_time;
use wellspring_test_support::{http1::Request, long};

use crate::browser_is_there;
use crate::platform::Platform;
use crate::view::View;

#[test]
fn the_first_page_and_all_of_it_are_small() {
    if !browser_is_there("the_first_page_and_all_of_it_are_small") {
        return;
    }
    let platform = Platform::start(&[]);
    let view = View::open(&platform);
    view.page("", &["Overview", "Same as:"]);
    let loaded = "performance.getEntriesByType('resource').concat(performance.getEntriesByType('navigation')).filter(one => !one.name.includes('/api/')).map(one => one.encodedBodySize).reduce((a, b) => a + b, 0)";
    let first = view.browser.value(loaded).as_u64().unwrap();
    for (_, page, title) in crate::view::PAGES {
        view.page(page, &[title, "Same as:"]);
    }
    let all = view.browser.value(loaded).as_u64().unwrap();
    println!(
        "\nreport: console                   first page {first} bytes, every page {all} bytes, as they travel"
    );
    assert!(first > 5000 && first <= 60 * 1024, "the first page takes {first} bytes");
    assert!(all <= 150 * 1024, "all pages take {all} bytes");
    let page = Request::new("GET", "/").send(platform.admin).unwrap();
    let policy = page.header("content-security-policy").unwrap_or_default().to_owned();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    view.is_silent();
}

/// 5,000 instances: listed, scrolled, filtered; then the tab stays open and the daemon's time is counted.
#[test]
fn long_thousands_of_instances_scroll_and_filter_and_an_open_tab_costs_nothing() {
    if !browser_is_there("long_thousands_of_instances_scroll_and_filter") {
        return;
    }
    let platform = Platform::start(&[]);
    let instances = long::cases(500, 5000);
    for n in 0..instances {
        platform.register(
            &format!("APP-{:03}", n / 25),
            &format!("host-{n}:8080"),
            if n % 250 == 0 { "DOWN" } else { "UP" },
            json!({"version": "1.0"}),
        );
    }
    let view = View::open(&platform);
    let began = Instant::now();
    view.page("services?view=instances&q=host-", &[&format!("{instances} of "), "host-0:8080"]);
    let listed = began.elapsed();
    let rows = view.browser.value("document.querySelectorAll('tr.row').length").as_u64().unwrap();
    assert!(rows < 200, "{rows} rows are in the page at once");
    let frames = view.browser.run(
        "return new Promise(done => { const times = []; let last = performance.now(); const step = () => { const now = performance.now(); times.push(now - last); last = now; \
         scrollBy(0, 170); if (times.length < arguments[0]) requestAnimationFrame(step); else done(times.slice(2).sort((a, b) => a - b)); }; requestAnimationFrame(step); })",
        &json!([long::cases(60, 300)]),
    );
    let frames: Vec<f64> = frames.as_array().unwrap().iter().map(|one| one.as_f64().unwrap()).collect();
    let (median, most) = (frames[frames.len() / 2], frames[frames.len() * 95 / 100]);
    let filtered = view.browser.run(
        "return new Promise(done => { scrollTo(0, 0); const field = document.querySelector('[data-filter]'); field.value = 'host-42'; const began = performance.now(); field.dispatchEvent(new Event('input', {bubbles: true})); \
         const look = () => { const text = document.querySelector('[data-count]').innerText; if (text.startsWith(arguments[0] + ' of')) done(performance.now() - began); else requestAnimationFrame(look); }; look(); })",
        &json!([(0..instances).filter(|n| format!("host-{n}:8080").contains("host-42")).count()]),
    );
    // The tab stays open on the page that asks most often.
    view.page("", &["Overview"]);
    let window = long::time(Duration::from_secs(2), Duration::from_secs(60));
    std::thread::sleep(Duration::from_secs(2));
    let before = cpu_time(platform.guard.id());
    std::thread::sleep(window);
    let with_tab = cpu_time(platform.guard.id()).saturating_sub(before);
    view.browser.open("about:blank");
    std::thread::sleep(Duration::from_secs(1));
    let before = cpu_time(platform.guard.id());
    std::thread::sleep(window);
    let without = cpu_time(platform.guard.id()).saturating_sub(before);
    let share = |time: Duration| 100.0 * time.as_secs_f64() / window.as_secs_f64();
    let filtered = filtered.as_f64().unwrap();
    println!(
        "\nreport: console, {instances} instances   listed after {:.0} ms, scroll frame median {median:.0} ms, 95 % within {most:.0} ms, filtered in {filtered:.0} ms; \
         the platform's processor: {:.2} % of a core with an open tab, {:.2} % without",
        listed.as_secs_f64() * 1000.0,
        share(with_tab),
        share(without)
    );
    if long::wanted() {
        assert!(most < 50.0, "95 % of frames within {most} ms");
        assert!(filtered < 500.0, "filtered in {filtered} ms");
        assert!(
            share(with_tab) - share(without) < 1.0,
            "an open tab costs {:.2} %",
            share(with_tab) - share(without)
        );
    }
}
