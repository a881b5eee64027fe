//! `GET /[{label}/]{name}-{profiles}.{yml,yaml,properties,json}`: all sources as one document.

use http::HeaderMap;
use wellspring_daemon::Response;

use super::Parameters;
use super::reply::{self, Failure};
use super::route::Format;
use crate::error::Error;
use crate::render::tree::{Misfit, Tree};
use crate::render::{json, merge, placeholders, properties, yaml};
use crate::repository::Found;
use crate::server::{Server, lookup};

pub(super) async fn answer(
    server: &Server,
    headers: &HeaderMap,
    format: Format,
    name: &str,
    profiles: &str,
    label: Option<&str>,
    parameters: &Parameters,
) -> Result<Response, Failure> {
    let resolve = parameters.flag("resolvePlaceholders", true).map_err(Error::BadRequest)?;
    let query = server.query(name, profiles, label)?.asked_by(headers);
    let found = server.find(&query).await?;
    let (mut text, bare) = render(format, &found, server.settings.strip_document_from_yaml)?;
    // The original forgets the placeholders of a document that is stripped.
    if resolve && !bare {
        text = placeholders::resolve(&text, &|key| lookup(&found, key))
            .map_err(|circular| Error::BadRequest(circular.to_string()))?;
    }
    let content_type = if format == Format::Json { "application/json" } else { "text/plain" };
    Ok(reply::with_type(content_type, text))
}

/// The text, and whether it is the bare content of `document`.
fn render(format: Format, found: &Found, strip_document: bool) -> Result<(String, bool), Error> {
    let merged = merge::merge(found.sources.iter().map(|source| &source.document.entries));
    if format == Format::Properties {
        return Ok((properties::dump(&merged), false));
    }
    let tree = Tree::unflatten(&merged).map_err(|misfit| match misfit {
        Misfit::Key(_) => Error::BadRequest(misfit.to_string()),
        Misfit::Clash(_) | Misfit::TooLarge(_) => Error::Internal(misfit.to_string()),
    })?;
    if format == Format::Json {
        return Ok((json::dump(&tree), false));
    }
    if let Tree::Map(entries) = &tree
        && let (true, 1, Some(document)) = (strip_document, entries.len(), entries.get("document"))
    {
        return Ok((yaml::dump_bare(document), true));
    }
    Ok((yaml::dump(&tree), false))
}
