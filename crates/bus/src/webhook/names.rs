//! Changed path → names of the applications that may read it.
//!
//! The file name without its extension, and every beginning of it that ends before a `-`: `shop-cart-dev.yml` may belong to
//! `shop-cart-dev`, to `shop-cart` with profile `dev`, or to `shop`. `application` is everyone. Directories do not count.

use indexmap::IndexSet;

/// The names for these paths, each once, in order.
///
/// ```
/// assert_eq!(wellspring_bus::webhook::applications(&["shop-dev.yml", "application.yml"]), ["shop-dev", "shop", "*"]);
/// ```
pub fn applications<P: AsRef<str>>(paths: &[P]) -> Vec<String> {
    let mut names = IndexSet::new();
    for path in paths {
        let path = clean(path.as_ref());
        let mut stem = match path.rsplit_once('.') {
            Some((stem, _)) => stem,
            None => &path,
        };
        loop {
            names.insert(if stem == "application" { "*".to_owned() } else { stem.to_owned() });
            match stem.rsplit_once('-') {
                Some((front, _)) => stem = front,
                None => break,
            }
        }
    }
    names.into_iter().collect()
}

/// The file name, after `.` and `..` have been walked.
fn clean(path: &str) -> String {
    let path = path.replace('\\', "/");
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts.pop().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_names() {
        for (path, names) in [
            ("bus-app.yml", &["bus-app", "bus"][..]),
            ("dir/sub/svc-a-b-prod.yaml", &["svc-a-b-prod", "svc-a-b", "svc-a", "svc"]),
            ("application.yml", &["*"]),
            ("application-dev.yml", &["application-dev", "*"]),
            ("a/b.c/foo.bar.yml", &["foo.bar"]),
            ("a.b/foo", &["foo"]),
            ("foo", &["foo"]),
            ("", &[""]),
            ("*", &["*"]),
            ("foo-*", &["foo-*", "foo"]),
            ("-x.yml", &["-x", ""]),
            ("a/../b/foo.yml", &["foo"]),
            ("a/b/..", &["a"]),
            (r"a\foo.yml", &["foo"]),
            ("dir/", &[""]),
        ] {
            assert_eq!(applications(&[path]), names, "{path}");
        }
    }

    #[test]
    fn every_name_comes_once() {
        assert_eq!(applications(&["foo-dev.yml", "foo-prod.yml", "foo.yml"]), ["foo-dev", "foo", "foo-prod"]);
    }
}
