//! The routes in force, and how the one for a request is found.
//!
//! Routes are tried in order; the first whose predicates all hold wins. An index over the leading literal segments
//! of their path patterns leaves out those that cannot match, so a thousand routes cost like one and the order is kept.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use wellspring_daemon::hashing::Short;
use wellspring_pattern::{Variables, path};

use super::Route;
use crate::predicate::Ask;

/// A snapshot: replaced as a whole, never changed.
#[derive(Debug, Default)]
pub struct Table {
    routes: Vec<Arc<Route>>,
    root: Node,
}

/// One segment deep in the index.
#[derive(Debug, Default)]
struct Node {
    /// Places in `routes`, ascending, of routes whose literal segments end here.
    here: Vec<u32>,
    below: HashMap<Box<str>, Self, Short>,
}

impl Table {
    /// `routes` are sorted by order already.
    #[must_use]
    pub fn new(routes: Vec<Arc<Route>>) -> Self {
        let mut root = Node::default();
        for (place, route) in (0..).zip(&routes) {
            let patterns = route.predicates.iter().find_map(|predicate| predicate.paths());
            match patterns {
                None => root.insert(std::iter::empty(), place),
                Some(patterns) => {
                    for pattern in patterns {
                        root.insert(pattern.literal_segments(), place);
                    }
                }
            }
        }
        Self { routes, root }
    }

    #[must_use]
    pub fn routes(&self) -> &[Arc<Route>] {
        &self.routes
    }

    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<&Arc<Route>> {
        self.routes.iter().find(|route| *route.id == *id)
    }

    /// The route for a request; what its patterns captured is in `found`.
    #[must_use]
    pub fn find(&self, ask: &Ask<'_>, found: &mut Variables) -> Option<&Arc<Route>> {
        self.candidates(ask.path).map(|place| self.routes.get(place as usize)).find_map(|route| {
            let route = route?;
            found.clear();
            route.predicates.iter().all(|predicate| predicate.test(ask, found)).then_some(route)
        })
    }

    /// Places of the routes that may match the path, in order, each once.
    fn candidates<'a>(&'a self, path: &'a str) -> Candidates<'a> {
        let mut lists: Lists<'a> = Lists::default();
        lists.push(&self.root.here);
        let mut node = &self.root;
        for segment in path::segments(path) {
            let key: &str = match &segment {
                Cow::Borrowed(text) => text,
                Cow::Owned(text) => text,
            };
            let Some(next) = node.below.get(key) else { break };
            lists.push(&next.here);
            node = next;
        }
        Candidates { lists, last: None }
    }
}

impl Node {
    fn insert<'a>(&mut self, segments: impl Iterator<Item = &'a str>, place: u32) {
        let mut node = self;
        for segment in segments {
            node = node.below.entry(segment.into()).or_default();
        }
        if node.here.last() != Some(&place) {
            node.here.push(place);
        }
    }
}

/// Ascending lists to merge: four in place, which is as deep as most paths go.
#[derive(Debug, Default)]
struct Lists<'a> {
    near: [&'a [u32]; 4],
    used: usize,
    far: Vec<&'a [u32]>,
}

impl<'a> Lists<'a> {
    fn push(&mut self, list: &'a [u32]) {
        if list.is_empty() {
            return;
        }
        match self.near.get_mut(self.used) {
            Some(slot) => {
                *slot = list;
                self.used += 1;
            }
            None => self.far.push(list),
        }
    }
}

/// Merges the lists; a route with several patterns comes once.
struct Candidates<'a> {
    lists: Lists<'a>,
    last: Option<u32>,
}

impl Iterator for Candidates<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        loop {
            let Lists { near, used, far } = &mut self.lists;
            let smallest = near
                .iter_mut()
                .take(*used)
                .chain(far.iter_mut())
                .filter(|list| !list.is_empty())
                .min_by_key(|list| list.first().copied())?;
            let (first, rest) = smallest.split_first()?;
            *smallest = rest;
            if self.last != Some(*first) {
                self.last = Some(*first);
                return Some(*first);
            }
        }
    }
}
