//! What a packet holds, and where each thing stands in its text.

use std::ops::Range;

/// What a packet holds, with places as ranges of bytes of its text.
#[derive(Debug, Default)]
pub(super) struct Scan {
    pub(super) rdf: Rdf,
    pub(super) tops: Vec<Top>,
    pub(super) toolkit: Option<String>,
}

/// The `rdf:RDF` element.
#[derive(Debug, Default)]
pub(super) struct Rdf {
    pub(super) prefix: String,
    /// The start tag.
    pub(super) tag: Range<usize>,
    /// The tag is an end as well (`<rdf:RDF/>`).
    pub(super) empty: bool,
}

/// One `rdf:Description` directly below.
#[derive(Debug, Default)]
pub(super) struct Top {
    pub(super) span: Range<usize>,
    /// The value of `rdf:about`, as it is written.
    pub(super) about: String,
    pub(super) properties: Vec<Property>,
}

#[derive(Debug)]
pub(super) struct Property {
    pub(super) namespace: String,
    pub(super) local: String,
    pub(super) place: Place,
    pub(super) value: Value,
}

#[derive(Clone, Debug)]
pub(super) enum Place {
    /// `name="value"`: all of it, and the value inside the quotes.
    Attribute(Range<usize>, Range<usize>),
    Element(Range<usize>),
}

#[derive(Debug)]
pub(super) enum Value {
    /// A text; between the tags, where there are two.
    Text(String, Option<Range<usize>>),
    /// An array; new items go before the place, where it has one.
    Items(Vec<Item>, Option<usize>),
    /// A structure, a reference, or something of the kind.
    Other,
}

#[derive(Debug, Default)]
pub(super) struct Item {
    pub(super) language: Option<String>,
    pub(super) text: String,
    /// The whole element.
    pub(super) outer: Range<usize>,
    /// Between its tags; `None` for `<rdf:li/>`.
    pub(super) inner: Option<Range<usize>>,
    /// It holds more than text.
    pub(super) complex: bool,
}

impl Property {
    pub(super) fn is(&self, (namespace, local): (&str, &str)) -> bool {
        self.namespace == namespace && self.local == local
    }

    pub(super) fn span(&self) -> Range<usize> {
        match &self.place {
            Place::Attribute(span, _) | Place::Element(span) => span.clone(),
        }
    }
}
