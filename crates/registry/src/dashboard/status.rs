//! `/eureka/status`: the figures as XML, under the names of the original's classes.

use wellspring_wire::eureka::{Form, xml};

use super::overview::{cpus, followed};
use super::{About, Figures};

pub fn status(figures: &Figures, about: &About) -> Vec<u8> {
    let mut out = Vec::with_capacity(4096);
    let mut line = |depth: usize, text: &str| {
        out.resize(out.len() + 2 * depth, b' ');
        out.extend_from_slice(text.as_bytes());
        out.push(b'\n');
    };
    let leaf = |name: &str, text: &str| {
        let mut escaped = Vec::with_capacity(text.len());
        xml::write_text(text, &mut escaped);
        format!("<{name}>{}</{name}>", String::from_utf8_lossy(&escaped))
    };
    line(0, "<com.netflix.eureka.util.StatusInfo>");
    line(1, "<generalStats>");
    line(2, &leaf("num-of-cpus", &cpus().to_string()));
    line(2, &leaf("total-avail-memory", &format!("{}mb", figures.memory.total_mib)));
    let usage = format!("{}mb ({}%)", figures.memory.used_mib, figures.memory.percent());
    line(2, &leaf("current-memory-usage", &usage));
    line(2, &leaf("server-uptime", &figures.uptime));
    line(1, "</generalStats>");
    line(1, "<applicationStats>");
    line(2, &leaf("registered-replicas", &figures.registered.join(", ")));
    line(2, &leaf("available-replicas", &followed(&figures.available)));
    line(2, &leaf("unavailable-replicas", &followed(&figures.unavailable)));
    line(1, "</applicationStats>");
    out.pop();
    let mut own = Vec::with_capacity(2048);
    xml::write_instance_at(&about.own, Form::Full, 1, &mut own);
    // The same element under another name.
    let own = String::from_utf8_lossy(&own).replacen("<instance>", "<instanceInfo>", 1);
    let own = own.strip_suffix("</instance>").unwrap_or(&own);
    out.extend_from_slice(own.as_bytes());
    out.extend_from_slice(b"</instanceInfo>\n</com.netflix.eureka.util.StatusInfo>");
    out
}
