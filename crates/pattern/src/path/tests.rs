use super::{PathPattern, segments};
use crate::Variables;

fn check(optional_slash: bool, table: &[(&str, &str, bool)]) {
    for (pattern, path, wanted) in table {
        let compiled = PathPattern::new(pattern, optional_slash).unwrap();
        assert_eq!(compiled.matches(path), *wanted, "{pattern} on {path}");
        assert_eq!(compiled.capture(path, &mut Variables::default()), *wanted, "{pattern} on {path}");
    }
}

fn captured(pattern: &str, path: &str) -> Vec<(String, String)> {
    let mut found = Variables::default();
    assert!(PathPattern::new(pattern, true).unwrap().capture(path, &mut found), "{pattern} on {path}");
    found.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn elements_are_compared_one_by_one() {
    check(
        true,
        &[
            ("/red/{s}", "/red/1", true),
            ("/red/{s}", "/red/1/", true),
            ("/red/{s}", "/red/1/2", false),
            ("/red/{s}", "/red", false),
            ("/red/{s}", "/red/", false),
            ("/a/**", "/a", true),
            ("/a/**", "/a/", true),
            ("/a/**", "/a/b/c", true),
            ("/a/**", "/ab", false),
            ("/**", "/", true),
            ("/**", "/x//y", true),
            ("/mid/*/end", "/mid/x/end", true),
            ("/mid/*/end", "/mid//end", false),
            ("/a/*", "/a/", true),
            ("/a/*", "/a", false),
            ("/files/*.txt", "/files/readme.txt", true),
            ("/files/*.txt", "/files/.txt", true),
            ("/files/*.txt", "/files/readme.md", false),
            ("/files/*.txt", "/files/a/readme.txt", false),
            ("/wild/?at/**", "/wild/cat/x", true),
            ("/wild/?at/**", "/wild/hat", true),
            ("/wild/?at/**", "/wild/chat", false),
            ("/num/{id:[0-9]+}", "/num/12", true),
            ("/num/{id:[0-9]+}", "/num/12a", false),
            ("/num/{id:[a-z]{2,3}}", "/num/ab", true),
            ("/café/**", "/caf%C3%A9/x", true),
            ("/semi/{s}", "/semi/a;v=1", true),
            ("/a%2Fb", "/a/b", false),
            ("/a", "/A", false),
            ("/a/b", "/a//b", false),
            ("/", "/", true),
            ("", "/", true),
            ("/x", "*", false),
            ("a/**", "/a/b", false),
        ],
    );
}

#[test]
fn a_trailing_slash_counts_when_told_so() {
    check(
        false,
        &[
            ("/strict/{s}", "/strict/x", true),
            ("/strict/{s}", "/strict/x/", false),
            ("/strict/x/", "/strict/x/", true),
            ("/strict/x/", "/strict/x", false),
            ("/a*", "/ab/", false),
            ("/a/**", "/a/", true),
        ],
    );
    check(true, &[("/strict/x/", "/strict/x", false), ("/a*", "/ab/", true), ("/a*", "/ab//", false)]);
}

#[test]
fn captures_are_decoded() {
    for (pattern, path, wanted) in [
        ("/red/{s}", "/red/a%20b", vec![("s", "a b")]),
        ("/seg/{a}/{b}", "/seg/a%20b/c%2Fd", vec![("a", "a b"), ("b", "c/d")]),
        ("/rest/{*tail}", "/rest/a/b/c", vec![("tail", "/a/b/c")]),
        ("/rest/{*tail}", "/rest", vec![("tail", "")]),
        ("/rest/{*tail}", "/rest/", vec![("tail", "/")]),
        ("/semi/{s}", "/semi/a;v=1", vec![("s", "a")]),
        ("/f/{name}.{ext}", "/f/a.b.c", vec![("name", "a.b"), ("ext", "c")]),
        (r"/v{version:\d+}/items/{*rest}", "/v2/items/7", vec![("version", "2"), ("rest", "/7")]),
    ] {
        let wanted: Vec<_> = wanted.into_iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
        assert_eq!(captured(pattern, path), wanted, "{pattern} on {path}");
    }
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for pattern in [
        "/a/**/b", "/{*x}/b", "/{*x}b", "/a/{b", "/a/b}", "/{a}/{a}", "/{1a}", "/{a:(}", "/{a:(x)}", "/{}",
        "x{*y}",
    ] {
        assert!(PathPattern::new(pattern, true).is_err(), "{pattern}");
    }
}

#[test]
fn the_index_sees_leading_literals_only() {
    for (pattern, wanted) in [
        ("/a/b/**", vec!["a", "b"]),
        ("/a/{x}/c", vec!["a"]),
        ("/**", vec![]),
        ("/a//b", vec!["a"]),
        ("/a/b", vec!["a", "b"]),
        ("/a/b*/c", vec!["a"]),
        ("a/b", vec![]),
    ] {
        let compiled = PathPattern::new(pattern, true).unwrap();
        assert_eq!(compiled.literal_segments().collect::<Vec<_>>(), wanted, "{pattern}");
    }
    assert_eq!(segments("/a%20b/c;x/").collect::<Vec<_>>(), ["a b", "c"]);
}

proptest::proptest! {
    #[test]
    fn any_text_is_compiled_or_refused_and_never_panics(pattern in "[/a-c{}*?:.\\\\;%é]{0,12}", path in "\\PC{0,20}") {
        if let Ok(compiled) = PathPattern::new(&pattern, true) {
            let direct = compiled.matches(&path);
            proptest::prop_assert_eq!(direct, compiled.capture(&path, &mut Variables::default()));
        }
    }
}
