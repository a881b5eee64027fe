//! Which status we report: what was set, or what the application's health says.

use std::sync::Arc;

use wellspring_wire::eureka::Status;

/// Says the status to report; asked before each registration and every 30 s.
pub type HealthHandler = Arc<dyn Fn() -> Status + Send + Sync>;

/// A health status of the actuator as Eureka's.
pub fn of_health(health: &str) -> Status {
    match health {
        "UP" => Status::Up,
        "DOWN" | "OUT_OF_SERVICE" => Status::Down,
        _ => Status::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn out_of_service_health_is_down() {
        assert_eq!(of_health("OUT_OF_SERVICE"), Status::Down);
        assert_eq!(of_health("UP"), Status::Up);
        assert_eq!(of_health("WARNING"), Status::Unknown);
    }
}
