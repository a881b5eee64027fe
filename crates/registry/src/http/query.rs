//! Query parameters, form-decoded; of a repeated one the first counts.

use std::borrow::Cow;

use wellspring_wire::Millis;

#[derive(Debug, Clone, Copy)]
pub(super) struct Query<'a>(pub(super) &'a str);

impl<'a> Query<'a> {
    pub(super) fn pairs(self) -> impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)> {
        url::form_urlencoded::parse(self.0.as_bytes())
    }

    pub(super) fn get(self, name: &str) -> Option<Cow<'a, str>> {
        self.pairs().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// `lastDirtyTimestamp`; an error when it is there and no number.
    pub(super) fn stamp(self) -> Result<Option<Millis>, std::num::ParseIntError> {
        self.get("lastDirtyTimestamp").map(|text| text.parse().map(Millis)).transpose()
    }
}
