//! A document as a small tree. Depth is bounded, document types and unknown entities are refused.

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use crate::eureka::DecodeError;

/// Deeper than any message of this protocol goes.
const DEPTH: usize = 32;

#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) attributes: Vec<(String, String)>,
    pub(super) text: String,
    pub(super) children: Vec<Self>,
}

impl Node {
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Parses a whole document; its root must be called `root`.
pub(super) fn parse(body: &[u8], root: &str) -> Result<Node, DecodeError> {
    let text = std::str::from_utf8(body).map_err(|error| DecodeError::new(format!("not UTF-8: {error}")))?;
    if text.contains('\0') {
        return Err(DecodeError::new("a character that XML cannot hold"));
    }
    let mut reader = Reader::from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
    let mut open: Vec<Node> = Vec::new();
    let mut whole: Option<Node> = None;
    loop {
        match reader.read_event()? {
            Event::Start(start) => {
                if open.len() >= DEPTH {
                    return Err(DecodeError::new(format!("elements nested deeper than {DEPTH}")));
                }
                open.push(node(&start)?);
            }
            Event::Empty(start) => close(node(&start)?, &mut open, &mut whole)?,
            Event::End(_) => {
                let Some(done) = open.pop() else {
                    return Err(DecodeError::new("end tag without a start tag"));
                };
                close(done, &mut open, &mut whole)?;
            }
            Event::Text(text) => append(&text.xml10_content(), &mut open)?,
            Event::CData(text) => append(&text.xml10_content(), &mut open)?,
            Event::GeneralRef(reference) => match reference.resolve_char_ref()? {
                Some(character) => append(character.encode_utf8(&mut [0; 4]), &mut open)?,
                None => match quick_xml::escape::resolve_predefined_entity(&reference) {
                    Some(text) => append(text, &mut open)?,
                    None => return Err(DecodeError::new("entity that is not predefined")),
                },
            },
            Event::DocType(_) => return Err(DecodeError::new("document types are not read")),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::Eof => break,
        }
    }
    if let Some(unclosed) = open.last() {
        return Err(DecodeError::new(format!("<{}> is not closed", unclosed.name)));
    }
    whole
        .filter(|whole| whole.name == root)
        .ok_or_else(|| DecodeError::new(format!("expected one element <{root}>")))
}

fn node(start: &BytesStart<'_>) -> Result<Node, DecodeError> {
    let mut node = Node { name: start.name().as_ref().to_owned(), ..Node::default() };
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| DecodeError::new(error.to_string()))?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0)?.into_owned();
        node.attributes.push((attribute.key.as_ref().to_owned(), value));
    }
    Ok(node)
}

fn close(done: Node, open: &mut [Node], whole: &mut Option<Node>) -> Result<(), DecodeError> {
    match open.last_mut() {
        Some(parent) => parent.children.push(done),
        None if whole.is_some() => return Err(DecodeError::new("more than one root element")),
        None => *whole = Some(done),
    }
    Ok(())
}

fn append(text: &str, open: &mut [Node]) -> Result<(), DecodeError> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.trim().is_empty() => {}
        None => return Err(DecodeError::new("text outside of the root element")),
    }
    Ok(())
}
