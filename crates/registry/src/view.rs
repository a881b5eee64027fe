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

/// Where a list is put together: what stands before, between and behind its applications.
impl Format {
    pub fn list_start(self, list: &Applications, form: Form, out: &mut Vec<u8>) {
        match self {
            Self::Json => json::write_list_start(list, form, out),
            Self::Xml => xml::write_list_start(list, form, out),
        }
    }

    pub fn separator(self) -> &'static [u8] {
        match self {
            Self::Json => b",",
            Self::Xml => b"",
        }
    }

    pub fn list_element(self, application: &Application, form: Form, out: &mut Vec<u8>) {
        match self {
            Self::Json => json::write_list_element(application, form, out),
            Self::Xml => xml::write_list_element(application, form, out),
        }
    }

    pub fn list_end(self, list: &Applications, form: Form, out: &mut Vec<u8>) {
        match self {
            Self::Json => json::write_list_end(list, form, out),
            Self::Xml => xml::write_list_end(list, form, out),
        }
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
