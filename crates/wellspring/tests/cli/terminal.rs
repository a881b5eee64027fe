//! What only a terminal is shown.

use std::fs;
use std::process::Command;

use wellspring_test_support::tools;

use super::{command, said};

const ROUTES: &str = "routes:\n- {id: a, uri: 'http://a', predicates: ['Path=/a/**']}\n";

#[test]
fn long_work_has_a_bar_on_a_terminal_and_nowhere_else() {
    if !tools::present("long_work_has_a_bar_on_a_terminal_and_nowhere_else", &["terminal"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("before.yml", ROUTES);
    write("after.yml", ROUTES);
    write("requests.txt", &"GET /a/1\n".repeat(1000));
    let words = ["routes", "replay", "before.yml", "after.yml", "--requests", "requests.txt"];
    let plain = command(&words);
    let on_a_terminal = |more: &[&str], colour: Option<&str>| {
        let line = plain.get_program().to_string_lossy().into_owned();
        let line = [&[line.as_str()], &words[..], more].concat().join(" ");
        let mut script = Command::new("script");
        script.args(["-qec", &line, "/dev/null"]).current_dir(folder.path()).env("TERM", "xterm");
        if let Some(colour) = colour {
            script.env("NO_COLOR", colour);
        }
        said(&mut script).out
    };
    let full = format!("[{}] 100 %", "#".repeat(30));
    let answer = "1000 requests, 1000 the same, 0 different";
    for colour in [None, Some("1")] {
        let shown = on_a_terminal(&[], colour);
        assert!(shown.contains("replay [") && shown.contains(&full) && shown.contains(answer), "{shown:?}");
        assert!(shown.matches("replay [").count() <= 131, "drawn when it has changed: {shown:?}");
        let last = shown.rsplit('\r').find(|part| part.contains(answer)).unwrap_or_default();
        assert!(last.starts_with(answer), "the bar is gone before the answer: {shown:?}");
        assert!(!shown.contains('\x1b'), "no escape sequences: {shown:?}");
    }
    let quiet = on_a_terminal(&["--quiet"], None);
    assert!(quiet.contains(answer) && !quiet.contains('['), "{quiet:?}");
    let piped = said(command(&words).current_dir(folder.path()));
    assert!(piped.out.contains(answer) && piped.err.is_empty(), "{}{}", piped.out, piped.err);
}
