//! HTTP: a route is found, its handler asks the core, the answer is written. No rule of configuration is here.

mod accept;
mod encryption;
mod environment;
mod formats;
mod posted;
mod reply;
pub(crate) mod resource;
pub(crate) mod route;
mod watch;

use std::sync::Arc;

use http::Method;
use indexmap::IndexMap;
use percent_encoding::percent_decode_str;
use wellspring_daemon::{Peer, Request, Response, Service, Template};

use crate::server::Server;
use route::{Mount, Route};

pub(crate) use reply::status_of;

/// All of the server's paths.
pub(crate) fn service(server: Arc<Server>, mount: Mount) -> Service {
    let mount = Arc::new(mount);
    Service::new(move |request| {
        let (server, mount) = (Arc::clone(&server), Arc::clone(&mount));
        async move { handle(&server, &mount, request).await }
    })
}

/// Where the settings put the paths.
pub(crate) fn mount(env: &wellspring_properties::Environment) -> Mount {
    let path = |key: &str| {
        let path = env.get(key).unwrap_or_default();
        format!("/{}", path.trim_matches('/')).trim_end_matches('/').to_owned()
    };
    Mount {
        context_path: path("server.servlet.context-path"),
        prefix: path("spring.cloud.config.server.prefix"),
        monitor_path: path("spring.cloud.config.monitor.endpoint.path"),
    }
}

async fn handle(server: &Arc<Server>, mount: &Mount, request: Request) -> Response {
    let query = Parameters::of(request.uri().query().unwrap_or_default());
    let route = if server.settings.enabled {
        mount.route(request.uri().path(), query.has("useDefaultLabel"))
    } else {
        Route::None
    };
    let template = template(&route);
    let path = format!("{}{}", mount.context_path, request.uri().path());
    let get = matches!(*request.method(), Method::GET | Method::HEAD);
    let options = *request.method() == Method::OPTIONS;
    let post = *request.method() == Method::POST;
    let headers = request.headers().clone();
    let client = request.extensions().get::<Peer>().map(|peer| peer.remote.ip());
    let allowed = allowed(&route);
    let answer = match route {
        Route::Environment { .. } | Route::Flat { .. } | Route::Resource { .. } | Route::Key(_)
            if options =>
        {
            Ok(reply::options("GET,HEAD,OPTIONS"))
        }
        Route::EncryptStatus if options => Ok(reply::options("GET,HEAD,OPTIONS")),
        Route::Encrypt(_) | Route::Decrypt(_) | Route::Monitor if options => {
            Ok(reply::options("POST,OPTIONS"))
        }
        Route::Refused => Ok(reply::refused()),
        Route::None => Err(reply::Failure::status(http::StatusCode::NOT_FOUND)),
        Route::Environment { name, profiles, label } if get => {
            environment::answer(server, client, &headers, &name, &profiles, label.as_deref()).await
        }
        Route::Flat { format, name, profiles, label } if get => {
            formats::answer(server, &headers, format, &name, &profiles, label.as_deref(), &query).await
        }
        Route::Resource { .. } if !server.repository.has_files() => {
            Err(reply::Failure::status(http::StatusCode::NOT_FOUND))
        }
        Route::Resource { name, profiles, label, path } if get => {
            resource::answer(server, &headers, &name, &profiles, label.as_deref(), &path, &query).await
        }
        Route::EncryptStatus if get => Ok(encryption::status(server)),
        Route::Key(_) if get => Ok(encryption::key(server)),
        Route::Encrypt(_) if post => encryption::encrypt(server, request).await,
        Route::Decrypt(_) if post => encryption::decrypt(server, request).await,
        Route::Monitor if post => Ok(server.notifications.answer(request, &server.repository).await),
        // Three segments that begin with `encrypt` are an environment like any other when they are asked for.
        Route::Encrypt(Some(subject)) if get => {
            environment::answer(server, client, &headers, "encrypt", &subject.name, Some(&subject.profiles))
                .await
        }
        Route::Decrypt(Some(subject)) if get => {
            environment::answer(server, client, &headers, "decrypt", &subject.name, Some(&subject.profiles))
                .await
        }
        Route::Environment { .. }
        | Route::Flat { .. }
        | Route::Resource { .. }
        | Route::EncryptStatus
        | Route::Key(_)
        | Route::Encrypt(_)
        | Route::Decrypt(_)
        | Route::Monitor => Err(reply::Failure::not_allowed(allowed)),
    };
    let mut response = answer.unwrap_or_else(|failure| reply::failure(&failure, &path, &headers));
    if let Some(template) = template {
        response.extensions_mut().insert(Template(Arc::from(template)));
    }
    response
}

/// Methods that a 405 names.
fn allowed(route: &Route) -> &'static str {
    match route {
        Route::Encrypt(None) | Route::Decrypt(None) | Route::Monitor => "POST",
        Route::Encrypt(Some(_)) | Route::Decrypt(Some(_)) => "GET,POST",
        Route::Environment { .. }
        | Route::Flat { .. }
        | Route::Resource { .. }
        | Route::EncryptStatus
        | Route::Key(_)
        | Route::None
        | Route::Refused => "GET",
    }
}

/// For metrics: the original's own patterns.
fn template(route: &Route) -> Option<&'static str> {
    Some(match route {
        Route::Environment { label: None, .. } => "/{name}/{profiles}",
        Route::Environment { label: Some(_), .. } => "/{name}/{profiles}/{label}",
        Route::Flat { label: None, .. } => "/{name}-{profiles}.{format}",
        Route::Flat { label: Some(_), .. } => "/{label}/{name}-{profiles}.{format}",
        Route::Resource { label: Some(_), .. } => "/{name}/{profile}/{label}/**",
        Route::Resource { label: None, .. } => "/{name}/{profile}/{path}",
        Route::EncryptStatus => "/encrypt/status",
        Route::Encrypt(_) => "/encrypt",
        Route::Decrypt(_) => "/decrypt",
        Route::Key(_) => "/key",
        Route::Monitor => "/monitor",
        Route::None | Route::Refused => return None,
    })
}

/// Parameters of a query, the first value of each.
pub(crate) struct Parameters(IndexMap<String, String>);

impl Parameters {
    fn of(query: &str) -> Self {
        let decode =
            |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
        let mut values = IndexMap::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            values.entry(decode(name)).or_insert_with(|| decode(value));
        }
        Self(values)
    }

    fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// A boolean as Spring reads it; `Err`: the value is none.
    fn flag(&self, name: &str, default: bool) -> Result<bool, String> {
        let Some(value) = self.0.get(name) else { return Ok(default) };
        match value.trim().to_ascii_lowercase().as_str() {
            "true" | "on" | "yes" | "1" => Ok(true),
            "false" | "off" | "no" | "0" => Ok(false),
            "" => Ok(default),
            other => Err(format!("{name}: `{other}` is not a boolean")),
        }
    }
}
