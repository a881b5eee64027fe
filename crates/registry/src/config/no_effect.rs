//! Keys of the original that mean nothing here: accepted, and said so.

use wellspring_properties::Problem;

const AMAZON: &str = "only for machines at Amazon";
const ALWAYS_BATCHED: &str = "changes are always sent in batches, and tried again until they expire";
const NO_POOL: &str = "there are no thread pools to size";
const NO_CODECS: &str = "there is one codec per format";
const REGION_CLIENT: &str = "remote regions are read with the settings of all outgoing connections";

/// Below `eureka.server`, without hyphens.
const SERVER: [(&str, &str); 41] = [
    ("asgcacheexpirytimeoutms", AMAZON),
    ("asgquerytimeoutms", AMAZON),
    ("asgupdateintervalms", AMAZON),
    ("awsaccessid", AMAZON),
    ("awssecretkey", AMAZON),
    ("bindingstrategy", AMAZON),
    ("eipbindrebindretries", AMAZON),
    ("eipbindingretryintervalms", AMAZON),
    ("eipbindingretryintervalmswhenunbound", AMAZON),
    ("listautoscalinggroupsrolename", AMAZON),
    ("primeawsreplicaconnections", AMAZON),
    ("useawsasgapi", AMAZON),
    ("route53bindrebindretries", AMAZON),
    ("route53bindingretryintervalms", AMAZON),
    ("route53domainttl", AMAZON),
    ("batchreplication", ALWAYS_BATCHED),
    ("numberofreplicationretries", ALWAYS_BATCHED),
    ("minthreadsforpeerreplication", NO_POOL),
    ("maxidlethreadageinminutesforpeerreplication", NO_POOL),
    ("maxelementsinstatusreplicationpool", NO_POOL),
    ("maxidlethreadinminutesageforstatusreplication", NO_POOL),
    ("maxthreadsforstatusreplication", NO_POOL),
    ("minthreadsforstatusreplication", NO_POOL),
    ("remoteregionfetchthreadpoolsize", NO_POOL),
    ("jsoncodecname", NO_CODECS),
    ("xmlcodecname", NO_CODECS),
    ("initialcapacityofresponsecache", "the cache grows as needed"),
    ("logidentityheaders", "the access log has the headers"),
    ("myurlfromhostname", "see my-url"),
    ("peereurekastatusrefreshtimeintervalms", "the state of peers is always the present one"),
    ("peernodetotalconnections", "the limit per peer is peer-node-total-connections-per-host"),
    ("propertyresolver", "properties come from the environment"),
    ("gzipcontentfromremoteregion", REGION_CLIENT),
    ("remoteregionconnecttimeoutms", REGION_CLIENT),
    ("remoteregionreadtimeoutms", REGION_CLIENT),
    ("remoteregiontotalconnections", REGION_CLIENT),
    ("remoteregiontotalconnectionsperhost", REGION_CLIENT),
    ("remoteregionconnectionidletimeoutseconds", REGION_CLIENT),
    ("remoteregiontruststore", REGION_CLIENT),
    ("remoteregiontruststorepassword", REGION_CLIENT),
    ("remoteregionurls", "name the regions: remote-region-urls-with-name"),
];

/// Below `eureka.instance`.
const INSTANCE: [(&str, &str); 4] = [
    ("defaultaddressresolutionorder", AMAZON),
    ("datacenterinfo", "the data centre is told as MyOwn"),
    ("asyncclientinitialization", "no start waits for a registry"),
    ("namespace", "the keys begin with eureka.instance"),
];

/// The key and the reason, when the complaint is about one of these.
pub(super) fn reason(problem: &Problem) -> Option<(&str, &'static str)> {
    let key = problem.message.strip_prefix("unknown setting ")?;
    let (keys, rest) = match key.strip_prefix("eureka.server.") {
        Some(rest) => (&SERVER[..], rest),
        None => (&INSTANCE[..], key.strip_prefix("eureka.instance.")?),
    };
    let name: String = rest
        .chars()
        .take_while(|character| *character != '.')
        .filter(char::is_ascii_alphanumeric)
        .map(|character| character.to_ascii_lowercase())
        .collect();
    keys.iter().find(|(known, _)| *known == name).map(|(_, reason)| (key, *reason))
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
        assert_eq!(reason_of("a-s-g-query-timeout-ms"), Some(AMAZON));
        assert_eq!(reason_of("route53DomainTTL"), Some(AMAZON));
        assert_eq!(reason_of("eviction-interval"), None);
        assert_eq!(reason_of("namespace"), None, "that is one of eureka.instance");
    }
}
