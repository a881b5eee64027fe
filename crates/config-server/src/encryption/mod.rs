//! `{cipher}` values: keys, ciphers and what is done with values that cannot be decrypted.

pub(crate) mod values;
