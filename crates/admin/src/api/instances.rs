//! What is done to an instance: drain, undrain, remove, label.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use wellspring_wire::Millis;

use super::State;
use super::refusal::Refusal;
use super::routes::{At, Routes, Scope, at};
use super::write::{Done, Nothing, Order};
use crate::access::Role;
use crate::domain::Domain;
use crate::registry::{Hold, Registry};
use crate::schema::view;
use crate::services::Instance;

/// A year: longer is for ever, and said by leaving it out.
const LONGEST: u64 = 366 * 24 * 60;

view! {
    /// How long an instance is to stay out of service.
    pub(super) struct Drain {
        /// Taken back by itself after so many; without: until somebody does.
        minutes: Option<u64>,
    }
}

view! {
    /// One pair of metadata.
    pub(super) struct Label {
        /// Its name.
        key: String,
        /// Its value.
        value: String,
    }
}

pub(super) fn mount(routes: &mut Routes) {
    let drain_at = act("/services/{name}/instances/{id}/drain", "Take an instance out of service");
    routes.post::<Drain, Instance, _, _>(drain_at.done_by("services", "drain"), drain);
    let undrain_at = act("/services/{name}/instances/{id}/undrain", "Put an instance back into service");
    routes.post::<Nothing, Instance, _, _>(undrain_at.done_by("services", "undrain"), undrain);
    let remove_at = act("/services/{name}/instances/{id}", "Take an instance off the list");
    routes.delete::<Instance, _, _>(remove_at.done_by("services", "remove"), remove);
    let label_at = act("/services/{name}/instances/{id}/metadata", "Set one pair of an instance's metadata");
    routes.post::<Label, Instance, _, _>(label_at.done_by("services", "label"), label);
}

fn act(path: &'static str, summary: &'static str) -> At {
    at(path, summary).role(Role::Operator).scope(Scope::Path("name")).domain(Domain::Registry)
}

pub(super) fn registry(state: &State) -> Result<Arc<dyn Registry>, Refusal> {
    state.admin.registry().ok_or_else(|| Refusal::unknown("daemon", Domain::Registry.as_str()))
}

async fn drain(state: State, order: Order<Drain>) -> Result<Done<Instance>, Refusal> {
    let (name, id) = (order.named("name"), order.named("id"));
    let until = match order.body.minutes {
        None => None,
        Some(minutes @ 1..=LONGEST) => Some(Millis::now() + Duration::from_secs(minutes * 60)),
        Some(_) => return Err(Refusal::member("minutes", "1 to 527040, or none at all")),
    };
    let registry = registry(&state)?;
    let before = registry.instance(&name, &id).map(|one| shown(&one));
    let hold = Hold { by: order.actor.name, reason: order.reason, until };
    let after = registry.drain(&name, &id, hold)?;
    let for_ = order.body.minutes.map_or_else(String::new, |minutes| format!(" for {minutes} min"));
    Ok(done(&state, "drained", &name, after, before).text(format!("{id} takes no more calls{for_}")))
}

async fn undrain(state: State, order: Order<Nothing>) -> Result<Done<Instance>, Refusal> {
    let (name, id) = (order.named("name"), order.named("id"));
    let registry = registry(&state)?;
    let before = registry.instance(&name, &id).map(|one| shown(&one));
    let after = registry.undrain(&name, &id)?;
    let text = format!("{id} is {} again", after.status);
    Ok(done(&state, "undrained", &name, after, before).text(text))
}

async fn remove(state: State, order: Order<Nothing>) -> Result<Done<Instance>, Refusal> {
    let (name, id) = (order.named("name"), order.named("id"));
    let gone = registry(&state)?.remove(&name, &id)?;
    let before = shown(&gone);
    let text = format!("{id} was taken off the list; it comes back when it registers again");
    Ok(done(&state, "removed", &name, gone, Some(before)).text(text))
}

async fn label(state: State, order: Order<Label>) -> Result<Done<Instance>, Refusal> {
    let (name, id) = (order.named("name"), order.named("id"));
    let Label { key, value } = order.body;
    if key.trim().is_empty() {
        return Err(Refusal::member("key", "the name of a pair"));
    }
    let registry = registry(&state)?;
    let before = registry.instance(&name, &id).and_then(|one| one.metadata.get(&key).cloned());
    let after = registry.label(&name, &id, &key, &value)?;
    let done = Done::new(after, "labelled", state.admin.daemon_of(Domain::Registry), subject(&name, &id));
    let done = done.text(format!("{key} of {id} is {value}")).of_application(name);
    Ok(done.change(json!({key.clone(): before}), json!({key: value})))
}

/// `ORDERS/host7:8081`: what events about an instance call it.
pub(super) fn subject(application: &str, id: &str) -> String {
    format!("{}/{id}", application.to_uppercase())
}

fn done(
    state: &State,
    kind: &'static str,
    name: &str,
    after: Instance,
    before: Option<Value>,
) -> Done<Instance> {
    let now = if kind == "removed" { Value::Null } else { shown(&after) };
    let subject = subject(name, &after.id);
    Done::new(after, kind, state.admin.daemon_of(Domain::Registry), subject)
        .of_application(name)
        .change(before, now)
}

fn shown(instance: &Instance) -> Value {
    json!({"status": instance.status, "overridden": instance.overridden, "until": instance.overridden_until})
}
