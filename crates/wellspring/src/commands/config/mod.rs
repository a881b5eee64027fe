//! `config …`: what operators ask of a config server, and do to its repositories.

mod operator;
mod reencrypt;

use std::io::Write;
use std::path::PathBuf;

use clap::Subcommand;

use crate::server::{Form, Outcome};

/// The verbs below `config`.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigVerb {
    #[command(flatten)]
    Asked(operator::Asked),
    /// Encrypts every {cipher} value of the given files and directories with another key; all other bytes stay.
    Reencrypt {
        /// Files, or directories such as a working tree; `.git` and links are left alone.
        #[arg(required = true)]
        paths: Vec<PathBuf>,
        /// Settings with the present key: encrypt.key or encrypt.key-store.
        #[arg(long, value_name = "FILE")]
        from: PathBuf,
        /// Settings with the new key.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
        /// Key of the new store that is used and named in the values, instead of the default one.
        #[arg(long)]
        alias: Option<String>,
        /// Says what would change and writes nothing.
        #[arg(long)]
        dry_run: bool,
        /// Leaves values that no key decrypts as they are; else nothing is written when there is one.
        #[arg(long)]
        keep_undecryptable: bool,
        #[command(flatten)]
        form: Form,
    },
}

/// True when all went well.
pub(super) fn run(verb: ConfigVerb, out: &mut dyn Write) -> Outcome {
    match verb {
        ConfigVerb::Asked(asked) => operator::run(asked, out),
        ConfigVerb::Reencrypt { paths, from, to, alias, dry_run, keep_undecryptable, form } => {
            let wanted = reencrypt::Wanted { from, to, alias, dry_run, keep_undecryptable };
            reencrypt::run(&paths, &wanted, form.output, out)
        }
    }
}
