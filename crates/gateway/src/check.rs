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

    #[test]
    fn long_routes() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let route = |filters: &str, predicates: &str| {
            format!(
                "spring.cloud.gateway.routes:\n  - id: a\n    uri: lb://orders\n    predicates: [{predicates}]\n    filters:\n{filters}"
            )
        };
        let examples = [
            route("      - StripPrefix=1\n      - RewritePath=/a/(?<s>.*), /$\\{s}\n      - AddRequestHeader=X, {s}\n", "'Path=/a/{s},/b/**', Method=GET"),
            route("      - name: Retry\n        args: { retries: 3, statuses: BAD_GATEWAY, backoff: { firstBackoff: 10ms, factor: 2 } }\n", "'Cookie=a, b.*', 'Header=X, \\d+'"),
            route("      - name: CircuitBreaker\n        args: { name: cb, fallbackUri: 'forward:/x' }\n", "'Between=2017-01-20T17:42:47.789-07:00[America/Denver], 2030-01-21T17:42:47.789Z'"),
            route("      - SetStatus=401\n      - RequestSize=5MB\n      - DedupeResponseHeader=A B, RETAIN_LAST\n", "'RemoteAddr=192.168.1.1/24', 'Weight=g, 8', 'Query=red, gree.', 'Host=**.a.org,{x}.b.org'"),
            route("      - RewriteLocationResponseHeader=AS_IN_REQUEST, Location, ,\n      - SecureHeaders\n      - RedirectTo=302, https://a\n", "After=2017-01-20T17:42:47Z"),
            "spring.cloud.gateway:\n  globalcors.cors-configurations:\n    '[/**]': { allowedOrigins: 'https://a', maxAge: 30 }\n  default-filters: [AddResponseHeader=A, B]\n".to_owned(),
        ];
        let words = [
            "=",
            ",",
            ", ",
            "'",
            "\n",
            "      - ",
            "{",
            "}",
            "[",
            "]",
            "(",
            ")",
            "Path=",
            "args: ",
            "name: ",
            "#{@bean}",
            "#{T(x)}",
            "${a}",
            "-1",
            "1e9",
            "10s",
            "PT",
            "/**",
            "{*x}",
            "StripPrefix=",
            "Weight=",
            "lb://",
            "http://",
            "forward:",
            "ws:",
            "\\",
            "null",
            "302",
            "MB",
        ];
        let examples: Vec<&str> = examples.iter().map(String::as_str).collect();
        wellspring_test_support::fuzz::text(
            "routes, their predicates and filters",
            &examples,
            &words,
            |text, _| {
                let Ok(documents) = yaml::parse(text, "routes.yml") else { return };
                let sources = documents
                    .iter()
                    .map(|document| PropertySource::new("routes.yml", flatten::document(document)));
                let env = Environment::new(sources.collect(), Vec::new());
                let (_, problems) = runtime.block_on(async { check(&env) });
                assert!(problems.iter().all(|problem| !problem.line().is_empty()));
            },
        );
    }
}
