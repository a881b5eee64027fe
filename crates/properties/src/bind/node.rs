//! A node of the tree as a serde deserializer: structs by relaxed names, maps with literal keys, lists from one source.

use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::Context;
use super::error::{Error, Signal};
use super::scalar::{Value, key_deserializer};
use super::unknown;
use crate::environment::unresolved;
use crate::relaxed::{bracketed, canonical_element};
use crate::tree::{SourceId, Tree};
use crate::{Entry, Problem, codes, placeholder};

/// A place in the tree, maybe seen from one source only.
#[derive(Clone)]
pub(super) struct Bound<'a> {
    pub(super) cx: &'a Context<'a>,
    pub(super) node: &'a Tree,
    /// Canonical path from the root.
    pub(super) path: String,
    /// The path as a person writes it.
    pub(super) shown: String,
    /// List items come whole from one source.
    pub(super) only: Option<SourceId>,
    /// The path of the map this is a value of.
    pub(super) map: Option<String>,
}

impl<'a> Bound<'a> {
    fn child(&self, name: &str, node: &'a Tree) -> Self {
        let literal =
            if node.literal.starts_with('[') { node.literal.clone() } else { format!(".{}", node.literal) };
        let dot = if self.path.is_empty() { "" } else { "." };
        let shown =
            if self.shown.is_empty() { node.literal.clone() } else { format!("{}{literal}", self.shown) };
        Self {
            cx: self.cx,
            node,
            path: format!("{}{dot}{name}", self.path),
            shown,
            only: self.only,
            map: None,
        }
    }

    fn present(&self, node: &Tree) -> bool {
        node.highest(self.only).is_some()
    }

    fn entry(&self) -> Option<(&'a str, &'a Entry)> {
        self.node.value(self.cx.env.sources(), self.only)
    }

    fn value(&self, key: &str, entry: &'a Entry) -> Result<Value<'a>, Error> {
        let raw = entry.value.to_string();
        let env = self.cx.env;
        let text = if raw.contains("${") {
            placeholder::resolve_known(&raw, &|key| env.raw(key))
                .map_err(|error| Error::located(unresolved(&error).at(entry.origin.clone()).found(raw)))?
        } else {
            raw
        };
        let (cx, path) = (self.cx, self.path.clone());
        Ok(Value {
            cx,
            path,
            key: key.to_owned(),
            text,
            typed: Some(&entry.value),
            origin: entry.origin.clone(),
        })
    }

    /// The value right here, for a type that is one value.
    fn scalar(&self) -> Result<Value<'a>, Error> {
        let deeper = self.node.children.values().any(|child| self.present(child));
        if deeper && let Some(map) = self.map.as_ref().filter(|map| !self.cx.flat.contains(*map)) {
            return Err(Error::signal(Signal::Flat(map.clone())));
        }
        if let Some((key, entry)) = self.entry() {
            return self.value(key, entry);
        }
        let problem = match first_entry(self, self.node) {
            Some((key, entry)) => {
                Problem::new(codes::WRONG_SHAPE, format!("{} is one value, not a group", self.shown))
                    .at(entry.origin.clone())
                    .found(key)
            }
            None => Problem::new(codes::MISSING_VALUE, format!("{} is required", self.shown)),
        };
        Err(Error::located(problem))
    }

    fn is_leaf(&self) -> bool {
        !self.node.children.values().any(|child| self.present(child))
    }

    /// The source that gives this list, and whether it does so by a comma text.
    fn list_source(&self) -> Option<(SourceId, bool)> {
        let indexed = self.node.children.iter().filter(|(name, _)| is_index(name));
        let indexed = indexed.filter_map(|(_, child)| child.highest(self.only)).min();
        let whole =
            self.node.values.iter().map(|(id, _)| *id).find(|id| self.only.is_none_or(|only| only == *id));
        match (whole, indexed) {
            (Some(whole), Some(indexed)) if indexed < whole => Some((indexed, false)),
            (Some(whole), _) => Some((whole, true)),
            (None, indexed) => indexed.map(|id| (id, false)),
        }
    }

    /// Names the key in a complaint that came from a struct.
    fn locate(&self, mut error: Error) -> Error {
        if !error.located {
            error.located = true;
            let dot =
                if error.problem.code == codes::MISSING_VALUE && !self.shown.is_empty() { "." } else { ": " };
            error.problem.message = format!("{}{dot}{}", self.shown, error.problem.message);
            error.problem.place = first_entry(self, self.node).and_then(|(_, entry)| entry.origin.clone());
        }
        error
    }
}

fn is_index(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit())
}

pub(super) fn first_entry<'a>(bound: &Bound<'a>, node: &'a Tree) -> Option<(&'a str, &'a Entry)> {
    node.value(bound.cx.env.sources(), bound.only)
        .or_else(|| node.children.values().find_map(|child| first_entry(bound, child)))
}

macro_rules! as_scalar {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.scalar()?.$method(visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for Bound<'_> {
    type Error = Error;

    plain_shapes! {}

    as_scalar! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32 deserialize_f64
        deserialize_char deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf deserialize_identifier
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.is_leaf() {
            return self.scalar()?.deserialize_any(visitor);
        }
        let mut present = self.node.children.iter().filter(|(_, child)| self.present(child));
        if present.all(|(name, _)| is_index(name)) {
            self.deserialize_seq(visitor)
        } else {
            self.deserialize_map(visitor)
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.cx.absent.contains(&self.path) || !self.present(self.node) {
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.list_source() {
            Some((only, true)) => {
                Self { only: Some(only), ..self.clone() }.entry_value()?.deserialize_seq(visitor)
            }
            Some((only, false)) => {
                let list = Self { only: Some(only), ..self };
                let indexes = list
                    .node
                    .children
                    .iter()
                    .filter(|(name, child)| is_index(name) && child.highest(Some(only)).is_some());
                let mut items: Vec<(usize, &String, &Tree)> =
                    indexes.filter_map(|(name, child)| Some((name.parse().ok()?, name, child))).collect();
                items.sort_by_key(|(index, _, _)| *index);
                if let Some((index, name, child)) =
                    items.iter().enumerate().find(|(at, (index, _, _))| at != index).map(|(_, item)| *item)
                {
                    let hole = Problem::new(
                        codes::WRONG_SHAPE,
                        format!("{}[{index}] leaves a hole in the list", list.shown),
                    );
                    let place = first_entry(&list.child(name, child), child)
                        .and_then(|(_, entry)| entry.origin.clone());
                    return Err(Error::located(hole.at(place).hint("indexes without gaps, from 0")));
                }
                let items =
                    items.into_iter().map(|(_, name, child)| list.child(name, child)).collect::<Vec<_>>();
                visitor.visit_seq(Children { items: items.into_iter() })
            }
            None if self.is_leaf() => visitor.visit_seq(Children { items: Vec::new().into_iter() }),
            None => {
                let (key, entry) = first_entry(&self, self.node).unzip();
                let problem = Problem::new(codes::WRONG_SHAPE, format!("{} is a list", self.shown));
                let place = entry.and_then(|entry| entry.origin.clone());
                Err(Error::located(
                    problem.at(place).found(key.unwrap_or_default()).hint("items that begin with -"),
                ))
            }
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.is_leaf()
            && let Some((key, entry)) = self.entry()
        {
            return self.value(key, entry)?.deserialize_map(visitor);
        }
        let mut fields = Vec::new();
        if self.cx.flat.contains(&self.path) {
            leaves(&self, "", &mut fields);
        } else {
            for (name, node) in self.node.children.iter().filter(|(_, node)| self.present(node)) {
                let key = bracketed(&node.literal).unwrap_or(&node.literal).to_owned();
                fields.push((key, Self { map: Some(self.path.clone()), ..self.child(name, node) }));
            }
        }
        fields.retain(|(_, child)| !self.cx.absent.contains(&child.path));
        visitor
            .visit_map(Fields { fields: fields.into_iter(), next: None })
            .map_err(|error| self.locate(error))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if self.is_leaf()
            && let Some((key, entry)) = self.entry()
        {
            return self.value(key, entry)?.deserialize_map(visitor);
        }
        unknown::collect(&self, names);
        let mut fields: Vec<(String, Self)> = Vec::new();
        for name in names {
            let canonical = canonical_element(name);
            let own =
                self.node.children.get_key_value(canonical.as_ref()).filter(|(_, node)| self.present(node));
            let own = own.map(|(key, node)| (key.clone(), node));
            let found = match (own, self.dashed_variable(name)) {
                (Some(own), Some(variable)) if own.1.highest(self.only) <= variable.1.highest(self.only) => {
                    Some(own)
                }
                (own, variable) => variable.or(own),
            };
            let Some((key, node)) = found else { continue };
            let child = self.child(&key, node);
            if !self.cx.absent.contains(&child.path)
                && !fields.iter().any(|(_, known)| known.path == child.path)
            {
                fields.push(((*name).to_owned(), child));
            }
        }
        visitor
            .visit_map(Fields { fields: fields.into_iter(), next: None })
            .map_err(|error| self.locate(error))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if self.entry().is_some() {
            return self.scalar()?.deserialize_enum(name, variants, visitor);
        }
        let mut present = self.node.children.iter().filter(|(_, child)| self.present(child));
        let chosen = match (present.next(), present.next()) {
            (Some((key, node)), None) => variants
                .iter()
                .find(|variant| canonical_element(variant).as_ref() == key)
                .map(|variant| Variant { name: variant, content: self.child(key, node) }),
            _ => None,
        };
        match chosen {
            Some(variant) => visitor.visit_enum(variant),
            None => self.scalar()?.deserialize_enum(name, variants, visitor),
        }
    }
}

impl<'a> Bound<'a> {
    fn entry_value(&self) -> Result<Value<'a>, Error> {
        match self.entry() {
            Some((key, entry)) => self.value(key, entry),
            None => self.scalar(),
        }
    }

    /// `MAX_THREADS` for `max-threads`: Spring accepts dashes as underscores in variables, besides leaving them out.
    fn dashed_variable(&self, name: &str) -> Option<(String, &'a Tree)> {
        if !name.contains('-') {
            return None;
        }
        let path = name.split('-').collect::<Vec<_>>().join(".");
        let node = self.node.at(&path)?;
        let sources = self.cx.env.sources();
        let from_variable =
            node.highest(self.only).and_then(|id| sources.get(id)).is_some_and(|source| source.variables);
        from_variable.then_some((path, node))
    }
}

/// Every leaf below a map of texts, under its whole remaining key.
fn leaves<'a>(bound: &Bound<'a>, prefix: &str, out: &mut Vec<(String, Bound<'a>)>) {
    for (name, node) in bound.node.children.iter().filter(|(_, node)| bound.present(node)) {
        let child = bound.child(name, node);
        let key = match (prefix, node.literal.starts_with('[')) {
            ("", true) => bracketed(&node.literal).unwrap_or(&node.literal).to_owned(),
            ("", false) => node.literal.clone(),
            (_, true) => format!("{prefix}{}", node.literal),
            (_, false) => format!("{prefix}.{}", node.literal),
        };
        if child.entry().is_some() {
            out.push((key.clone(), child.clone()));
        }
        leaves(&child, &key, out);
    }
}

struct Children<'a> {
    items: std::vec::IntoIter<Bound<'a>>,
}

impl<'de> SeqAccess<'de> for Children<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        self.items.next().map(|item| seed.deserialize(item)).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

struct Fields<'a> {
    fields: std::vec::IntoIter<(String, Bound<'a>)>,
    next: Option<Bound<'a>>,
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some((key, value)) = self.fields.next() else { return Ok(None) };
        self.next = Some(value);
        seed.deserialize(key_deserializer(key)).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Error> {
        let value =
            self.next.take().ok_or_else(|| <Error as de::Error>::custom("a value without its key"))?;
        let at = value.clone();
        seed.deserialize(value).map_err(|error| at.locate(error))
    }
}

struct Variant<'a> {
    name: &'static str,
    content: Bound<'a>,
}

impl<'de, 'a> EnumAccess<'de> for Variant<'a> {
    type Error = Error;
    type Variant = Bound<'a>;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Bound<'a>), Error> {
        Ok((seed.deserialize(key_deserializer(self.name.to_owned()))?, self.content))
    }
}

impl<'de> VariantAccess<'de> for Bound<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_struct("", fields, visitor)
    }
}
