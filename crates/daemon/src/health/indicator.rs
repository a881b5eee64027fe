//! One thing's health: a status, and what explains it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use futures_util::future::BoxFuture;
use indexmap::IndexMap;
use serde_json::Value;

/// `UP`, `DOWN`, `OUT_OF_SERVICE`, `UNKNOWN`, or a daemon's own word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status(Cow<'static, str>);

impl Status {
    pub const UP: Self = Self(Cow::Borrowed("UP"));
    pub const DOWN: Self = Self(Cow::Borrowed("DOWN"));
    pub const OUT_OF_SERVICE: Self = Self(Cow::Borrowed("OUT_OF_SERVICE"));
    pub const UNKNOWN: Self = Self(Cow::Borrowed("UNKNOWN"));

    /// As users write it: `fatal`, `out-of-service` and `OUT_OF_SERVICE` are upper-cased with underscores.
    pub fn parse(text: &str) -> Self {
        Self(Cow::Owned(text.trim().to_uppercase().replace('-', "_")))
    }

    /// The order of severity when nothing else is configured.
    pub fn default_order() -> [Self; 4] {
        [Self::DOWN, Self::OUT_OF_SERVICE, Self::UP, Self::UNKNOWN]
    }

    /// The first of `order` that occurs; a status that is not in the order does not count.
    pub(crate) fn sum<'a>(present: impl Iterator<Item = &'a Self>, order: &[Self]) -> Self {
        let rank = |status: &Self| order.iter().position(|known| known == status);
        present.filter_map(rank).min().and_then(|best| order.get(best)).cloned().unwrap_or(Self::UNKNOWN)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an indicator answers.
#[derive(Clone, Debug)]
pub struct Component {
    pub status: Status,
    pub description: Option<String>,
    pub details: Option<IndexMap<String, Value>>,
    pub components: Option<BTreeMap<String, Self>>,
}

impl Component {
    pub fn new(status: Status) -> Self {
        Self { status, description: None, details: None, components: None }
    }

    pub fn up() -> Self {
        Self::new(Status::UP)
    }

    pub fn down() -> Self {
        Self::new(Status::DOWN)
    }

    /// One entry of `details`. No secrets: health may be shown to anybody.
    #[must_use]
    pub fn detail(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.details.get_or_insert_default().insert(name.into(), value.into());
        self
    }

    #[must_use]
    pub fn describe(mut self, text: impl Into<String>) -> Self {
        self.description = Some(text.into());
        self
    }

    /// A composite: its status is the sum of its children's.
    pub fn composite(children: impl IntoIterator<Item = (String, Self)>) -> Self {
        let children: BTreeMap<_, _> = children.into_iter().collect();
        let status = Status::sum(children.values().map(|child| &child.status), &Status::default_order());
        Self { components: Some(children), ..Self::new(status) }
    }
}

/// Something whose health can be asked. Asked at every look: answer from state, not by slow calls.
pub trait Indicator: Send + Sync + 'static {
    fn check(&self) -> BoxFuture<'_, Component>;
}

impl<F, Fut> Indicator for F
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Component> + Send + 'static,
{
    fn check(&self) -> BoxFuture<'_, Component> {
        Box::pin(self())
    }
}
