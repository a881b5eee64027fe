//! `schema`: a JSON schema of all settings, for editors.

use std::io::Write;
use std::path::Path;

use crate::server::Outcome;
use crate::settings;

pub(super) fn run(file: Option<&Path>, out: &mut dyn Write) -> Outcome {
    let schema = format!("{:#}\n", settings::schema::document());
    match file {
        Some(file) => std::fs::write(file, schema)?,
        None => out.write_all(schema.as_bytes())?,
    }
    Ok(true)
}
