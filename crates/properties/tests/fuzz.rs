//! Fuzzing as a property test: YAML, `.properties`, placeholders, profile expressions, durations, sizes, names.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use wellspring_properties::{
    Environment, PropertySource, flatten, java_properties, placeholder, profile, relaxed, value, yaml,
};
use wellspring_test_support::fuzz;

const YAML: &[&str] = &[
    "spring:\n  application: { name: a }\n  list: [a, 'b', \"c\\n\"]\n---\nspring.config.activate.on-profile: dev & !x\n",
    "a: &x\n  b: |+2\n     text\n  c: >-\n    folded\n    more\n<<: *x\nd: !!binary aGk=\ne: 0x1F\nf: 1_000.5e3\n",
    "- {a: 1, ? b : 2}\n- !!set {x, y}\n- 2001-12-14t21:59:43.10-05:00\n- .inf\n- ~\n",
];
const YAML_WORDS: &[&str] = &[
    ": ",
    "- ",
    "? ",
    "\n",
    "\n  ",
    "\t",
    "[",
    "]",
    "{",
    "}",
    ", ",
    "'",
    "\"",
    "&a ",
    "*a",
    "<<: *a",
    "!!str ",
    "!y ",
    "|\n",
    ">-\n",
    "|+9\n",
    " #",
    "---\n",
    "...\n",
    "%TAG ! x\n",
    "@",
    "`",
    "~",
    "0x",
    "\\",
    "\\u00e9",
    "\\x",
    "é",
    "\u{2028}",
    "\u{85}",
    "\u{feff}",
    "\0",
];
const PROPERTIES: &[&str] = &[
    "a.b=c\n# comment\na\\ b : d\\\n   e\n\\u00e9=\\t\n#---\nlist[0]=x\n!y\nkey\n",
    "spring.config.import=optional:file:./x.yml\r\nmap[a.b].c=${d:${e:f}}\r\n",
];

#[test]
fn long_yaml() {
    fuzz::text("yaml", YAML, YAML_WORDS, |text, _| {
        for document in yaml::parse(text, "x").into_iter().flatten() {
            let flat = flatten::document(&document);
            let env = Environment::new(vec![PropertySource::new("x", flat)], Vec::new());
            drop(env.bind::<serde_json::Value>(""));
        }
        drop(yaml::parse_bytes(text.as_bytes(), "x"));
    });
}

#[test]
fn long_java_properties() {
    let words = [
        "=",
        ":",
        " ",
        "\\",
        "\\\n",
        "\\u",
        "\\u00",
        "#---\n",
        "!",
        "[0]",
        "[99999999]",
        "[a.b]",
        ".",
        "\r",
        "\n",
        "\u{0c}",
        "é",
    ];
    fuzz::text("properties", PROPERTIES, &words, |text, _| {
        for entries in java_properties::parse(text.as_bytes(), "x").into_iter().flatten() {
            let env = Environment::new(vec![PropertySource::new("x", entries)], Vec::new());
            drop(env.bind::<serde_json::Value>(""));
        }
    });
}

#[test]
fn long_placeholders() {
    let examples = ["a ${b} c", "${a:${b:c}}", "\\${a}", "${a.b[0]:x}${", "#{systemProperties['a']}"];
    let words = ["${", "}", ":", "\\", "${a", "${a:", "${b}", "[", "]", "#{", "$", "a", "."];
    fuzz::text("placeholders", &examples, &words, |text, _| {
        // Values that name themselves, one another, and grow.
        drop(placeholder::resolve(text, &|key| Some(format!("${{{key}"))));
        drop(placeholder::resolve(text, &|key| Some(format!("${{{key}}}${{{key}}}"))));
        drop(placeholder::resolve(text, &|key| (key == "a").then(|| "${b} ${b}".to_owned())));
        drop(placeholder::resolve_known(text, &|key| Some(key.repeat(2))));
        let env = Environment::new(
            vec![PropertySource::of_pairs("x", [("a", text), ("b", "${a}"), (text, "1")])],
            Vec::new(),
        );
        env.get("a");
        env.get("b");
        env.get(text);
    });
}

#[test]
fn long_profiles_durations_sizes_and_names() {
    let examples = [
        "dev & (!cloud | eu)",
        "10s",
        "PT1H30M",
        "-P1DT2H3.5S",
        "512MB",
        "1500",
        "my-app.some_List[0].K[a.b]",
    ];
    let words = [
        "&",
        "|",
        "!",
        "(",
        ")",
        "ns",
        "ms",
        "m",
        "h",
        "d",
        "P",
        "T",
        "PT",
        "S",
        "B",
        "KB",
        "TB",
        "[",
        "]",
        ".",
        "-",
        "_",
        "٣",
        "9999999999999999999",
    ];
    fuzz::text("profiles, durations, sizes, names", &examples, &words, |text, _| {
        drop(profile::Expression::parse_list(text));
        for unit in [value::Unit::Nanos, value::Unit::Seconds, value::Unit::Days] {
            drop(value::parse_duration(text, unit));
        }
        drop(value::DataSize::parse(text));
        assert!(relaxed::elements(text).count() <= text.len() + 1);
    });
}
