//! One value as a type: numbers, booleans, words, texts, comma lists.

use std::str::FromStr;

use serde::de::value::{StrDeserializer, StringDeserializer};
use serde::de::{self, Deserializer, IntoDeserializer, SeqAccess, Visitor};

use super::Context;
use super::error::{Error, Signal};
use crate::relaxed::canonical_element;
use crate::{Origin, Problem, Scalar, codes, problem};

/// A text with all it takes to complain about it.
pub(super) struct Value<'a> {
    pub(super) cx: &'a Context<'a>,
    /// Canonical path, for signals.
    pub(super) path: String,
    /// The key as its source spells it.
    pub(super) key: String,
    /// Placeholders are resolved.
    pub(super) text: String,
    /// The value's own type, when it is not text.
    pub(super) typed: Option<&'a Scalar>,
    pub(super) origin: Option<Origin>,
}

impl Value<'_> {
    fn mismatch(&self, wanted: &str) -> Error {
        if self.text.trim().is_empty() && !self.cx.absent.contains(&self.path) {
            return Error::signal(Signal::Absent(self.path.clone()));
        }
        if self.text.contains("${") {
            let problem = Problem::new(
                codes::PLACEHOLDER,
                format!("could not resolve the placeholder in {}", self.key),
            );
            return Error::located(
                problem
                    .at(self.origin.clone())
                    .found(&*self.text)
                    .hint("${key:default}, or a value for the key"),
            );
        }
        let problem = Problem::new(codes::TYPE_MISMATCH, format!("{} wants {wanted}", self.key));
        Error::located(problem.at(self.origin.clone()).found(self.shown()))
    }

    /// The text as it may be shown.
    fn shown(&self) -> &str {
        if is_secret(&self.key) { problem::MASK } else { &self.text }
    }

    /// Names key and place in a complaint that came from the type itself.
    fn locate(&self, mut error: Error) -> Error {
        if !error.located {
            if self.text.is_empty() && !self.cx.absent.contains(&self.path) {
                return Error::signal(Signal::Absent(self.path.clone()));
            }
            error.located = true;
            error.problem.message = format!("{}: {}", self.key, error.problem.message);
            error.problem.place = self.origin.clone();
            error.problem.found = Some(self.shown().to_owned());
        }
        error
    }

    fn number<T: FromStr + Bounds>(&self) -> Result<T, Error> {
        let text: String = self.text.chars().filter(|c| !c.is_whitespace()).collect();
        let unsigned = text.strip_prefix('-').unwrap_or(&text);
        let hex = unsigned
            .strip_prefix("0x")
            .or_else(|| unsigned.strip_prefix("0X"))
            .or_else(|| unsigned.strip_prefix('#'));
        let decimal = match hex.map(|digits| i128::from_str_radix(digits, 16)) {
            Some(Ok(value)) if text.starts_with('-') => (-value).to_string(),
            Some(Ok(value)) => value.to_string(),
            Some(Err(_)) | None => text,
        };
        decimal.parse().map_err(|_| self.mismatch(&T::wanted()))
    }

    fn boolean(&self) -> Result<bool, Error> {
        match self.text.trim().to_ascii_lowercase().as_str() {
            "true" | "on" | "yes" | "1" => Ok(true),
            "false" | "off" | "no" | "0" => Ok(false),
            _ => Err(self.mismatch("true or false")),
        }
    }
}

/// Whether a key holds something that no report may repeat.
fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["password", "secret", "token", "credential", "private", "encrypt"].iter().any(|word| key.contains(word))
        || key.ends_with("key")
}

/// What a number type accepts, in words.
trait Bounds {
    fn wanted() -> String;
}

macro_rules! numbers {
    ($($type:ident $method:ident $visit:ident;)*) => {
        $(impl Bounds for $type {
            fn wanted() -> String {
                format!("a whole number from {} to {}", $type::MIN, $type::MAX)
            }
        })*
    };
}

numbers! { i8 a b; i16 a b; i32 a b; i64 a b; i128 a b; u8 a b; u16 a b; u32 a b; u64 a b; u128 a b; }

impl Bounds for f32 {
    fn wanted() -> String {
        "a number".to_owned()
    }
}

impl Bounds for f64 {
    fn wanted() -> String {
        "a number".to_owned()
    }
}

macro_rules! deserialize_numbers {
    ($($method:ident $visit:ident $type:ident,)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            let number = self.number::<$type>()?;
            visitor.$visit(number).map_err(|error| self.locate(error))
        })*
    };
}

impl<'de> Deserializer<'de> for Value<'_> {
    type Error = Error;

    deserialize_numbers! {
        deserialize_i8 visit_i8 i8, deserialize_i16 visit_i16 i16, deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64, deserialize_i128 visit_i128 i128, deserialize_u8 visit_u8 u8,
        deserialize_u16 visit_u16 u16, deserialize_u32 visit_u32 u32, deserialize_u64 visit_u64 u64,
        deserialize_u128 visit_u128 u128, deserialize_f32 visit_f32 f32, deserialize_f64 visit_f64 f64,
    }

    plain_shapes! {}

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let visited = match self.typed {
            Some(Scalar::Bool(value)) => visitor.visit_bool(*value),
            Some(Scalar::Int(value)) => visitor.visit_i64(*value),
            Some(Scalar::Float(value)) => visitor.visit_f64(*value),
            Some(Scalar::Null | Scalar::BigInt(_) | Scalar::Text(_) | Scalar::Binary(_)) | None => {
                visitor.visit_str(&self.text)
            }
        };
        visited.map_err(|error| self.locate(error))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let value = self.boolean()?;
        visitor.visit_bool(value).map_err(|error| self.locate(error))
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let mut chars = self.text.chars();
        match (chars.next(), chars.next()) {
            (Some(c), None) => visitor.visit_char(c).map_err(|error| self.locate(error)),
            _ => Err(self.mismatch("one character")),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str(&self.text).map_err(|error| self.locate(error))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.typed {
            Some(Scalar::Binary(bytes)) => visitor.visit_bytes(bytes),
            _ => visitor.visit_bytes(self.text.as_bytes()),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.cx.absent.contains(&self.path) { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let items: Vec<String> = match self.text.trim() {
            "" => Vec::new(),
            text => text.split(',').map(|item| item.trim().to_owned()).collect(),
        };
        visitor.visit_seq(Items { list: &self, items: items.into_iter() })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.text.trim().is_empty() {
            return visitor
                .visit_map(de::value::MapDeserializer::<_, Error>::new(
                    std::iter::empty::<(String, String)>(),
                ));
        }
        let problem =
            Problem::new(codes::WRONG_SHAPE, format!("{} is a group of settings, not one value", self.key));
        Err(Error::located(
            problem.at(self.origin.clone()).found(&*self.text).hint("the settings, indented below the name"),
        ))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let wanted = canonical_element(self.text.trim());
        match variants.iter().find(|variant| canonical_element(variant) == wanted) {
            Some(variant) => {
                let variant: StrDeserializer<'_, Error> = (*variant).into_deserializer();
                visitor.visit_enum(variant).map_err(|error| self.locate(error))
            }
            None => Err(self.mismatch(&format!("one of {}", variants.join(", ")))),
        }
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }
}

/// The items of a comma list.
struct Items<'a, 'v> {
    list: &'v Value<'a>,
    items: std::vec::IntoIter<String>,
}

impl<'de> SeqAccess<'de> for Items<'_, '_> {
    type Error = Error;

    fn next_element_seed<T: de::DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some(text) = self.items.next() else { return Ok(None) };
        let (cx, origin) = (self.list.cx, self.list.origin.clone());
        // An empty item has no default to fall back to: its path is one that nothing can mark as absent twice.
        let item = Value {
            cx,
            path: format!("{}\0", self.list.path),
            key: self.list.key.clone(),
            text,
            typed: None,
            origin,
        };
        seed.deserialize(item).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

/// A map's key: a text that may also be a number or a word.
pub(super) fn key_deserializer(text: String) -> StringDeserializer<Error> {
    text.into_deserializer()
}
