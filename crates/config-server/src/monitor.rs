//! `POST /monitor`: the bus crate reads the notification and tells the applications; before they ask, the news are fetched.

use std::sync::Arc;

use axum::Router;
use http::Uri;
use tower::ServiceExt;
use wellspring_bus::webhook::Monitor;
use wellspring_daemon::{Context, Request, Response};
use wellspring_properties::Problem;

use crate::repository::Repository;

#[derive(Debug)]
pub(crate) struct Notifications {
    router: Router,
    path: String,
}

impl Notifications {
    pub(crate) fn new(
        context: &Context,
        path: String,
        repository: &Arc<dyn Repository>,
    ) -> Result<Self, Problem> {
        let bus = wellspring_bus::attach(context)?;
        if let Some(bus) = &bus {
            let repository = Arc::clone(repository);
            bus.on_refresh_call(move || {
                let repository = Arc::clone(&repository);
                Box::pin(async move {
                    repository.refresh().await;
                    Ok(Vec::new())
                })
            });
        }
        Ok(Self { router: Monitor::from_env(&context.env, bus)?.router(), path })
    }

    pub(crate) async fn answer(&self, mut request: Request, repository: &Arc<dyn Repository>) -> Response {
        // Who is told to refresh asks at once. Fetches are shared, so a flood of notifications is one after the other.
        repository.refresh().await;
        if let Ok(uri) = self.path.parse::<Uri>() {
            *request.uri_mut() = uri;
        }
        match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}
