//! Reads applications and lists of them, with a single object where an older server had one element.

use std::fmt;
use std::sync::Arc;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::instance::Read;
use super::scalar::Scalar;
use super::without_mark;
use crate::eureka::{Application, Applications, DecodeError};

/// Reads `{"applications":{…}}`.
pub fn read_applications(body: &[u8]) -> Result<Applications, DecodeError> {
    #[derive(serde::Deserialize)]
    struct Root<'a> {
        #[serde(borrow)]
        applications: Fields<'a>,
    }
    #[derive(serde::Deserialize)]
    struct Fields<'a> {
        #[serde(borrow, default, rename = "versions__delta")]
        version: Option<Scalar<'a>>,
        #[serde(borrow, default, rename = "apps__hashcode")]
        hashcode: Option<Scalar<'a>>,
        #[serde(default)]
        application: Many<ApplicationRead>,
    }
    let fields = serde_json::from_slice::<Root<'_>>(without_mark(body))?.applications;
    let version = match fields.version {
        Some(version) => version.number::<i64, serde_json::Error>("versions__delta")?.unwrap_or(1),
        None => 1,
    };
    Ok(Applications {
        version,
        hashcode: fields.hashcode.and_then(Scalar::text).unwrap_or_default(),
        applications: fields.application.0.into_iter().map(|read| read.0).collect(),
    })
}

/// Reads `{"application":{…}}`.
pub fn read_application(body: &[u8]) -> Result<Application, DecodeError> {
    #[derive(serde::Deserialize)]
    struct Root {
        application: ApplicationRead,
    }
    Ok(serde_json::from_slice::<Root>(without_mark(body))?.application.0)
}

struct ApplicationRead(Application);

impl<'de> Deserialize<'de> for ApplicationRead {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        struct Fields<'a> {
            #[serde(borrow)]
            name: Scalar<'a>,
            #[serde(default)]
            instance: Many<Read>,
        }
        let fields = Fields::deserialize(deserializer)?;
        Ok(Self(Application {
            name: fields.name.text().unwrap_or_default().to_uppercase(),
            instances: fields.instance.0.into_iter().map(|read| Arc::new(read.0)).collect(),
        }))
    }
}

/// A list, one bare element, or `null` for none.
struct Many<T>(Vec<T>);

impl<T> Default for Many<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Many<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ManyVisitor<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for ManyVisitor<T> {
            type Value = Many<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list or a single element")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Many<T>, A::Error> {
                let mut elements = Vec::new();
                while let Some(element) = seq.next_element()? {
                    elements.push(element);
                }
                Ok(Many(elements))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Many<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(|element| Many(vec![element]))
            }

            fn visit_unit<E>(self) -> Result<Many<T>, E> {
                Ok(Many(Vec::new()))
            }
        }
        deserializer.deserialize_any(ManyVisitor(std::marker::PhantomData))
    }
}
