//! The flat forms: all sources merged into one map, unflattened, and written as YAML, properties or JSON.

pub(crate) mod json;
pub(crate) mod merge;
pub(crate) mod placeholders;
pub(crate) mod properties;
pub(crate) mod tree;
pub(crate) mod yaml;
mod yaml_scalar;
