//! Reads applications and lists of them, with a single object where an older server had one element.

use std::fmt;
use std::sync::Arc;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::instance::Read;
use super::scalar::Scalar;
use super::without_mark;
use crate::eureka::{Application, Applications, DecodeError, InstanceInfo, Listed};

/// Reads `{"applications":{…}}`.
pub fn read_applications(body: &[u8]) -> Result<Applications, DecodeError> {
    let (version, hashcode, read) = read_list::<ApplicationRead>(body)?;
    Ok(Applications { version, hashcode, applications: read.into_iter().map(|read| read.0).collect() })
}

/// Reads `{"applications":{…}}` for somebody who keeps little of each instance: what is not kept is gone before the next
/// one is read.
pub fn read_listed<T: From<InstanceInfo>>(body: &[u8]) -> Result<Listed<T>, DecodeError> {
    let (version, hashcode, read) = read_list::<Kept<T>>(body)?;
    let instances =
        read.into_iter().flat_map(|application| application.instance.0).map(|one| one.0).collect();
    Ok(Listed { version, hashcode, instances })
}

#[derive(serde::Deserialize)]
#[serde(bound(deserialize = "A: Deserialize<'de>"))]
struct Root<'a, A> {
    #[serde(borrow)]
    applications: Fields<'a, A>,
}

#[derive(serde::Deserialize)]
#[serde(bound(deserialize = "A: Deserialize<'de>"))]
struct Fields<'a, A> {
    #[serde(borrow, default, rename = "versions__delta")]
    version: Option<Scalar<'a>>,
    #[serde(borrow, default, rename = "apps__hashcode")]
    hashcode: Option<Scalar<'a>>,
    #[serde(default)]
    application: Many<A>,
}

/// Version, hash code, applications.
fn read_list<'a, A: Deserialize<'a>>(body: &'a [u8]) -> Result<(i64, String, Vec<A>), DecodeError> {
    let fields = serde_json::from_slice::<Root<'a, A>>(without_mark(body))?.applications;
    let version = match fields.version {
        Some(version) => version.number::<i64, serde_json::Error>("versions__delta")?.unwrap_or(1),
        None => 1,
    };
    Ok((version, fields.hashcode.and_then(Scalar::text).unwrap_or_default(), fields.application.0))
}

/// An application of which only its instances are kept, and of these what `T` takes.
#[derive(serde::Deserialize)]
#[serde(bound(deserialize = "T: From<InstanceInfo>"))]
struct Kept<T> {
    #[serde(rename = "name")]
    _name: IgnoredAny,
    #[serde(default)]
    instance: Many<Taken<T>>,
}

struct Taken<T>(T);

impl<'de, T: From<InstanceInfo>> Deserialize<'de> for Taken<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Read::deserialize(deserializer).map(|read| Self(read.0.into()))
    }
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
