//! The discovery locator: a route for every service that is known.
//!
//! Its settings are expressions over an instance of the service; `expression` reads the safe part of that language.

use indexmap::IndexMap;
use serde_json::Value;
use wellspring_lb_client::Instance;
use wellspring_lb_client::discovery::Discovery;
use wellspring_properties::{Environment, Problem};

use crate::config::{PREFIX, Settings};
use crate::expression::{Expression, Subject};
use crate::problem::EXPRESSION;
use crate::route::Definition;
use crate::route::definition::Step;
use crate::tree::{Leaf, Tree};

/// `discovery.locator.*`.
#[derive(Debug)]
pub struct Locator {
    prefix: String,
    lower_case: bool,
    include: Expression,
    uri: Expression,
    predicates: Vec<Step>,
    filters: Vec<Step>,
}

impl Locator {
    /// `None` when it is off.
    pub fn read(env: &Environment) -> Result<Option<Self>, Problem> {
        let settings = Settings { env };
        if !settings.flag("discovery.locator.enabled", false)? {
            return Ok(None);
        }
        let text = |name: &str, default: &str| {
            settings
                .text(&format!("discovery.locator.{name}"))
                .filter(|text| !text.is_empty())
                .unwrap_or_else(|| default.to_owned())
        };
        let expression = |name: &str, default: &str| {
            let text = text(name, default);
            Expression::parse(&text).map_err(|error| {
                let place = env.origin(&format!("{PREFIX}.discovery.locator.{name}"));
                Problem::new(EXPRESSION, format!("discovery.locator.{name}: {error}"))
                    .found(text.clone())
                    .at(place)
            })
        };
        let steps = |name: &str,
                     is_predicate: bool,
                     default: &[(&str, &[(&str, &str)])]|
         -> Result<Vec<Step>, Problem> {
            let read = Step::read_all(
                Tree::from_env(env, &format!("{PREFIX}.discovery.locator.{name}"))?.as_ref(),
                is_predicate,
            )?;
            if !read.is_empty() {
                return Ok(read);
            }
            Ok(default
                .iter()
                .map(|(name, args)| Step {
                    name: (*name).to_owned(),
                    args: args.iter().map(|(name, text)| ((*name).to_owned(), Tree::text(*text))).collect(),
                    origin: None,
                })
                .collect())
        };
        let locator = Self {
            prefix: text("route-id-prefix", "ReactiveCompositeDiscoveryClient_"),
            lower_case: settings.flag("discovery.locator.lower-case-service-id", false)?,
            include: expression("include-expression", "true")?,
            uri: expression("url-expression", "'lb://'+serviceId")?,
            predicates: steps("predicates", true, &[("Path", &[("pattern", "'/'+serviceId+'/**'")])])?,
            filters: steps(
                "filters",
                false,
                &[(
                    "RewritePath",
                    &[
                        ("regexp", "'/' + serviceId + '/?(?<remaining>.*)'"),
                        ("replacement", "'/${remaining}'"),
                    ],
                )],
            )?,
        };
        // An argument that cannot be read is found now, not when the first service appears.
        for step in locator.predicates.iter().chain(&locator.filters) {
            check(step)?;
        }
        Ok(Some(locator))
    }

    /// Definitions for the services known now; an expression that fails leaves its service out.
    #[must_use]
    pub fn definitions(&self, discovery: &dyn Discovery) -> Vec<Definition> {
        discovery
            .services()
            .iter()
            .filter_map(|service| {
                let instances = discovery.instances(service);
                let instance = instances.first()?;
                match self.definition(instance) {
                    Ok(definition) => definition,
                    Err(error) => {
                        tracing::warn!(service, %error, "no route for the service");
                        None
                    }
                }
            })
            .collect()
    }

    fn definition(&self, instance: &Instance) -> Result<Option<Definition>, String> {
        let service = instance.service_id();
        let name = if self.lower_case { service.to_lowercase() } else { service.to_owned() };
        let subject = Subject { service_id: &name, instance };
        if !self.include.is_true(&subject)? {
            return Ok(None);
        }
        let uri = self.uri.text(&subject)?;
        let steps = |steps: &[Step]| -> Result<Vec<Step>, String> {
            steps.iter().map(|step| evaluated(step, &subject)).collect()
        };
        let metadata: IndexMap<String, Tree> = instance
            .metadata()
            .iter()
            .map(|(name, value)| (name.clone(), Tree::text(value.clone())))
            .collect();
        Ok(Some(Definition {
            id: format!("{}{service}", self.prefix),
            uri,
            order: 0,
            enabled: true,
            predicates: steps(&self.predicates)?,
            filters: steps(&self.filters)?,
            metadata,
            origin: None,
        }))
    }
}

fn check(step: &Step) -> Result<(), Problem> {
    for (name, tree) in &step.args {
        for text in tree.items().into_iter().filter_map(Tree::as_text) {
            Expression::parse(&text).map_err(|error| {
                Problem::new(EXPRESSION, format!("discovery.locator: {} {name}: {error}", step.name))
                    .found(text.clone())
                    .at(tree.origin().or_else(|| step.origin.clone()))
                    .hint("texts are in single quotes: '/api/' + serviceId")
            })?;
        }
    }
    Ok(())
}

fn evaluated(step: &Step, subject: &Subject<'_>) -> Result<Step, String> {
    let value = |tree: &Tree| -> Result<Tree, String> {
        Ok(match tree {
            Tree::Leaf(leaf) => {
                let text = Expression::parse(&leaf.text())?.text(subject)?;
                Tree::Leaf(Leaf { value: Value::String(text), origin: leaf.origin.clone() })
            }
            Tree::List(items) => Tree::List(
                items
                    .iter()
                    .filter_map(Tree::as_text)
                    .map(|text| Ok(Tree::text(Expression::parse(&text)?.text(subject)?)))
                    .collect::<Result<_, String>>()?,
            ),
            Tree::Map(_) => tree.clone(),
        })
    };
    let args = step
        .args
        .iter()
        .map(|(name, tree)| Ok((name.clone(), value(tree)?)))
        .collect::<Result<_, String>>()?;
    Ok(Step { name: step.name.clone(), args, origin: step.origin.clone() })
}
