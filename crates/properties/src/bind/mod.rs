//! Structs from keys: a serde deserializer over the tree of all sources.
//!
//! Two things cannot be known before a type asks for them: that a map wants texts, so that deeper keys belong to its keys
//! (`metadata.a.b` → key `a.b`), and that an empty value meets a number, where Spring keeps the default. Both come
//! up as a signal; the binding then runs again knowing it.

/// The shapes of serde that settings know no difference for: tuples are lists, wrappers are what they wrap.
macro_rules! plain_shapes {
    () => {
        fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.visit_unit()
        }

        fn deserialize_unit_struct<V: Visitor<'de>>(
            self,
            _: &'static str,
            visitor: V,
        ) -> Result<V::Value, Error> {
            visitor.visit_unit()
        }

        fn deserialize_newtype_struct<V: Visitor<'de>>(
            self,
            _: &'static str,
            visitor: V,
        ) -> Result<V::Value, Error> {
            visitor.visit_newtype_struct(self)
        }

        fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
            self.deserialize_seq(visitor)
        }

        fn deserialize_tuple_struct<V: Visitor<'de>>(
            self,
            _: &'static str,
            _: usize,
            visitor: V,
        ) -> Result<V::Value, Error> {
            self.deserialize_seq(visitor)
        }

        fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.visit_unit()
        }
    };
}

mod error;
mod node;
mod scalar;
mod unknown;

use std::cell::RefCell;
use std::collections::HashSet;

use serde::de::DeserializeOwned;

pub(crate) use error::carried;
use error::{Error, Signal};
use node::Bound;

use crate::relaxed::canonical;
use crate::tree::Tree;
use crate::{Environment, Problem};

/// More rounds than any sane file needs; each round settles at least one key.
const ROUNDS: usize = 10_000;

/// What a binding learns on its way.
struct Context<'a> {
    env: &'a Environment,
    /// Maps whose keys go down to the leaves.
    flat: HashSet<String>,
    /// Empty values that count as not given.
    absent: HashSet<String>,
    unknown: RefCell<Vec<Problem>>,
}

pub(crate) fn bind<T: DeserializeOwned>(
    env: &Environment,
    prefix: &str,
) -> (Result<T, Problem>, Vec<Problem>) {
    let path = canonical(prefix).into_owned();
    let nothing = Tree::default();
    let node = env.tree().at(&path).unwrap_or(&nothing);
    let mut cx = Context { env, flat: HashSet::new(), absent: HashSet::new(), unknown: RefCell::default() };
    for _ in 0..ROUNDS {
        cx.unknown.borrow_mut().clear();
        let bound =
            Bound { cx: &cx, node, path: path.clone(), shown: prefix.to_owned(), only: None, map: None };
        let error: Error = match T::deserialize(bound) {
            Ok(value) => return (Ok(value), cx.unknown.take()),
            Err(error) => error,
        };
        let learnt = match error.signal {
            Some(Signal::Flat(path)) => cx.flat.insert(path),
            Some(Signal::Absent(path)) => cx.absent.insert(path),
            None => false,
        };
        if !learnt {
            return (Err(*error.problem), cx.unknown.take());
        }
    }
    let problem = Problem::new(
        crate::codes::WRONG_SHAPE,
        format!("{prefix} could not be bound: too many empty values"),
    );
    (Err(problem), cx.unknown.take())
}

#[cfg(test)]
mod tests;
