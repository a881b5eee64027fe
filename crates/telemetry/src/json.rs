//! The actuator's view of metrics: `/actuator/metrics` and `/actuator/metrics/{name}`.

use std::collections::BTreeSet;
use std::time::Duration;

use indexmap::IndexMap;
use serde::Serialize;

use crate::meters::{Kind, Meters, Reading};

/// `{"names":[…]}`, sorted.
#[derive(Debug, Serialize)]
pub struct Listing {
    pub names: Vec<&'static str>,
}

/// One metric over all series that match the tags asked for.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Metric {
    pub name: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub description: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub base_unit: &'static str,
    pub measurements: Vec<Measurement>,
    pub available_tags: Vec<AvailableTag>,
}

#[derive(Debug, Serialize)]
pub struct Measurement {
    pub statistic: &'static str,
    pub value: f64,
}

#[derive(Debug, Serialize)]
pub struct AvailableTag {
    pub tag: String,
    pub values: BTreeSet<String>,
}

pub fn listing(meters: &Meters) -> Listing {
    Listing { names: meters.snapshot().iter().map(|family| family.name.id).collect() }
}

/// `None` when there is no such metric, or none of its series has all of `tags`.
pub fn metric(meters: &Meters, id: &str, tags: &[(String, String)]) -> Option<Metric> {
    let family = meters.find(id)?;
    let mut available: IndexMap<String, BTreeSet<String>> = IndexMap::new();
    let (mut count, mut gauge, mut total, mut longest) = (0_u64, 0.0, Duration::ZERO, Duration::ZERO);
    let mut found = false;
    for (series, reading) in &family.series {
        let has = |(key, value): &(String, String)| series.iter().any(|(k, v)| k == key && v == value);
        if !tags.iter().all(has) {
            continue;
        }
        found = true;
        for (key, value) in series.iter().filter(|(key, _)| !tags.iter().any(|(asked, _)| asked == key)) {
            available.entry(key.to_string()).or_default().insert(value.clone());
        }
        match reading {
            Reading::Counter(value) => count += value,
            Reading::Gauge(value) => gauge += value,
            Reading::Timer { count: calls, total: time, max } => {
                count += calls;
                total += *time;
                longest = longest.max(*max);
            }
        }
    }
    let measure = |statistic, value| Measurement { statistic, value };
    #[expect(clippy::cast_precision_loss, reason = "the wire format is a double")]
    let measurements = match family.kind {
        Kind::Counter => vec![measure("COUNT", count as f64)],
        Kind::Gauge => vec![measure("VALUE", gauge)],
        Kind::Timer => vec![
            measure("COUNT", count as f64),
            measure("TOTAL_TIME", total.as_secs_f64()),
            measure("MAX", longest.as_secs_f64()),
        ],
    };
    found.then(|| Metric {
        name: family.name.id,
        description: family.name.help,
        base_unit: family.name.unit,
        measurements,
        available_tags: available.into_iter().map(|(tag, values)| AvailableTag { tag, values }).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names;

    fn served() -> Meters {
        let meters = Meters::default();
        for (method, status, millis) in [("GET", "200", 200), ("GET", "404", 50), ("POST", "200", 10)] {
            let tags = [("method", method), ("status", status)];
            meters.timer(names::HTTP_SERVER_REQUESTS, &tags).record(Duration::from_millis(millis));
        }
        meters
    }

    fn asked(tags: &[(&str, &str)]) -> Option<serde_json::Value> {
        let tags: Vec<_> = tags.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        metric(&served(), "http.server.requests", &tags).map(|found| serde_json::to_value(found).unwrap())
    }

    #[test]
    fn a_timer_sums_its_series_and_lists_its_tags() {
        let all = asked(&[]).unwrap();
        assert_eq!(all["baseUnit"], "seconds");
        assert_eq!(
            all["measurements"],
            serde_json::json!([{"statistic":"COUNT","value":3.0},{"statistic":"TOTAL_TIME","value":0.26},{"statistic":"MAX","value":0.2}])
        );
        assert_eq!(
            all["availableTags"],
            serde_json::json!([{"tag":"method","values":["GET","POST"]},{"tag":"status","values":["200","404"]}])
        );
    }

    #[test]
    fn a_selected_tag_filters_and_vanishes_from_the_list() {
        let get = asked(&[("method", "GET")]).unwrap();
        assert_eq!(get["measurements"][0]["value"], 2.0);
        assert_eq!(get["availableTags"], serde_json::json!([{"tag":"status","values":["200","404"]}]));
    }

    #[test]
    fn a_combination_without_samples_is_absent() {
        assert!(asked(&[("method", "POST"), ("status", "404")]).is_none());
        assert!(metric(&served(), "no.such", &[]).is_none());
    }
}
