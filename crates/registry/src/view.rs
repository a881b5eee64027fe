//! What can be listed, and how it is written.

use wellspring_wire::eureka::{Application, Applications, Form, InstanceInfo, json, xml};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    Json,
    Xml,
}

impl Format {
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Xml => "application/xml",
        }
    }

    pub fn instance(self, instance: &InstanceInfo) -> Vec<u8> {
        let mut out = Vec::with_capacity(2048);
        match self {
            Self::Json => json::write_instance(instance, &mut out),
            Self::Xml => xml::write_instance(instance, &mut out),
        }
        out
    }

    pub fn application(self, application: &Application, form: Form) -> Vec<u8> {
        let mut out = Vec::with_capacity(2048 * (application.instances.len() + 1));
        match self {
            Self::Json => json::write_application(application, form, &mut out),
            Self::Xml => xml::write_application(application, form, &mut out),
        }
        out
    }

    pub fn applications(self, applications: &Applications, form: Form) -> Vec<u8> {
        let mut out = Vec::with_capacity(1536 * (applications.instances().count() + 1));
        match self {
            Self::Json => json::write_applications(applications, form, &mut out),
            Self::Xml => xml::write_applications(applications, form, &mut out),
        }
        out.shrink_to_fit();
        out
    }
}

/// A list that many ask for again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Whole {
    Apps,
    Delta,
}

/// A list by name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Part {
    /// An application, upper case.
    App(String),
    Vip(String),
    SecureVip(String),
}
