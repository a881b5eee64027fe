//! The operator's side: one admin API for all daemons of a process, an event log, a live stream.
//!
//! A daemon hands in what it knows ([`Admin::add_part`], [`Admin::show_services`], [`Admin::record`]) and serves
//! [`api::router`] on a listener of its own; the public ports keep the paths of the originals.

pub mod access;
mod admin;
pub mod api;
pub mod bus;
pub mod codes;
pub mod config;
pub mod console;
mod denied;
mod domain;
pub mod events;
mod federation;
mod listener;
mod part;
pub mod registry;
pub mod resilience;
pub mod routes;
mod schema;
mod services;
mod tap;

pub use access::{Access, Actor, Role};
pub use admin::Admin;
pub use denied::Denied;
pub use domain::Domain;
pub use events::{Event, Topic};
pub use federation::{METADATA, Membership};
pub use listener::Settings;
pub use part::{Component, Health, Part, Problem};
pub use services::{Instance, Service, Services};
pub use tap::Tap;
