use super::{decode, parse};
use crate::{Scalar, flatten};

/// Flat lines `key=Type value@line:column`, documents separated by `---`; a problem is its code.
fn read(text: &str) -> String {
    let documents = match parse(text, "x.yml") {
        Ok(documents) => documents,
        Err(problem) => return problem.code.to_owned(),
    };
    let flat = documents.iter().map(|document| {
        let lines = flatten::document(document).into_iter().map(|(key, entry)| {
            let kind = match &entry.value {
                Scalar::Null => "null",
                Scalar::Bool(_) => "bool",
                Scalar::Int(_) => "int",
                Scalar::BigInt(_) => "big",
                Scalar::Float(_) => "float",
                Scalar::Text(_) => "text",
                Scalar::Binary(_) => "binary",
            };
            format!("{key}={kind} {}@{}", entry.value, entry.origin.unwrap().line_column())
        });
        lines.collect::<Vec<_>>().join("\n")
    });
    flat.collect::<Vec<_>>().join("\n---\n")
}

fn value(written: &str) -> String {
    let read = read(&format!("k: {written}\n"));
    read.strip_prefix("k=").map_or(read.clone(), |read| read.rsplit_once('@').unwrap().0.to_owned())
}

#[test]
fn plain_scalars_have_the_types_of_yaml_1_1() {
    for (written, wanted) in [
        ("yes", "bool true"),
        ("Off", "bool false"),
        ("y", "text y"),
        ("yEs", "text yEs"),
        ("~", "text "),
        ("NULL", "text "),
        ("nULL", "text nULL"),
        ("0", "int 0"),
        ("-0", "int 0"),
        ("0777", "int 511"),
        ("08", "text 08"),
        ("0o17", "text 0o17"),
        ("1_000", "int 1000"),
        ("_1", "text _1"),
        ("0x1F", "int 31"),
        ("-0x1f", "int -31"),
        ("0X1F", "text 0X1F"),
        ("0x_", "text 0x_"),
        ("0b101", "int 5"),
        ("190:20:30", "int 685230"),
        ("12:30:45", "int 45045"),
        ("1:60", "text 1:60"),
        ("01:30", "text 01:30"),
        ("1:2:3:4:5:6:7:8:9", "int 2102169561"),
        ("190:20:30.15", "float 685230.15"),
        ("9223372036854775807", "int 9223372036854775807"),
        ("9223372036854775808", "big 9223372036854775808"),
        ("-123456789012345678901234567890", "big -123456789012345678901234567890"),
        ("0xFFFFFFFFFFFFFFFFFFFF", "big 1208925819614629174706175"),
        ("1.5", "float 1.5"),
        (".5", "float 0.5"),
        ("-.5", "float -0.5"),
        ("5.", "float 5.0"),
        ("1e10", "float 1.0E10"),
        ("1e", "text 1e"),
        ("1.5e-7", "float 1.5E-7"),
        ("1e3", "float 1000.0"),
        ("12345678.9", "float 1.23456789E7"),
        ("0.0001", "float 1.0E-4"),
        ("1e400", "float Infinity"),
        ("-.Inf", "float -Infinity"),
        (".nan", "float NaN"),
        ("2024-01-02", "text 2024-01-02"),
        ("2024-01-02T03:04:05Z", "text 2024-01-02T03:04:05Z"),
        ("1.2.3", "text 1.2.3"),
        ("'yes'", "text yes"),
        ("\"1\"", "text 1"),
        ("a: b", "WS-1001"),
        ("@x", "WS-1001"),
        ("`x", "WS-1001"),
        ("%x", "WS-1001"),
        ("<<", "WS-1004"),
        ("-", "WS-1001"),
        ("http://a.b:80/c?d=1#e", "text http://a.b:80/c?d=1#e"),
        ("a #b", "text a"),
        ("a#b", "text a#b"),
        ("#b", "text "),
    ] {
        assert_eq!(value(written), wanted, "{written}");
    }
}

#[test]
fn tags_force_types() {
    for (written, wanted) in [
        ("!!str 1", "text 1"),
        ("!!int \"12\"", "int 12"),
        ("!!int abc", "WS-1004"),
        ("!!int 08", "WS-1004"),
        ("!!float 1", "float 1.0"),
        ("!!bool \"no\"", "bool false"),
        ("!!bool x", "text "),
        ("!!null x", "text "),
        ("!!binary aGVsbG8=", "binary aGVsbG8="),
        ("!!binary '***'", "WS-1004"),
        ("! 12", "int 12"),
        ("!foo x", "WS-1003"),
        ("!!foo x", "WS-1003"),
        ("!<tag:yaml.org,2002:str> 1", "text 1"),
        ("!!map [a]", "WS-1004"),
        ("!!set {a}", "WS-1003"),
        ("!!timestamp 2001-01-01", "WS-1003"),
    ] {
        assert_eq!(value(written), wanted, "{written}");
    }
    assert_eq!(read("%TAG !e! tag:yaml.org,2002:\n---\na: !e!str 1\n"), "a=text 1@3:4");
    assert_eq!(read("a: !e!str 1\n"), "WS-1001");
}

#[test]
fn keys_flatten_as_in_spring() {
    for (text, wanted) in [
        ("a: {b: 1}\n", "a.b=int 1@1:8"),
        ("a: [x, {b: 1}]\n", "a[0]=text x@1:5\na[1].b=int 1@1:12"),
        ("a: []\nb: {}\nc: [{}, y]\n", "a=text @1:4\nc[1]=text y@3:9"),
        (
            "m: {1: x, 1.50: y, true: z, '[a/b]': w, '': e, ~: n}\n",
            "m[1]=text x@1:8\nm[1.5]=text y@1:17\nm[true]=text z@1:26\nm[a/b]=text w@1:38\nm.=text e@1:45\nm[null]=text n@1:51",
        ),
        ("'': {a: 1}\n", "a=int 1@1:9"),
        ("- a\n- b: 1\n", "document[0]=text a@1:3\ndocument[1].b=int 1@2:6"),
        ("just text\n", "document=text just text@1:1"),
        ("a.b: 1\na: {b: 2}\n", "a.b=int 2@2:8"),
        ("? [x, {y: 1}]\n: z\n", "[[x, {y=1}]]=text z@2:3"),
        ("- 1: x\n", "WS-1004"),
        ("[]\n", ""),
        ("{}\n", ""),
        ("''\n", ""),
    ] {
        assert_eq!(read(text), wanted, "{text}");
    }
}

#[test]
fn empty_values_stand_after_their_colon_or_dash() {
    assert_eq!(read("a:\nb: # c\nc: [x: , ]\n-\n"), "WS-1001");
    assert_eq!(read("a:\nb: # c\n"), "a=text @1:3\nb=text @2:3");
    assert_eq!(read("-\n- # c\n"), "document[0]=text @1:2\ndocument[1]=text @2:2");
    assert_eq!(read("a: &x 1\nb: !!str 2\nc: *x\n"), "a=int 1@1:4\nb=text 2@2:4\nc=int 1@1:4");
}

#[test]
fn one_key_stands_once() {
    for text in ["a: 1\na: 2\n", "{a: 1, 'a': 2}", "1: a\n0x1: b\n", "yes: a\non: b\n", "~: a\nnull: b\n"] {
        assert_eq!(read(text), "WS-1002", "{text}");
    }
    let many: String = (0..40).map(|n| format!("k{n}: 1\n")).collect();
    assert_eq!(read(&format!("{many}k7: 2\n")), "WS-1002");
    assert_eq!(read("1: a\n'1': b\n"), "[1]=text a@1:4\n1=text b@2:6");
}

#[test]
fn merges_yield_to_explicit_keys() {
    let base = "b: &b {x: 1, y: 2}\n";
    let rest =
        |text: &str| read(&format!("{base}{text}")).split_off("b.x=int 1@1:11\nb.y=int 2@1:17\n".len());
    assert_eq!(rest("d: {<<: *b, y: 3}\n"), "d.x=int 1@1:11\nd.y=int 3@2:16");
    assert_eq!(rest("d: {y: 3, <<: *b}\n"), "d.y=int 3@2:8\nd.x=int 1@1:11");
    assert_eq!(
        rest("c: &c {x: 7, z: 8}\nd: {<<: [*b, *c]}\n").lines().skip(2).collect::<Vec<_>>(),
        ["d.x=int 1@1:11", "d.y=int 2@1:17", "d.z=int 8@2:17"]
    );
    assert_eq!(rest("d: {'<<': 1}\n"), "d.<<=int 1@2:11");
    assert_eq!(rest("l: [{<<: *b}]\n"), "l[0].x=int 1@1:11\nl[0].y=int 2@1:17");
    assert_eq!(read("<<: 1\n"), "WS-1004");
    assert_eq!(read("<<: [1]\n"), "WS-1004");
}

#[test]
fn merges_of_mappings_in_place_let_the_later_win() {
    assert_eq!(read("w: 5\n<<: {w: 1}\n"), "w=int 1@2:9");
    assert_eq!(read("<<: {w: 1}\nw: 5\n"), "w=int 5@2:4");
    assert_eq!(read("- <<: {w: 1}\n"), "WS-1004");
}

#[test]
fn documents_are_separate_and_empty_ones_are_none() {
    assert_eq!(read("---\n---\na: 1\n---\n---\nb: 2\n...\n"), "a=int 1@3:4\n---\nb=int 2@6:4");
    assert_eq!(read("a: 1\n...\nb: 2\n"), "WS-1001");
    assert_eq!(read("a: 1\n...\n---\nb: 2\n"), "a=int 1@1:4\n---\nb=int 2@4:4");
    assert_eq!(read("a: &x 1\n---\nb: *x\n"), "WS-1001");
    assert_eq!(read("%YAML 2.0\n---\na: 1\n"), "WS-1001");
    assert_eq!(read("--- {a: 1}\n"), "a=int 1@1:9");
    assert_eq!(read(""), "");
    assert_eq!(read("# only a comment"), "");
    assert_eq!(read("\u{feff}a: 1\n"), "a=int 1@1:4");
}

#[test]
fn tabs_are_no_white_space_between_tokens() {
    for text in [
        "a:\t1\n",
        "a: \t1\n",
        "\ta: 1\n",
        "a:\n\tb: 1\n",
        "- \ta\n",
        "a: [1,\t2]\n",
        "a: 'x'\t# c\n",
        "a: 1\n\t\nb: 2\n",
    ] {
        assert_eq!(read(text), "WS-1001", "{text:?}");
    }
    for (text, wanted) in [
        ("a: b\tc\t\n", "a=text b\tc@1:4"),
        ("a: \"b\tc\"\n", "a=text b\tc@1:4"),
        ("a: 'x\n\ty'\n", "a=text x y@1:4"),
        ("a: |\n  x\ty\n", "a=text x\ty\n@1:4"),
        ("a: 1 # c\tx\n", "a=int 1@1:4"),
    ] {
        assert_eq!(read(text), wanted, "{text:?}");
    }
}

#[test]
fn text_folds_as_in_yaml_1_1() {
    for (text, wanted) in [
        ("a: one\n two\n\n three\n", "one two\nthree"),
        ("a: 'it''s\n  so'\n", "it's so"),
        ("a: \"x\\\n   y\\n\\u00e9\\x41\"\n", "xy\n\u{e9}A"),
        ("a: \"\\ud83d\\ude00\"\n", "\u{1f600}"),
        ("a: |\n  x\n   y\n\n  z\n\n", "x\n y\n\nz\n"),
        ("a: |-\n  x\n", "x"),
        ("a: |+\n  x\n\n", "x\n\n"),
        ("a: |2\n   x\n", " x\n"),
        ("a: >\n  x\n  y\n\n  z\n   w\n  v\n", "x y\nz\n w\nv\n"),
        ("a: >-\n  x\n\n\n  y\n", "x\n\ny"),
        ("a: |\n  #no\n#yes\n", "#no\n"),
        ("a: x\r\n  y\r\n", "x y"),
    ] {
        let documents = parse(text, "x").unwrap();
        let entry = flatten::document(&documents[0]).swap_remove("a").unwrap();
        assert_eq!(entry.value, Scalar::from(wanted), "{text:?}");
    }
    for text in
        ["a: |0\n  x\n", "a: |x\n  y\n", "a: \"\\q\"\n", "a: \"\\/\"\n", "a: 'x\n", "a: 'x\n---\ny'\n"]
    {
        assert_eq!(read(text), "WS-1001", "{text:?}");
    }
}

#[test]
fn flow_collections_may_close_at_the_margin() {
    assert_eq!(read("a: [\n1,\n2,\n]\nb: {\nc: 3\n}\n"), "a[0]=int 1@2:1\na[1]=int 2@3:1\nb.c=int 3@6:4");
    assert_eq!(read("{\"a\":1,\"b\":[true,null]}"), "a=int 1@1:6\nb[0]=bool true@1:13\nb[1]=text @1:18");
    assert_eq!(read("{a:1}\n"), "a:1=text @1:5");
    assert_eq!(read("a: [b: 1, ? c : d]\n"), "a[0].b=int 1@1:8\na[1].c=text d@1:17");
    for text in ["a: [1, 2\n", "a: {b: 1\n", "a: [,]\n", "a: ]\n", "a: [x]y\n", "a: [x?y]\n"] {
        assert_eq!(read(text), "WS-1001", "{text}");
    }
}

#[test]
fn structure_errors_are_told_with_their_place() {
    for (text, place) in [
        ("a: 1\n b: 2\n", "x.yml:2:3"),
        ("a:\n  b: 1\n c: 2\n", "x.yml:3:2"),
        ("a: b: c\n", "x.yml:1:5"),
        ("a: 1\nb\n", "x.yml:2:1"),
        ("k: @x\n", "x.yml:1:4"),
        ("a: 1\nb: 2\na: 3\n", "x.yml:3:1"),
    ] {
        let problem = parse(text, "x.yml").unwrap_err();
        assert_eq!(problem.place.unwrap().to_string(), place, "{text}");
    }
}

#[test]
fn depth_and_expansion_have_limits() {
    let nested = |n: usize, inner: &str| format!("{}{inner}{}", "[".repeat(n), "]".repeat(n));
    assert_eq!(read(&nested(50, "1")).lines().count(), 1);
    assert_eq!(read(&nested(51, "1")), "WS-1005");
    assert_eq!(read(&nested(100_000, "")), "WS-1005");
    assert_eq!(read(&"- ".repeat(100_000)), "WS-1005");
    let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 0..10 {
        let last = if n == 0 { "a".to_owned() } else { format!("a{n}") };
        bomb.push_str(&format!("b{n}: &a{} [{}]\n", n + 1, vec![format!("*{last}"); 10].join(", ")));
    }
    assert_eq!(read(&bomb), "WS-1005");
    let mut chain = "a0: &a0 [x]\n".to_owned();
    for n in 1..1000 {
        chain.push_str(&format!("a{n}: &a{n} [*a{}]\n", n - 1));
    }
    assert_eq!(read(&chain), "WS-1005");
    assert_eq!(read("a: &a [*a]\n"), "WS-1004");
    let key = |n: usize| format!("{}: 1\n", "k".repeat(n));
    assert!(read(&key(1024)).starts_with('k'));
    assert_eq!(read(&key(1025)), "WS-1001");
}

#[test]
fn bytes_are_utf_8_or_marked_utf_16() {
    assert_eq!(decode(b"\xef\xbb\xbfa", "x").unwrap(), "a");
    assert_eq!(decode(b"\xfe\xff\0a", "x").unwrap(), "a");
    assert_eq!(decode(b"\xff\xfea\0", "x").unwrap(), "a");
    let problem = decode(b"a: 1\nb: \xff", "x").unwrap_err();
    assert_eq!((problem.code, problem.place.unwrap().to_string().as_str()), ("WS-1006", "x:2:4"));
    assert!(decode(b"\xfe\xff\0", "x").is_err());
    assert_eq!(read("a: \u{7}\n"), "WS-1006");
    assert_eq!(read("a: \u{0}\n"), "WS-1006");
}
