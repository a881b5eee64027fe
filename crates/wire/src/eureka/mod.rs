//! Eureka's data model and its JSON and XML codecs, both directions, full and compact.
