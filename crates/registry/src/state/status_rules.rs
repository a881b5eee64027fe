//! Which status counts: the instance's own, an override, or that of the lease it already had. First match wins.

use wellspring_wire::eureka::Status;

/// `own` is what the instance says, `overridden` what was set from outside, `existing` the status of the lease before.
pub(super) fn effective(
    own: Status,
    overridden: Option<Status>,
    existing: Option<Status>,
    replicated: bool,
) -> Status {
    // Who says DOWN, STARTING or UNKNOWN of itself is believed.
    if !matches!(own, Status::Up | Status::OutOfService) {
        return own;
    }
    if let Some(status) = overridden {
        return status;
    }
    match existing {
        // So a client cannot move itself between UP and OUT_OF_SERVICE by registering.
        Some(status @ (Status::Up | Status::OutOfService)) if !replicated => status,
        _ => own,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Status::{Down, OutOfService, Starting, Unknown, Up};

    #[test]
    fn the_first_matching_rule_decides() {
        for (own, overridden, existing, replicated, expected) in [
            (Down, Some(OutOfService), Some(Up), false, Down),
            (Starting, Some(Up), None, true, Starting),
            (Unknown, Some(Up), None, false, Unknown),
            (Up, Some(OutOfService), Some(Up), false, OutOfService),
            (Up, Some(Unknown), Some(Up), false, Unknown),
            (OutOfService, None, Some(Up), false, Up),
            (Up, None, Some(OutOfService), false, OutOfService),
            (Up, None, Some(OutOfService), true, Up),
            (Up, None, Some(Down), false, Up),
            (Up, None, Some(Unknown), false, Up),
            (OutOfService, None, None, false, OutOfService),
        ] {
            assert_eq!(effective(own, overridden, existing, replicated), expected);
        }
    }
}
