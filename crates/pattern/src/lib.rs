//! Spring's matching: path patterns, Ant patterns, star patterns, URI templates.
