//! Every write of the API has an action on a page of the console: the page's source names it, `"POST /api/v1/…"`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::path::Path;

fn sources(folder: &Path, all: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, all);
        } else if path.extension().is_some_and(|extension| extension == "js") {
            all.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn every_write_has_an_action_on_a_page() {
    let mut all = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("console"), &mut all);
    assert!(all.len() > 10, "{}", all.len());
    let description = wellspring_admin::api::description();
    let (mut missing, mut count) = (Vec::new(), 0);
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, about) in methods.as_object().unwrap() {
            if about["x-write"] != true {
                continue;
            }
            count += 1;
            let action = format!("{} {path}", method.to_uppercase());
            let page = about["x-page"].as_str().unwrap_or_else(|| panic!("{action} has no x-page"));
            let quoted = [format!("\"{action}\""), format!("'{action}'"), format!("`{action}`")];
            let named = all.iter().filter(|(_, source)| quoted.iter().any(|action| source.contains(action)));
            if named.count() == 0 {
                missing.push(format!("{action} (page {page})"));
            }
        }
    }
    assert!(count > 15, "{count}");
    assert!(missing.is_empty(), "no page of the console does this:\n{}", missing.join("\n"));
}
