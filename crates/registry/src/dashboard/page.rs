//! What all pages have in common.

/// A whole page. `title` and `body` are HTML already.
pub(super) fn page(title: &str, context: &str, home: &str, body: &str) -> String {
    let lastn = format!("{}/lastn", home.trim_end_matches('/'));
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title><style>{STYLE}</style></head>\n\
         <body><nav><strong>Wellspring registry</strong> <a href=\"{context}{home}\">Home</a> \
         <a href=\"{context}{lastn}\">Last 1000 since startup</a></nav>\n{body}</body></html>\n"
    )
}

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:70rem;padding:0 1rem 3rem;color:#222}\
nav{padding:1rem 0;border-bottom:2px solid #2a6}nav a{margin-left:1rem}h1{font-size:1.3rem;margin:1.6rem 0 .4rem}\
table{border-collapse:collapse;width:100%}th,td{border:1px solid #ccc;padding:.25rem .6rem;text-align:left;vertical-align:top}\
th{background:#f3f6f4}.warn{color:#b00;font-weight:600}.bad{color:#fff;background:#b00;padding:0 .3rem;border-radius:3px}\
.why{background:#fffbe6;padding:.5rem .8rem}";

pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(character),
        }
    }
    out
}

/// A table of names and values.
pub(super) fn pairs(rows: &[(&str, String)]) -> String {
    let rows: String =
        rows.iter().map(|(name, value)| format!("<tr><td>{name}</td><td>{value}</td></tr>\n")).collect();
    format!("<table>\n{rows}</table>\n")
}
