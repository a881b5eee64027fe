//! The JSON form: what the original writes, key for key; read leniently, in any order.
//!
//! Clients of three generations disagree on what is a number, a text or a boolean, and write `null` for what others
//! leave out. Reading takes all of it and refuses only what has no meaning.

mod batch;
mod instance;
mod list;
mod scalar;
mod write;

pub use batch::{read_batch, read_batch_response};
pub use list::{read_application, read_applications, read_listed};
pub use write::{
    write_application, write_applications, write_bare_instance, write_batch, write_batch_response,
    write_instance, write_list_element, write_list_end, write_list_start, write_text,
};

use super::{DecodeError, InstanceInfo};

/// Reads `{"instance":{…}}`.
pub fn read_instance(body: &[u8]) -> Result<InstanceInfo, DecodeError> {
    #[derive(serde::Deserialize)]
    struct Root {
        instance: instance::Read,
    }
    let root: Root = serde_json::from_slice(without_mark(body))?;
    Ok(root.instance.0)
}

/// Reads `{…}`: an instance without the wrapping key, as in answers to a batch and in events.
pub fn read_bare_instance(body: &[u8]) -> Result<InstanceInfo, DecodeError> {
    let instance: instance::Read = serde_json::from_slice(without_mark(body))?;
    Ok(instance.0)
}

/// Some clients begin with a byte order mark.
fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

#[cfg(test)]
mod tests;
