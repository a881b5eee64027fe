//! A JSON scalar as its text, whatever its type.

use std::borrow::Cow;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error};
use serde_json::value::RawValue;

use crate::Millis;

/// Text, number or boolean as written; `null` is absent; an object or array is refused.
pub(super) struct Scalar<'a>(Option<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?.get();
        match raw.as_bytes().first() {
            Some(b'"') => {
                let plain = raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"'));
                match plain.filter(|plain| !plain.contains('\\')) {
                    Some(plain) => Ok(Self(Some(Cow::Borrowed(plain)))),
                    None => serde_json::from_str(raw)
                        .map(|text| Self(Some(Cow::Owned(text))))
                        .map_err(Error::custom),
                }
            }
            Some(b'{' | b'[') => Err(Error::custom("expected a text, a number or a boolean")),
            _ if raw == "null" => Ok(Self(None)),
            _ => Ok(Self(Some(Cow::Borrowed(raw)))),
        }
    }
}

impl Scalar<'_> {
    pub(super) fn text(self) -> Option<String> {
        self.0.map(Cow::into_owned)
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// A number, also in quotes; `null` is absent.
    pub(super) fn number<T: FromStr, E: Error>(&self, field: &str) -> Result<Option<T>, E> {
        let Some(text) = self.as_text() else { return Ok(None) };
        text.trim()
            .parse()
            .map(Some)
            .map_err(|_| E::custom(format_args!("{field}: expected a whole number, found {text:?}")))
    }

    pub(super) fn millis<E: Error>(&self, field: &str) -> Result<Option<Millis>, E> {
        Ok(self.number(field)?.map(Millis))
    }

    /// `true` in whatever type; everything else is false, as the original reads it.
    pub(super) fn boolean(&self) -> Option<bool> {
        self.as_text().map(|text| text.trim().eq_ignore_ascii_case("true"))
    }
}
