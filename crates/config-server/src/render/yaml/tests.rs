use indexmap::IndexMap;

use super::*;

fn text(text: &str) -> Tree {
    Tree::Leaf(Scalar::Text(text.to_owned()))
}

fn written(value: Tree) -> String {
    dump(&Tree::Map(IndexMap::from([("k".to_owned(), value)])))
}

fn map(entries: Vec<(&str, Tree)>) -> Tree {
    Tree::Map(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

#[test]
fn texts_are_quoted_when_they_would_read_as_something_else() {
    for (value, expected) in [
        ("plain", "k: plain\n"),
        ("", "k: ''\n"),
        ("true", "k: 'true'\n"),
        ("Off", "k: 'Off'\n"),
        ("y", "k: y\n"),
        ("12", "k: '12'\n"),
        ("08", "k: '08'\n"),
        ("1_000", "k: '1_000'\n"),
        ("0777", "k: '0777'\n"),
        ("1.5", "k: '1.5'\n"),
        ("1e3", "k: '1e3'\n"),
        ("1.2.3", "k: 1.2.3\n"),
        ("190:20:30", "k: '190:20:30'\n"),
        ("2024-01-02", "k: '2024-01-02'\n"),
        ("2024-01-02T10:00:00Z", "k: '2024-01-02T10:00:00Z'\n"),
        ("~", "k: '~'\n"),
        ("null", "k: 'null'\n"),
        ("=", "k: =\n"),
        ("<<", "k: '<<'\n"),
        ("!prod", "k: '!prod'\n"),
        ("- a", "k: '- a'\n"),
        ("-a", "k: -a\n"),
        ("a: b", "k: 'a: b'\n"),
        ("a:b", "k: a:b\n"),
        ("a:", "k: 'a:'\n"),
        ("a #b", "k: 'a #b'\n"),
        ("a#b", "k: a#b\n"),
        ("it's", "k: it's\n"),
        ("'quoted'", "k: '''quoted'''\n"),
        ("{a}", "k: '{a}'\n"),
        ("a{b}", "k: a{b}\n"),
        ("${a.b}", "k: ${a.b}\n"),
        ("@x", "k: '@x'\n"),
        ("*x", "k: '*x'\n"),
        (" lead", "k: ' lead'\n"),
        ("trail ", "k: 'trail '\n"),
        ("tab\there", "k: \"tab\\there\"\n"),
        ("cr\rhere", "k: \"cr\\rhere\"\n"),
        ("a \"b\" \\c", "k: a \"b\" \\c\n"),
        ("café €", "k: café €\n"),
        ("---", "k: '---'\n"),
        ("bell\u{7}", "k: !!binary |-\n  YmVsbAc=\n"),
    ] {
        assert_eq!(written(text(value)), expected, "{value:?}");
    }
}

#[test]
fn text_with_line_breaks_is_a_literal_block() {
    for (value, expected) in [
        ("a\nb", "k: |-\n  a\n  b\n"),
        ("a\nb\n", "k: |\n  a\n  b\n"),
        ("a\n\n", "k: |+\n  a\n\n"),
        ("\na", "k: |2-\n\n  a\n"),
        ("  a\nb", "k: |2-\n    a\n  b\n"),
        ("a\n b", "k: |-\n  a\n   b\n"),
        ("a \nb", "k: \"a \\nb\"\n"),
        ("a\tx\nb", "k: \"a\\tx\\nb\"\n"),
    ] {
        assert_eq!(written(text(value)), expected, "{value:?}");
    }
}

#[test]
fn long_lines_are_folded_at_blanks_beyond_the_width() {
    let words = "word ".repeat(40);
    let dumped = written(text(words.trim_end()));
    let lines: Vec<&str> = dumped.lines().collect();
    assert!(lines.len() > 2 && lines.iter().skip(1).all(|line| line.starts_with("  word")), "{dumped}");
    assert!(lines[0].len() > WIDTH && lines[0].len() <= WIDTH + 5, "{dumped}");
    let quoted = written(text(&format!("'{}", words.trim_end())));
    assert!(quoted.starts_with("k: '''word") && quoted.contains("\n  word"), "{quoted}");
    let double = written(text(&format!("\t{}", words.trim_end())));
    assert!(double.contains("\\\n  \\ word"), "{double}");
    let unbroken = "x".repeat(300);
    assert_eq!(written(text(&unbroken)), format!("k: {unbroken}\n"));
}

#[test]
fn lists_are_not_indented_below_their_key() {
    let tree = map(vec![
        (
            "list",
            Tree::List(vec![
                text("a"),
                Tree::Null,
                map(vec![("x", text("1")), ("y", map(vec![("z", text("b"))]))]),
            ]),
        ),
        ("nested", Tree::List(vec![Tree::List(vec![text("a"), text("b")]), Tree::List(vec![text("c")])])),
        ("empty", Tree::List(vec![])),
        ("none", map(vec![])),
        ("deep", map(vec![("list", Tree::List(vec![map(vec![("tags", Tree::List(vec![text("t")]))])]))])),
    ]);
    assert_eq!(
        dump(&tree),
        "list:\n- a\n- null\n- x: '1'\n  y:\n    z: b\nnested:\n- - a\n  - b\n- - c\nempty: []\nnone: {}\ndeep:\n  list:\n  - tags:\n    - t\n"
    );
}

#[test]
fn roots_other_than_maps() {
    assert_eq!(dump(&Tree::List(vec![text("a"), map(vec![("b", text("c"))])])), "- a\n- b: c\n");
    assert_eq!(dump(&text("just some text")), "just some text\n");
    assert_eq!(dump(&text("a\nb")), "|-\n  a\n  b\n");
    assert_eq!(dump(&map(vec![])), "{}\n");
}

#[test]
fn numbers_and_booleans_are_plain() {
    for (scalar, expected) in [
        (Scalar::Bool(true), "k: true\n"),
        (Scalar::Float(1e10), "k: 1.0E10\n"),
        (Scalar::Float(f64::INFINITY), "k: .inf\n"),
        (Scalar::Float(f64::NAN), "k: .NaN\n"),
        (Scalar::Float(1000.0), "k: 1000.0\n"),
        (Scalar::Binary(b"hello".to_vec()), "k: !!binary |-\n  aGVsbG8=\n"),
    ] {
        assert_eq!(written(Tree::Leaf(scalar)), expected);
    }
}

#[test]
fn keys_are_quoted_like_texts_and_long_ones_are_explicit() {
    assert_eq!(
        dump(&map(vec![("1", text("a")), ("a b", text("c")), ("!x", text("d"))])),
        "'1': a\na b: c\n'!x': d\n"
    );
    let long = "k".repeat(128);
    assert_eq!(dump(&map(vec![(&long, text("v"))])), format!("? {long}\n: v\n"));
}
