//! Several backends as one, in order of precedence.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tracing::warn;
use wellspring_properties::Problem;

use super::{Found, Freshness, Query, Repository};
use crate::error::Error;
use crate::sources::search::Location;

#[derive(Debug)]
pub(crate) struct Composite {
    members: Vec<Arc<dyn Repository>>,
    fail_on_error: bool,
}

impl Composite {
    /// `members`: highest precedence first.
    pub(crate) fn new(members: Vec<Arc<dyn Repository>>, fail_on_error: bool) -> Self {
        Self { members, fail_on_error }
    }
}

impl Repository for Composite {
    fn find<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Found, Error>> {
        Box::pin(async move {
            // With several backends there is no one version.
            let mut all = Found::default();
            for member in &self.members {
                match member.find(query).await {
                    Ok(found) => {
                        all.sources.extend(found.sources);
                        all.rejected = all.rejected.or(found.rejected);
                        all.stale_since = all.stale_since.or(found.stale_since);
                    }
                    Err(error) if self.fail_on_error => return Err(error),
                    Err(error) => warn!(%error, "a backend of the composite was left out"),
                }
            }
            Ok(all)
        })
    }

    fn locations<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Vec<Location>, Error>> {
        Box::pin(async move {
            let mut all = Vec::new();
            for member in &self.members {
                match member.locations(query).await {
                    Ok(locations) => all.extend(locations),
                    Err(error) if self.fail_on_error => return Err(error),
                    Err(error) => warn!(%error, "a backend of the composite was left out"),
                }
            }
            Ok(all)
        })
    }

    fn has_files(&self) -> bool {
        self.members.iter().any(|member| member.has_files())
    }

    fn start(&self) -> BoxFuture<'_, Result<(), Problem>> {
        Box::pin(async {
            for member in &self.members {
                member.start().await?;
            }
            Ok(())
        })
    }

    fn refresh(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            futures_util::future::join_all(self.members.iter().map(|member| member.refresh())).await;
        })
    }

    fn repositories(&self) -> Vec<&super::git::Git> {
        self.members.iter().flat_map(|member| member.repositories()).collect()
    }

    fn freshness(&self) -> Vec<Freshness> {
        self.members.iter().flat_map(|member| member.freshness()).collect()
    }
}
