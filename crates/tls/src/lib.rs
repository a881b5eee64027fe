//! TLS identities, trust and bundles for servers and clients.
