//! Resilience4j's patterns as tower layers over state without I/O.
