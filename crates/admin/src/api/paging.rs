//! Lists: `limit`, `cursor` and `q` in, `items` and `next` out.

use std::collections::HashMap;

use super::refusal::Refusal;

const DEFAULT: usize = 100;
const MOST: usize = 1000;

/// The query of a request.
pub(super) type Query = axum::extract::Query<HashMap<String, String>>;

/// `limit`, 100 without one, at most 1000.
pub(super) fn limit(query: &Query) -> Result<usize, Refusal> {
    let limit = query.get("limit").map_or(Ok(DEFAULT), |text| text.parse());
    let limit = limit.ok().filter(|limit| (1..=MOST).contains(limit));
    limit.ok_or_else(|| Refusal::parameter("limit", "a number from 1 to 1000"))
}

/// A parameter that is not empty.
pub(super) fn text<'q>(query: &'q Query, name: &str) -> Option<&'q str> {
    query.get(name).map(String::as_str).filter(|text| !text.is_empty())
}
