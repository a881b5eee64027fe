//! The filters of one route in their order, and how a request passes them.
//!
//! Runs of edits are plain calls; only an `Around` costs a boxed future. The answer passes the edits in reverse, unless
//! a filter gave it: the original has sent such an answer by then.

use wellspring_properties::Origin;

use crate::error::Error;
use crate::exchange::Exchange;
use crate::filter::{Around, Built, Edit, Halt};
use crate::proxy::Proxy;
use crate::reply::Reply;

/// A filter with its place.
#[derive(Debug)]
pub struct Placed {
    pub order: i32,
    /// As the actuator shows it.
    pub shown: String,
    /// The kind's name.
    pub name: &'static str,
    /// Where it is written; built-in ones are not.
    pub origin: Option<Origin>,
    pub built: Built,
}

impl Placed {
    pub(crate) fn global(order: i32, name: &'static str, built: Built) -> Self {
        Self { order, shown: String::new(), name, origin: None, built }
    }
}

/// A compiled chain.
#[derive(Debug, Default)]
pub struct Chain {
    steps: Vec<Step>,
    shown: Vec<(String, i32)>,
}

#[derive(Debug)]
struct Step {
    name: &'static str,
    /// Place in `shown`; built-in steps are not shown.
    shown: Option<usize>,
    origin: Option<Origin>,
    action: Action,
}

/// A step for whoever looks.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    pub name: &'static str,
    /// With its arguments.
    pub text: Option<&'a str>,
    pub origin: Option<&'a Origin>,
    /// `None` for those that wrap the rest.
    pub edit: Option<&'a dyn Edit>,
}

#[derive(Debug)]
enum Action {
    Edit(Box<dyn Edit>),
    Around(Box<dyn Around>),
}

impl Chain {
    /// Sorts by order; at the same order the one given first stays first.
    #[must_use]
    pub fn new(mut placed: Vec<Placed>) -> Self {
        placed.sort_by_key(|placed| placed.order);
        let mut chain = Self::default();
        for Placed { order, shown, name, origin, built } in placed {
            let action = match built {
                Built::Edit(edit) => Action::Edit(edit),
                Built::Around(around) => Action::Around(around),
                Built::Nothing => continue,
            };
            let shown = (!shown.is_empty()).then(|| {
                chain.shown.push((shown, order));
                chain.shown.len() - 1
            });
            chain.steps.push(Step { name, shown, origin, action });
        }
        chain
    }

    /// Texts and orders of the route's own and default filters.
    #[must_use]
    pub fn shown(&self) -> &[(String, i32)] {
        &self.shown
    }

    /// Names of all steps in order, built-in ones included.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.steps.iter().map(|step| step.name)
    }

    /// Breakers that a request passes.
    pub fn breakers(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().filter_map(|step| match &step.action {
            Action::Around(around) => around.breaker(),
            Action::Edit(_) => None,
        })
    }

    /// All steps in their order.
    pub fn steps(&self) -> impl Iterator<Item = Seen<'_>> {
        self.steps.iter().map(|step| Seen {
            name: step.name,
            text: step.shown.and_then(|place| self.shown.get(place)).map(|(text, _)| text.as_str()),
            origin: step.origin.as_ref(),
            edit: match &step.action {
                Action::Edit(edit) => Some(&**edit),
                Action::Around(_) => None,
            },
        })
    }

    /// Sends an exchange through the chain to its destination.
    pub async fn run(&self, exchange: &mut Exchange, proxy: &Proxy) -> Result<Reply, Error> {
        Next { steps: &self.steps, proxy }.run(exchange).await
    }
}

/// The rest of a chain. Copying it lets a filter run it again.
#[derive(Debug, Clone, Copy)]
pub struct Next<'a> {
    steps: &'a [Step],
    pub proxy: &'a Proxy,
}

impl Next<'_> {
    pub async fn run(self, exchange: &mut Exchange) -> Result<Reply, Error> {
        let mut passed = 0;
        let mut reply = loop {
            match self.steps.get(passed).map(|step| &step.action) {
                None => break self.proxy.send(exchange).await?,
                Some(Action::Around(around)) => {
                    let rest = self.steps.get(passed + 1..).unwrap_or_default();
                    break around.call(exchange, Next { steps: rest, proxy: self.proxy }).await?;
                }
                Some(Action::Edit(edit)) => match edit.request(exchange) {
                    Ok(()) => passed += 1,
                    Err(Halt::Reply(reply)) => break *reply,
                    Err(Halt::Failed(error)) => return Err(error),
                },
            }
        };
        if !reply.committed {
            for step in self.steps.iter().take(passed).rev() {
                if let Action::Edit(edit) = &step.action {
                    edit.response(exchange, &mut reply)?;
                }
            }
        }
        Ok(reply)
    }
}
