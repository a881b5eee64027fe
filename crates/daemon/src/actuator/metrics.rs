//! `/actuator/metrics` and `/actuator/prometheus`.

use http::header::ACCEPT;
use wellspring_telemetry::prometheus::{self, Format};
use wellspring_telemetry::{Meters, json};

use super::endpoint::{Call, Endpoint, Reply};

pub(super) fn metrics(meters: &Meters) -> Endpoint {
    let (all, one) = (meters.clone(), meters.clone());
    Endpoint::new("metrics")
        .read("", move |_| std::future::ready(Reply::json(&json::listing(&all))))
        .read("{requiredMetricName}", move |call| std::future::ready(metric(&one, &call)))
}

fn metric(meters: &Meters, call: &Call) -> Reply {
    let mut tags = Vec::new();
    for (_, value) in call.query.iter().filter(|(key, _)| key == "tag") {
        let Some((tag, wanted)) = value.split_once(':') else {
            return Reply::bad_request(format!("tag {value:?} is not written as key:value"));
        };
        tags.push((tag.to_owned(), wanted.to_owned()));
    }
    json::metric(meters, call.selector("requiredMetricName"), &tags)
        .map_or_else(Reply::absent, |metric| Reply::json(&metric))
}

pub(super) fn prometheus(meters: &Meters) -> Endpoint {
    let meters = meters.clone();
    let produced = [
        "text/plain;version=0.0.4;charset=utf-8",
        "application/openmetrics-text;version=1.0.0;charset=utf-8",
    ];
    Endpoint::new("prometheus").read_as("", &produced, move |call| {
        let open = call
            .headers
            .get_all(ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|accept| accept.contains("application/openmetrics-text"));
        let format = if open { Format::OpenMetrics } else { Format::Text };
        let body = prometheus::render(&meters, format);
        std::future::ready(Reply::text(format.content_type(), body))
    })
}
