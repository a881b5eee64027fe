//! The path of a method: text with `{name}` in it.

use proc_macro2::Span;
use syn::LitStr;

/// A piece of a path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(String),
    Variable(String),
}

/// Splits a path; complaints point at the literal.
pub(crate) fn split(path: &LitStr) -> syn::Result<Vec<Piece>> {
    let text = path.value();
    if !text.is_empty() && !text.starts_with('/') {
        return Err(syn::Error::new(path.span(), format!("a path begins with a slash: \"/{text}\"")));
    }
    pieces(&text).map_err(|message| syn::Error::new(path.span(), message))
}

fn pieces(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        if before.contains('}') {
            return Err("a brace is closed that was not opened".to_owned());
        }
        let (name, behind) =
            after.split_once('}').ok_or_else(|| "a brace is opened and not closed".to_owned())?;
        if syn::parse_str::<syn::Ident>(name).is_err() {
            return Err(format!("`{{{name}}}` is no parameter name"));
        }
        if !before.is_empty() {
            pieces.push(Piece::Text(before.to_owned()));
        }
        pieces.push(Piece::Variable(name.to_owned()));
        rest = behind;
    }
    if rest.contains('}') {
        return Err("a brace is closed that was not opened".to_owned());
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    Ok(pieces)
}

/// The complaint about a variable without a parameter.
pub(crate) fn without_parameter(name: &str, span: Span) -> syn::Error {
    syn::Error::new(span, format!("the path has `{{{name}}}`, and no parameter has that name"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_found_and_broken_braces_are_told() {
        let text = |text: &str| Piece::Text(text.to_owned());
        let variable = |name: &str| Piece::Variable(name.to_owned());
        assert_eq!(
            pieces("/orders/{id}/lines/{line}").unwrap(),
            [text("/orders/"), variable("id"), text("/lines/"), variable("line")]
        );
        assert_eq!(pieces("").unwrap(), []);
        for broken in ["/{", "/}", "/{a b}", "/{}", "/{a}}"] {
            assert!(pieces(broken).is_err(), "{broken}");
        }
    }
}
