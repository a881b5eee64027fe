//! Where an instance runs: `MyOwn` for everybody outside Amazon.
//!
//! On the wire it names a Java class; only the two below exist, a third one is a body that cannot be read.

use super::Metadata;

pub(super) const DEFAULT_CLASS: &str = "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo";
pub(super) const MY_CLASS: &str = "com.netflix.appinfo.MyDataCenterInfo";
pub(super) const AMAZON_CLASS: &str = "com.netflix.appinfo.AmazonInfo";

/// The keys of Amazon's metadata that the compact form keeps.
pub(super) const COMPACT_KEYS: [&str; 2] = ["instance-id", "availability-zone"];

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataCenterInfo {
    /// Absent only in what a client sent; a registry refuses it.
    pub name: Option<DataCenterName>,
    /// Present when the class is AmazonInfo.
    pub amazon: Option<Metadata>,
}

impl DataCenterInfo {
    pub fn my_own() -> Self {
        Self { name: Some(DataCenterName::MyOwn), amazon: None }
    }

    /// The id that the data centre gave the instance.
    pub fn instance_id(&self) -> Option<&str> {
        self.amazon.as_ref()?.get("instance-id").map(String::as_str).filter(|id| !id.is_empty())
    }

    pub(super) fn class(&self) -> &'static str {
        if self.amazon.is_some() { AMAZON_CLASS } else { DEFAULT_CLASS }
    }
}

impl Default for DataCenterInfo {
    fn default() -> Self {
        Self::my_own()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataCenterName {
    Netflix,
    Amazon,
    MyOwn,
}

impl DataCenterName {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Netflix => "Netflix",
            Self::Amazon => "Amazon",
            Self::MyOwn => "MyOwn",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Netflix, Self::Amazon, Self::MyOwn].into_iter().find(|known| known.as_str() == name)
    }
}
