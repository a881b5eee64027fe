//! Keys of the original that mean nothing here: accepted, and said so.

use wellspring_properties::Problem;
use wellspring_properties::support::{self, Support};

use crate::known::KNOWN;

/// The key and the reason, when the complaint is about one of these.
pub(super) fn reason(problem: &Problem) -> Option<(&str, &'static str)> {
    let key = problem.message.strip_prefix("unknown setting ")?;
    let row = support::find(KNOWN.iter().chain(wellspring_lb_client::known::KNOWN), key)?;
    (row.support == Support::Ignored).then_some((key, row.remark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_amazon_have_a_reason_and_slips_have_none() {
        let reason_of = |key: &str| {
            let problem = Problem::new("WS-1201", format!("unknown setting eureka.server.{key}"));
            reason(&problem).map(|(_, reason)| reason)
        };
        assert_eq!(reason_of("a-s-g-query-timeout-ms"), Some("only for machines at Amazon; remove it"));
        assert_eq!(reason_of("route53DomainTTL"), Some("only for machines at Amazon; remove it"));
        assert_eq!(reason_of("eviction-interval"), None);
        assert_eq!(reason_of("namespace"), None, "that is one of eureka.instance");
    }
}
