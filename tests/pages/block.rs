//! Blocks of commands in a page, and the bash that holds them to what the page says.

use std::fmt::Write as _;

/// How long a block may need until it prints what its page says: services find one another meanwhile.
pub(crate) const PATIENCE: u32 = 90;

/// Commands, and what they print.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Block {
    pub(crate) commands: String,
    pub(crate) prints: Option<String>,
}

/// A fenced part of a page: its language, its text, the number of its first line.
#[derive(Debug, PartialEq)]
pub(crate) struct Fence<'p> {
    pub(crate) language: &'p str,
    pub(crate) text: String,
    pub(crate) line: usize,
}

impl Fence<'_> {
    /// Whether this is what the commands right above print.
    pub(crate) fn is_output_of(&self, before: Option<&Self>) -> bool {
        self.language == "text"
            && before.is_some_and(|before| {
                before.language == "sh" && before.line + before.text.lines().count() + 2 == self.line
            })
    }
}

/// Everything that is fenced, and the lines outside.
pub(crate) fn fences(page: &str) -> (Vec<Fence<'_>>, Vec<(usize, &str)>) {
    let (mut fences, mut outside) = (Vec::new(), Vec::new());
    let mut lines = page.lines().zip(1..);
    while let Some((line, number)) = lines.next() {
        let Some(language) = line.strip_prefix("```") else {
            outside.push((number, line));
            continue;
        };
        let inside = lines.by_ref().map(|(line, _)| line).take_while(|line| *line != "```");
        let text = inside.fold(String::new(), |text, line| text + line + "\n");
        fences.push(Fence { language, text, line: number + 1 });
    }
    (fences, outside)
}

/// Blocks fenced as `sh`; one fenced as `text` right after is what they print.
pub(crate) fn blocks(page: &str) -> Vec<Block> {
    let fences = fences(page).0;
    let mut blocks = Vec::new();
    for (at, fence) in fences.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| &fences[at]);
        match fence.language {
            "sh" => blocks.push(Block { commands: fence.text.clone(), prints: None }),
            "text" if !fence.is_output_of(before) => panic!("output of no command: {}", fence.text),
            "text" => blocks.last_mut().unwrap().prints = Some(fence.text.clone()),
            _ => {}
        }
    }
    blocks
}

/// What stands on lines of their own; one that ends in `\` goes on.
pub(crate) fn commands(block: &str) -> Vec<String> {
    let mut commands = vec![String::new()];
    for line in block.lines() {
        let last = commands.last_mut().unwrap();
        last.push_str(line);
        if line.ends_with('\\') {
            last.push('\n');
        } else {
            commands.push(String::new());
        }
    }
    commands.retain(|command| !command.trim().is_empty());
    commands
}

/// `COMMANDS` are tried until they print what `fits` takes; what they print is in `out`.
const SAYS: &str = r#"says() { # COMMANDS, and for the complaint what was expected; `fits` judges
  local end=$((SECONDS + PATIENCE))
  until out=$(eval "$1" 2>&1) && fits; do
    [ $SECONDS -lt $end ] || { printf '%s\n$ %s\nprints\n%s\nand not\n%s\n' "$page" "$1" "$out" "$2"; exit 1; }
    sleep 0.2
  done
}
"#;

/// A page as one bash program, so that what one block starts and defines is there for the next.
pub(crate) fn program(name: &str, blocks: &[Block]) -> String {
    let mut text = format!(
        "set -u\npage={}\ntrap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n{}",
        quoted(name),
        SAYS.replace("PATIENCE", &PATIENCE.to_string())
    );
    for Block { commands, prints } in blocks {
        match prints {
            Some(prints) => {
                writeln!(text, "{}", fits(prints)).unwrap();
                writeln!(text, "says {} {}", quoted(commands.trim_end()), quoted(prints.trim_end())).unwrap();
            }
            None => {
                let complaint = quoted(&format!("{name} fails: {commands}"));
                writeln!(text, "{{\n{commands}\n}} || {{ echo {complaint}; exit 1; }}").unwrap();
            }
        }
    }
    text
}

/// The function that judges `out`: `…` is anything.
pub(crate) fn fits(prints: &str) -> String {
    let pattern = prints.trim_end_matches('\n').split('…').map(quoted).collect::<Vec<_>>().join("*");
    // The pattern stands here and is no argument: only so are its quoted parts no patterns themselves.
    format!("fits() {{ [[ $out == {pattern} ]]; }}")
}

pub(crate) fn quoted(text: &str) -> String {
    // Within double quotes bash's pattern matching takes every character as it is.
    let mut out = String::from("\"");
    for c in text.chars() {
        if matches!(c, '"' | '\\' | '$' | '`') {
            out.push('\\');
        }
        out.push(c);
    }
    out + "\""
}
