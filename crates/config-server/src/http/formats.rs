//! `GET /[{label}/]{name}-{profiles}.{yml,yaml,properties,json}`: all sources as one document.

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
    format: Format,
    name: &str,
    profiles: &str,
    label: Option<&str>,
    parameters: &Parameters,
) -> Result<Response, Failure> {
    let resolve = parameters.flag("resolvePlaceholders", true).map_err(Error::BadRequest)?;
    let query = server.query(name, profiles, label)?;
    let found = server.find(&query).await?;
    let mut text = render(format, &found, server.settings.strip_document_from_yaml)?;
    if resolve {
        text = placeholders::resolve(&text, &|key| lookup(&found, key))
            .map_err(|circular| Error::BadRequest(circular.to_string()))?;
    }
    let content_type = if format == Format::Json { "application/json" } else { "text/plain" };
    Ok(reply::with_type(content_type, text))
}

fn render(format: Format, found: &Found, strip_document: bool) -> Result<String, Error> {
    let merged = merge::merge(found.sources.iter().map(|source| &source.document.entries));
    if format == Format::Properties {
        return Ok(properties::dump(&merged));
    }
    let tree = Tree::unflatten(&merged).map_err(|misfit| match misfit {
        Misfit::Key(_) => Error::BadRequest(misfit.to_string()),
        Misfit::Clash(_) => Error::Internal(misfit.to_string()),
    })?;
    Ok(match (format, tree) {
        (Format::Json, tree) => json::dump(&tree),
        (_, Tree::Map(entries))
            if strip_document && entries.len() == 1 && entries.contains_key("document") =>
        {
            entries.get("document").map(yaml::dump).unwrap_or_default()
        }
        (_, tree) => yaml::dump(&tree),
    })
}
