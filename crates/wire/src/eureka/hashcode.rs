//! The hash code by which a client knows whether its copy is whole: instances counted by status.

use std::fmt;

use super::{InstanceInfo, Status};

/// Instances by status, kept up to date by whoever adds and removes them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StatusCounts {
    down: usize,
    out_of_service: usize,
    starting: usize,
    unknown: usize,
    up: usize,
}

impl StatusCounts {
    pub fn of<'a>(instances: impl IntoIterator<Item = &'a InstanceInfo>) -> Self {
        let mut counts = Self::default();
        for instance in instances {
            counts.add(instance.status);
        }
        counts
    }

    pub fn add(&mut self, status: Status) {
        let count = self.slot(status);
        *count = count.saturating_add(1);
    }

    pub fn remove(&mut self, status: Status) {
        let count = self.slot(status);
        *count = count.saturating_sub(1);
    }

    pub fn get(&self, status: Status) -> usize {
        match status {
            Status::Down => self.down,
            Status::OutOfService => self.out_of_service,
            Status::Starting => self.starting,
            Status::Unknown => self.unknown,
            Status::Up => self.up,
        }
    }

    fn slot(&mut self, status: Status) -> &mut usize {
        match status {
            Status::Down => &mut self.down,
            Status::OutOfService => &mut self.out_of_service,
            Status::Starting => &mut self.starting,
            Status::Unknown => &mut self.unknown,
            Status::Up => &mut self.up,
        }
    }
}

impl fmt::Display for StatusCounts {
    /// `DOWN_1_UP_2_`, in alphabetical order, zero counts left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Status::ALL
            .into_iter()
            .map(|status| (status, self.get(status)))
            .filter(|(_, count)| *count > 0)
            .try_for_each(|(status, count)| write!(f, "{status}_{count}_"))
    }
}

/// The hash code of these instances; of none it is the empty text.
pub fn hashcode<'a>(instances: impl IntoIterator<Item = &'a InstanceInfo>) -> String {
    StatusCounts::of(instances).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_counted_in_alphabetical_order() {
        let mut counts = StatusCounts::default();
        assert_eq!(counts.to_string(), "");
        for status in [Status::Up, Status::Starting, Status::Down, Status::Up] {
            counts.add(status);
        }
        assert_eq!(counts.to_string(), "DOWN_1_STARTING_1_UP_2_");
        counts.remove(Status::Down);
        assert_eq!(counts.to_string(), "STARTING_1_UP_2_");
    }
}
