//! Where key material comes from: a file, a base64 text, or the PEM text itself.

use std::path::PathBuf;

use wellspring_properties::{Environment, Problem};

use crate::codes;

/// A setting's content, and the file it came from.
pub(crate) struct Content {
    pub(crate) bytes: Vec<u8>,
    pub(crate) file: Option<PathBuf>,
}

/// A complaint about the value of `key`, placed where it stands. Secrets never go into `message`.
pub(crate) fn problem(env: &Environment, key: &str, message: impl std::fmt::Display) -> Problem {
    Problem::new(codes::MATERIAL, format!("{key}: {message}")).at(env.origin(key))
}

/// Reads what the setting `key` names.
pub(crate) fn content(env: &Environment, key: &str, location: &str) -> Result<Content, Problem> {
    if location.contains("-----BEGIN") {
        return Ok(Content { bytes: location.as_bytes().to_vec(), file: None });
    }
    if location.starts_with("classpath:") {
        return Err(problem(env, key, "there is no class path here").hint("file:/path/of/the/file"));
    }
    let path = PathBuf::from(location.strip_prefix("file:").map_or(location, |path| {
        // `file:///etc/x` as well as `file:etc/x`.
        path.strip_prefix("//").unwrap_or(path)
    }));
    let bytes = std::fs::read(&path)
        .map_err(|error| problem(env, key, format!("{} cannot be read: {error}", path.display())))?;
    Ok(Content { bytes, file: Some(path) })
}
