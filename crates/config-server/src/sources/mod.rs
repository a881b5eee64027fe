//! From files to property sources: which files, in what order, and what is in them.

pub(crate) mod disk;
pub(crate) mod documents;
pub(crate) mod files;
pub(crate) mod overrides;
pub(crate) mod search;
pub(crate) mod xml;
