//! The XML form: the default of requests without an Accept header.
//!
//! Written pretty-printed as the original's writer does, compact on one line. Read into a small tree first, which bounds
//! depth and refuses document types: no entity of the sender's making is ever expanded.

mod name;
mod read;
mod tree;
mod write;

pub use read::{read_application, read_applications, read_instance};
pub use write::{
    write_application, write_applications, write_instance, write_instance_at, write_list_element,
    write_list_end, write_list_start, write_text,
};

#[cfg(test)]
mod tests;
