//! A gateway that reads Spring Cloud Gateway's routes.
