//! Comparing XML documents: elements in order, attributes in any, text without its surrounding white space.
//!
//! Text after a child element is not looked at; comments and processing instructions are not there.

use anyhow::{Context, Result, bail};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// An element without what a comparison ignores.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Element {
    pub name: String,
    /// By name.
    pub attributes: Vec<(String, String)>,
    pub text: String,
    pub children: Vec<Self>,
}

impl Element {
    /// Reads a whole document.
    pub fn parse(text: &str) -> Result<Self> {
        let mut reader = Reader::from_str(text);
        let mut open: Vec<Self> = Vec::new();
        let mut root = None;
        loop {
            let finished = match reader.read_event()? {
                Event::Start(start) => {
                    open.push(Self::begin(&start)?);
                    None
                }
                Event::Empty(start) => Some(Self::begin(&start)?),
                Event::End(_) => open.pop(),
                Event::Text(piece) => {
                    add_text(&mut open, &piece)?;
                    None
                }
                Event::CData(piece) => {
                    add_text(&mut open, &piece)?;
                    None
                }
                Event::GeneralRef(name) => {
                    let reference = format!("&{};", &*name);
                    add_text(&mut open, &quick_xml::escape::unescape(&reference)?)?;
                    None
                }
                Event::Eof => break,
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => None,
            };
            if let Some(mut element) = finished {
                element.text = element.text.trim().to_owned();
                match open.last_mut() {
                    Some(parent) => parent.children.push(element),
                    None if root.is_none() => root = Some(element),
                    None => bail!("a second root element: {}", element.name),
                }
            }
        }
        if let Some(unclosed) = open.last() {
            bail!("element {} does not end", unclosed.name);
        }
        root.context("no element")
    }

    fn begin(start: &BytesStart<'_>) -> Result<Self> {
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute?;
            let value = quick_xml::escape::unescape(&attribute.value)?.into_owned();
            attributes.push((attribute.key.as_ref().to_owned(), value));
        }
        attributes.sort();
        Ok(Self { name: start.name().as_ref().to_owned(), attributes, ..Self::default() })
    }

    /// Removes what a path of names names, counted from below this element; `*` stands for any name.
    pub fn remove(&mut self, path: &str) {
        let path: Vec<&str> = path.trim_matches('/').split('/').collect();
        self.remove_names(&path);
    }

    fn remove_names(&mut self, path: &[&str]) {
        let Some((head, rest)) = path.split_first() else { return };
        if rest.is_empty() {
            self.children.retain(|child| *head != "*" && child.name != *head);
            return;
        }
        for child in self.children.iter_mut().filter(|child| *head == "*" || child.name == *head) {
            child.remove_names(rest);
        }
    }
}

/// Only text before the first child counts.
fn add_text(open: &mut [Element], text: &str) -> Result<()> {
    match open.last_mut() {
        Some(element) if element.children.is_empty() => element.text.push_str(text),
        Some(_) => {}
        None if text.trim().is_empty() => {}
        None => bail!("text outside of the root element"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_between_elements_and_order_of_attributes_do_not_matter() {
        let one = Element::parse("<?xml version=\"1.0\"?>\n<a y=\"2\" x=\"1\"> t&amp;x <b/><c>&#65;</c></a>")
            .unwrap();
        let two =
            Element::parse("<a x='1' y='2'>t&amp;x\n  <b></b> tail\n  <c><![CDATA[A]]></c>\n</a>").unwrap();
        assert_eq!(one, two);
        assert_ne!(one, Element::parse("<a x='1' y='2'>t&amp;x<c>A</c><b/></a>").unwrap());
    }

    #[test]
    fn removes_by_path() {
        let mut element = Element::parse("<r><a><t>1</t><u/></a><a><t>2</t></a><v/></r>").unwrap();
        element.remove("a/t");
        element.remove("/v");
        element.remove("none/t");
        assert_eq!(element, Element::parse("<r><a><u/></a><a/></r>").unwrap());
    }

    #[test]
    fn what_is_not_well_formed_is_refused() {
        for text in ["", "text", "<a>", "<a></b>", "<a/><b/>", "<a/>tail", "<a x=1/>", "<a>&nope;</a>"] {
            assert!(Element::parse(text).is_err(), "{text}");
        }
    }
}
