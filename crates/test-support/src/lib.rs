//! What tests start and speak to.
