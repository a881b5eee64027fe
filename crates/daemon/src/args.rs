//! The command line of a daemon: `--config FILE|DIR`, `--health`, `--version`, `--help`, and `--any.property=value`.

use std::path::PathBuf;

/// What the command line asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Args {
    pub(crate) config: Option<PathBuf>,
    /// `--a.b=c`, `--debug`: left to the Environment.
    pub(crate) properties: Vec<String>,
    pub(crate) help: bool,
    pub(crate) version: bool,
    /// Ask the running process whether it is ready, instead of starting one.
    pub(crate) health: bool,
}

impl Args {
    /// The error says what was wrong with which word.
    pub(crate) fn parse(words: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut args = Self::default();
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--help" | "-h" => args.help = true,
                "--version" | "-V" => args.version = true,
                "--health" => args.health = true,
                "--config" | "-c" => {
                    let path = words.next().ok_or("--config needs a file or a directory")?;
                    args.config = Some(path.into());
                }
                other => match other.strip_prefix("--config=") {
                    Some(path) => args.config = Some(path.into()),
                    None if other.starts_with("--") => args.properties.push(word),
                    None => {
                        return Err(format!(
                            "unexpected argument {other:?}; properties are written --name=value"
                        ));
                    }
                },
            }
        }
        Ok(args)
    }

    /// `--json`: who asks reads no sentences.
    pub(crate) fn is_for_programs(&self) -> bool {
        self.properties.iter().any(|word| word == "--json")
    }
}

/// The answer to `--version`.
pub(crate) fn version(name: &str, version: &str, json: bool) -> String {
    if !json {
        return format!("{name} {version}\n");
    }
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    format!("{:#}\n", serde_json::json!({"name": name, "version": version, "os": os, "arch": arch}))
}

pub(crate) fn help(name: &str) -> String {
    format!(
        "Usage: {name} [--config FILE|DIR] [--property=value]...\n\
                {name} --health [...]   asks the one that runs with these settings whether it is ready\n\
                {name} --version [--json]\n\n\
         Without --config, application.yml, .yaml or .properties in the working directory and in ./config are read.\n\
         Every setting can also come from the environment: SERVER_PORT=9000 is server.port.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Args, String> {
        Args::parse(words.iter().map(|word| (*word).to_owned()))
    }

    #[test]
    fn config_and_properties_are_told_apart() {
        let args = parse(&["--config", "a.yml", "--server.port=0", "--debug"]).unwrap();
        assert_eq!(args.config, Some("a.yml".into()));
        assert_eq!(args.properties, ["--server.port=0", "--debug"]);
        assert_eq!(parse(&["--config=b.yml"]).unwrap().config, Some("b.yml".into()));
        assert!(parse(&["--health", "--server.port=1"]).unwrap().health);
        let args = parse(&["--version", "--json"]).unwrap();
        assert!(args.version && args.is_for_programs());
        let answer: serde_json::Value = serde_json::from_str(&version("a", "1.2.3", true)).unwrap();
        assert_eq!((&answer["name"], &answer["version"]), (&"a".into(), &"1.2.3".into()));
        assert_eq!(version("a", "1.2.3", false), "a 1.2.3\n");
    }

    #[test]
    fn a_stray_word_and_a_missing_path_are_refused() {
        assert!(parse(&["stray"]).unwrap_err().contains("stray"));
        assert!(parse(&["--config"]).is_err());
    }

    #[test]
    fn long_words() {
        let examples = ["--config\u{0}x.yml\u{0}--server.port=1", "--health", "--version\u{0}--debug"];
        let words = ["\u{0}", "--", "=", "--config", "--config=", "-c", "-h", "-V", "x", "--a.b[0]="];
        wellspring_test_support::fuzz::text("arguments", &examples, &words, |text, _| {
            let words: Vec<String> = text.split('\0').map(str::to_owned).collect();
            let count = words.len();
            if let Ok(args) = Args::parse(words) {
                assert!(args.properties.len() <= count);
            }
        });
    }
}
