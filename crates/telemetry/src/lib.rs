//! Logs, metrics and traces with the names that Spring Boot's tools expect.
