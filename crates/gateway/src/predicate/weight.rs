//! `Weight=group,weight`: one route of a group is drawn per request, with probability weight / sum.
//!
//! The draw does not look at other conditions: when the drawn route fails one, no other route of the group is taken.

use std::collections::HashMap;
use std::sync::Arc;

use wellspring_pattern::Variables;
use wellspring_properties::Problem;

use super::{Ask, Predicate};
use crate::route::args::Args;
use crate::route::compile::Setup;

/// The weights of all groups of a route set. Routes that could not be compiled count too, as in the original.
#[derive(Debug, Default)]
pub struct Groups {
    names: HashMap<String, usize>,
    groups: Vec<Arc<Group>>,
}

#[derive(Debug, Default, Clone)]
struct Group {
    routes: Vec<(String, u32)>,
    total: u64,
}

#[derive(Debug)]
struct Weight {
    shown: String,
    number: usize,
    place: usize,
    group: Arc<Group>,
}

impl Groups {
    /// Notes a route's weight before the routes are compiled.
    pub fn add(&mut self, group: &str, route: &str, weight: u32) {
        let next = self.groups.len();
        let number = *self.names.entry(group.to_owned()).or_insert(next);
        if number == next {
            self.groups.push(Arc::default());
        }
        if let Some(group) = self.groups.get_mut(number).map(Arc::make_mut) {
            group.routes.push((route.to_owned(), weight));
            group.total += u64::from(weight);
        }
    }
}

pub(super) fn build(args: &Args, setup: &Setup<'_>) -> Result<Box<dyn Predicate>, Problem> {
    let name = args.required("group")?;
    let weight = weight_of(args)?;
    let number = setup.groups.names.get(&name).copied();
    let group = number.and_then(|number| setup.groups.groups.get(number));
    let place = group.and_then(|group| group.routes.iter().position(|(id, _)| id == setup.route));
    match (number, group, place) {
        (Some(number), Some(group), Some(place)) => Ok(Box::new(Weight {
            shown: format!("Weight: {name} {weight}"),
            number,
            place,
            group: Arc::clone(group),
        })),
        _ => Err(args.wrong("group", "belongs to no known group")),
    }
}

/// The weight argument: 0 or more.
pub(crate) fn weight_of(args: &Args) -> Result<u32, Problem> {
    args.required("weight")?;
    u32::try_from(args.integer("weight", 0)?).map_err(|_| args.wrong("weight", "must be 0 or more"))
}

impl Predicate for Weight {
    fn test(&self, ask: &Ask<'_>, _: &mut Variables) -> bool {
        let mut drawn = ask.drawn.borrow_mut();
        if let Some((_, place)) = drawn.iter().find(|(group, _)| *group == self.number) {
            return *place == self.place;
        }
        let Some(place) = self.group.draw(fastrand::u64(..)) else { return false };
        drawn.push((self.number, place));
        place == self.place
    }

    fn describe(&self) -> String {
        self.shown.clone()
    }
}

impl Group {
    /// The route that `dice` falls on; `None` when all weights are 0.
    fn draw(&self, dice: u64) -> Option<usize> {
        let mut rest = dice.checked_rem(self.total)?;
        self.routes.iter().position(|(_, weight)| {
            let weight = u64::from(*weight);
            let hit = rest < weight;
            rest = rest.saturating_sub(weight);
            hit
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Groups;

    #[test]
    fn routes_are_drawn_by_weight() {
        let mut groups = Groups::default();
        for (route, weight) in [("a", 3), ("b", 0), ("c", 1)] {
            groups.add("g", route, weight);
        }
        let drawn: Vec<_> = (0..8).map(|dice| groups.groups[0].draw(dice).unwrap()).collect();
        assert_eq!(drawn, [0, 0, 0, 2, 0, 0, 0, 2]);
    }

    #[test]
    fn nobody_is_drawn_when_all_weigh_nothing() {
        let mut groups = Groups::default();
        groups.add("g", "a", 0);
        assert_eq!(groups.groups[0].draw(7), None);
    }

    #[test]
    fn a_hundred_thousand_draws_are_within_one_percent() {
        let mut groups = Groups::default();
        for (route, weight) in [("a", 95), ("b", 5)] {
            groups.add("g", route, weight);
        }
        let mut random = fastrand::Rng::with_seed(7);
        let hits = (0..100_000).filter(|_| groups.groups[0].draw(random.u64(..)) == Some(1)).count();
        assert!((4_500..5_500).contains(&hits), "{hits}");
    }
}
