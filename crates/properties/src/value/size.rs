//! Data sizes: `10MB`, `512KB`, bare numbers are bytes; KB is 1,024 bytes.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};

use crate::{Problem, codes};

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DataSize(pub u64);

impl DataSize {
    /// Reads a size.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let bad = || {
            Problem::new(codes::BAD_DATA_SIZE, "not a data size")
                .found(text)
                .hint("a number with B, KB, MB, GB or TB, such as 10MB")
        };
        let trimmed = text.trim();
        let trimmed = trimmed.strip_prefix('+').unwrap_or(trimmed);
        let end = trimmed.find(|c: char| !c.is_ascii_digit()).unwrap_or(trimmed.len());
        let (digits, unit) = trimmed.split_at_checked(end).ok_or_else(bad)?;
        let shift = match unit {
            "" | "B" => 0,
            "KB" => 10,
            "MB" => 20,
            "GB" => 30,
            "TB" => 40,
            _ => return Err(bad()),
        };
        let amount = digits.parse::<u64>().map_err(|_| bad())?;
        amount.checked_mul(1 << shift).map(Self).ok_or_else(bad)
    }

    /// The number of bytes.
    pub fn bytes(self) -> u64 {
        self.0
    }
}

impl<'de> Deserialize<'de> for DataSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Size)
    }
}

struct Size;

impl Visitor<'_> for Size {
    type Value = DataSize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a data size such as 10MB")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<DataSize, E> {
        DataSize::parse(text).map_err(|problem| E::custom(crate::bind::carried(&problem)))
    }

    fn visit_u64<E: de::Error>(self, amount: u64) -> Result<DataSize, E> {
        Ok(DataSize(amount))
    }
}

/// serde `with`: a size in bytes as `u64`.
pub mod data_size {
    use serde::{Deserialize, Deserializer};

    /// For `#[serde(with = "…")]`.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        super::DataSize::deserialize(deserializer).map(super::DataSize::bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::DataSize;

    #[test]
    fn sizes_read_as_in_spring() {
        for (text, bytes) in [
            ("10", 10),
            ("1B", 1),
            ("2KB", 2048),
            ("10MB", 10 << 20),
            ("1GB", 1 << 30),
            ("1TB", 1 << 40),
            (" 1KB ", 1024),
        ] {
            assert_eq!(DataSize::parse(text).unwrap(), DataSize(bytes), "{text}");
        }
        for text in ["", "MB", "1kb", "1.5MB", "-1KB", "99999999999TB", "1 KB"] {
            assert_eq!(DataSize::parse(text).unwrap_err().code, "WS-1207", "{text}");
        }
    }
}
