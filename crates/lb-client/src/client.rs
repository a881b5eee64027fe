//! `Client`: what an application holds. Discovery, balanced calls and its own registration in one clone.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use http::Method;
use parking_lot::Mutex;

use crate::Balancer;
use crate::discovery::Discovery;
use crate::http::retry::RetryPolicy;
use crate::http::{CallError, RequestBuilder, balance};
use crate::pick::RoundRobin;
use crate::supplier::RetryAware;

/// Calls services by name. Cloning shares everything.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    discovery: Arc<dyn Discovery>,
    http: reqwest::Client,
    balancers: ArcSwap<HashMap<String, Arc<Balancer>>>,
    making: Mutex<()>,
    retry: Arc<RetryPolicy>,
}

impl Client {
    /// A client over a discovery source and an HTTP client of yours, with Spring's defaults.
    pub fn new(discovery: Arc<dyn Discovery>, http: reqwest::Client) -> Self {
        let retry = Arc::new(RetryPolicy::default());
        Self(Arc::new(Inner {
            discovery,
            http,
            balancers: ArcSwap::default(),
            making: Mutex::new(()),
            retry,
        }))
    }

    /// Where instances come from.
    pub fn discovery(&self) -> Arc<dyn Discovery> {
        Arc::clone(&self.0.discovery)
    }

    /// The HTTP client, for addresses that are not balanced.
    pub fn http(&self) -> &reqwest::Client {
        &self.0.http
    }

    /// The balancer of a service, made on first use and then always the same.
    pub fn balancer(&self, service: &str) -> Arc<Balancer> {
        if let Some(known) = self.0.balancers.load().get(service) {
            return Arc::clone(known);
        }
        let service = service.to_lowercase();
        let _making = self.0.making.lock();
        let all = self.0.balancers.load();
        if let Some(known) = all.get(&service) {
            return Arc::clone(known);
        }
        let listing = self.0.discovery.listing(&service);
        let balancer = Arc::new(Balancer::new(
            &service,
            listing,
            vec![Box::new(RetryAware)],
            Box::new(RoundRobin::default()),
        ));
        let mut more = HashMap::clone(&all);
        more.insert(service, Arc::clone(&balancer));
        self.0.balancers.store(Arc::new(more));
        balancer
    }

    pub(crate) fn retry_policy(&self, _service: &str) -> Arc<RetryPolicy> {
        Arc::clone(&self.0.retry)
    }

    pub(crate) fn balanced_service(&self, address: &str) -> Result<Option<String>, CallError> {
        balance::service_in(address, |service| {
            self.0.discovery.services().iter().any(|known| known == service)
        })
    }

    /// A call to `lb://service/path`, or to any address.
    pub fn request(&self, method: Method, address: impl Into<String>) -> RequestBuilder {
        RequestBuilder::new(self.clone(), method, address.into())
    }

    /// A GET.
    pub fn get(&self, address: impl Into<String>) -> RequestBuilder {
        self.request(Method::GET, address)
    }

    /// A POST.
    pub fn post(&self, address: impl Into<String>) -> RequestBuilder {
        self.request(Method::POST, address)
    }

    /// A PUT.
    pub fn put(&self, address: impl Into<String>) -> RequestBuilder {
        self.request(Method::PUT, address)
    }

    /// A PATCH.
    pub fn patch(&self, address: impl Into<String>) -> RequestBuilder {
        self.request(Method::PATCH, address)
    }

    /// A DELETE.
    pub fn delete(&self, address: impl Into<String>) -> RequestBuilder {
        self.request(Method::DELETE, address)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("services", &self.0.discovery.services()).finish_non_exhaustive()
    }
}
