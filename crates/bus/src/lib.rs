//! Spring Cloud Bus: remote application events over a transport.
