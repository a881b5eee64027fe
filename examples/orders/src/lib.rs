//! An example service: calls inventory by name.
