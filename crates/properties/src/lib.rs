//! Spring's Environment: ordered property sources, profiles, placeholders, relaxed binding.
