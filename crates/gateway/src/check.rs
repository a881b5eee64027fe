//! A route file checked without a gateway: everything is compiled as at the start, nothing is served.

use wellspring_properties::{Environment, Problem};

use crate::offline::Offline;

/// Every problem of the settings and routes, and how many routes are good. Wants a tokio runtime around it.
pub fn check(env: &Environment) -> (usize, Vec<Problem>) {
    let mut problems = Vec::new();
    match compiled(env, &mut problems) {
        Ok(routes) => (routes, problems),
        Err(problem) => {
            problems.push(problem);
            (0, problems)
        }
    }
}

fn compiled(env: &Environment, problems: &mut Vec<Problem>) -> Result<usize, Problem> {
    let offline = Offline::load(env)?;
    problems.extend_from_slice(&offline.problems);
    Ok(offline.count())
}

#[cfg(test)]
mod tests {
    use wellspring_properties::{PropertySource, flatten, yaml};

    use super::*;

    fn checked(text: &str) -> (usize, Vec<String>) {
        let documents = yaml::parse(text, "routes.yml").unwrap();
        let sources =
            documents.iter().map(|document| PropertySource::new("routes.yml", flatten::document(document)));
        let (routes, problems) = check(&Environment::new(sources.collect(), Vec::new()));
        (routes, problems.iter().map(Problem::line).collect())
    }

    #[tokio::test]
    async fn good_routes_are_counted_and_bad_ones_named_with_their_place() {
        let text = "spring.cloud.gateway.routes:\n  - id: good\n    uri: lb://orders\n    predicates: [Path=/orders/**]\n  - id: bad\n    uri: http://localhost:1\n    filters:\n      - StripPrefix=one\n      - Nonsense=1\n";
        let (routes, problems) = checked(text);
        assert_eq!(routes, 1);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].contains("route 'bad'") && problems[0].contains("routes.yml:8:"), "{problems:?}");
    }
}
