//! One walk over a packet: its properties, and where each stands in the text.

use super::XmpError;
use super::found::{Item, Place, Property, Rdf, Scan, Top, Value};
use super::names::{META, RDF, XML};
use quick_xml::NsReader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};
use std::ops::Range;

/// Elements inside each other at most; XMP needs about ten.
const DEEPEST: usize = 100;

/// Walks over a packet once.
pub(super) fn scan(text: &str) -> Result<Scan, XmpError> {
    let mut walk = Walk {
        text,
        at: 0..0,
        open: Vec::new(),
        roots: 0,
        found: Scan::default(),
        building: Building::default(),
    };
    let mut reader = NsReader::from_str(text);
    loop {
        let start = reader.buffer_position() as usize;
        let event = match reader.read_event() {
            Ok(event) => event,
            Err(error) => return Err(walk.malformed(start, &error.to_string())),
        };
        walk.at = start..reader.buffer_position() as usize;
        match event {
            Event::Start(tag) => walk.start(&reader, &tag, false)?,
            Event::Empty(tag) => {
                walk.start(&reader, &tag, true)?;
                walk.end();
            }
            Event::End(_) => walk.end(),
            Event::Text(text) => walk.text(&text.xml10_content())?,
            Event::CData(text) => walk.text(&text.xml10_content())?,
            Event::GeneralRef(reference) => {
                let character = reference.resolve_char_ref();
                let character =
                    character.map_err(|error| walk.malformed(start, &error.to_string()))?;
                match character {
                    Some(character) => walk.text(character.encode_utf8(&mut [0; 4]))?,
                    None => match resolve_predefined_entity(&reference) {
                        Some(text) => walk.text(text)?,
                        None => return Err(walk.malformed(start, "an unknown entity")),
                    },
                }
            }
            Event::Decl(declaration) => {
                let encoding = declaration.encoding().transpose();
                let encoding =
                    encoding.map_err(|error| walk.malformed(start, &error.to_string()))?;
                if encoding.is_some_and(|name| !name.eq_ignore_ascii_case("utf-8")) {
                    return Err(XmpError::Encoding);
                }
            }
            Event::DocType(_) => return Err(XmpError::DocumentType),
            Event::Comment(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
    }
    if !walk.open.is_empty() {
        return Err(walk.malformed(text.len(), "it ends in the middle of an element"));
    }
    if walk.found.rdf.prefix.is_empty() {
        return Err(XmpError::NoRdf);
    }
    Ok(walk.found)
}

/// What an element is, by where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Outside,
    Rdf,
    Top,
    Property,
    Container,
    Item,
    Deep,
}

/// An element that is open: what it is, its start tag, and whether that is all.
type Open = (Kind, Range<usize>, bool);

/// The property that is being read.
#[derive(Debug, Default)]
struct Building {
    name: (String, String),
    direct: String,
    items: Option<(Vec<Item>, Option<usize>)>,
    item: Item,
    other: bool,
}

struct Walk<'t> {
    text: &'t str,
    /// The event at hand.
    at: Range<usize>,
    open: Vec<Open>,
    roots: usize,
    found: Scan,
    building: Building,
}

/// One attribute: its name, and where it and its value stand.
struct Attribute {
    namespace: String,
    local: String,
    value: String,
    span: Range<usize>,
    inside: Range<usize>,
}

impl Walk<'_> {
    fn malformed(&self, at: usize, why: &str) -> XmpError {
        let before = self.text.get(..at).unwrap_or(self.text);
        XmpError::Malformed {
            line: before.matches('\n').count() + 1,
            why: why.to_owned(),
        }
    }

    fn start(
        &mut self,
        reader: &NsReader<&[u8]>,
        tag: &BytesStart<'_>,
        empty: bool,
    ) -> Result<(), XmpError> {
        if self.open.len() >= DEEPEST {
            return Err(self.malformed(self.at.start, "elements lie too deep inside each other"));
        }
        let (namespace, local) = reader.resolver().resolve_element(tag.name());
        let namespace = self.namespace(&namespace)?;
        let local = local.as_ref().to_owned();
        let attributes = self.attributes(reader, tag)?;
        let rdf = namespace == RDF;
        let parent = self.open.last().map(|(kind, ..)| *kind);
        let kind = match parent {
            None | Some(Kind::Outside) if rdf && local == "RDF" => {
                if !self.found.rdf.prefix.is_empty() {
                    return Err(XmpError::NoRdf);
                }
                let name = tag.name();
                let prefix = name.prefix().map_or("", |prefix| prefix.into_inner());
                self.found.rdf = Rdf {
                    prefix: prefix.to_owned(),
                    tag: self.at.clone(),
                    empty,
                };
                if prefix.is_empty() {
                    return Err(XmpError::NoRdf);
                }
                Kind::Rdf
            }
            None | Some(Kind::Outside) => {
                let toolkit = |it: &&Attribute| it.namespace == META && it.local == "xmptk";
                let toolkit = attributes.iter().find(toolkit);
                if let Some(toolkit) = toolkit {
                    self.found.toolkit = Some(toolkit.value.clone());
                }
                Kind::Outside
            }
            Some(Kind::Rdf) => {
                self.top(attributes);
                Kind::Top
            }
            Some(Kind::Top) => {
                let refers = |it: &Attribute| it.namespace == RDF;
                self.building = Building {
                    name: (namespace, local),
                    other: attributes.iter().any(refers),
                    ..Building::default()
                };
                Kind::Property
            }
            Some(Kind::Property) if rdf && matches!(local.as_str(), "Alt" | "Bag" | "Seq") => {
                self.building.other |= self.building.items.is_some();
                self.building.items = Some((Vec::new(), None));
                Kind::Container
            }
            Some(Kind::Container) if rdf && local == "li" => {
                let language = |it: &&Attribute| it.namespace == XML && it.local == "lang";
                let refers = |it: &Attribute| it.namespace == RDF;
                self.building.item = Item {
                    language: attributes.iter().find(language).map(|it| it.value.clone()),
                    complex: attributes.iter().any(refers),
                    ..Item::default()
                };
                Kind::Item
            }
            Some(Kind::Item) => {
                self.building.item.complex = true;
                Kind::Deep
            }
            Some(Kind::Property | Kind::Container) => {
                self.building.other = true;
                Kind::Deep
            }
            Some(Kind::Deep) => Kind::Deep,
        };
        if parent.is_none() {
            self.roots += 1;
            if self.roots > 1 {
                return Err(self.malformed(self.at.start, "a second root element"));
            }
        }
        self.open.push((kind, self.at.clone(), empty));
        Ok(())
    }

    fn top(&mut self, attributes: Vec<Attribute>) {
        let mut top = Top::default();
        for attribute in attributes {
            let Attribute {
                namespace,
                local,
                value,
                span,
                inside,
            } = attribute;
            if namespace == RDF && local == "about" {
                self.text[inside].clone_into(&mut top.about);
            } else if !matches!(namespace.as_str(), RDF | XML | "") {
                top.properties.push(Property {
                    namespace,
                    local,
                    place: Place::Attribute(span, inside.clone()),
                    value: Value::Text(value, Some(inside)),
                });
            }
        }
        self.found.tops.push(top);
    }

    fn end(&mut self) {
        let Some((kind, tag, empty)) = self.open.pop() else {
            return;
        };
        let outer = tag.start..self.at.end;
        let inner = (!empty).then_some(tag.end..self.at.start);
        match kind {
            Kind::Top => {
                if let Some(top) = self.found.tops.last_mut() {
                    top.span = outer;
                }
            }
            Kind::Property => self.property(outer, inner),
            Kind::Container => {
                if let Some((_, place)) = &mut self.building.items {
                    *place = (!empty).then_some(self.at.start);
                }
            }
            Kind::Item => {
                let item = Item {
                    outer,
                    inner,
                    ..std::mem::take(&mut self.building.item)
                };
                self.building.other |= item.complex;
                if let Some((items, _)) = &mut self.building.items {
                    items.push(item);
                }
            }
            Kind::Outside | Kind::Rdf | Kind::Deep => {}
        }
    }

    fn property(&mut self, outer: Range<usize>, inner: Option<Range<usize>>) {
        let built = std::mem::take(&mut self.building);
        let blank = built.direct.trim().is_empty();
        let value = match built.items {
            _ if built.other => Value::Other,
            Some((items, place)) if blank => Value::Items(items, place),
            Some(_) => Value::Other,
            None => Value::Text(built.direct, inner),
        };
        let (namespace, local) = built.name;
        if let Some(top) = self.found.tops.last_mut() {
            top.properties.push(Property {
                namespace,
                local,
                place: Place::Element(outer),
                value,
            });
        }
    }

    fn text(&mut self, text: &str) -> Result<(), XmpError> {
        if !super::legal(text) {
            return Err(self.malformed(self.at.start, "a character that XML forbids"));
        }
        match self.open.last() {
            Some((Kind::Property, ..)) => self.building.direct.push_str(text),
            Some((Kind::Item, ..)) => self.building.item.text.push_str(text),
            None if !text.trim().is_empty() => {
                return Err(self.malformed(self.at.start, "text outside of all elements"));
            }
            _ => {}
        }
        Ok(())
    }

    fn namespace(&self, found: &ResolveResult<'_>) -> Result<String, XmpError> {
        match found {
            ResolveResult::Bound(Namespace(name)) => Ok((*name).to_owned()),
            ResolveResult::Unbound => Ok(String::new()),
            ResolveResult::Unknown(prefix) => {
                let why = format!("the prefix {prefix} is not declared");
                Err(self.malformed(self.at.start, &why))
            }
        }
    }

    /// The attributes of a tag, declarations of prefixes left out.
    fn attributes(
        &self,
        reader: &NsReader<&[u8]>,
        tag: &BytesStart<'_>,
    ) -> Result<Vec<Attribute>, XmpError> {
        let mut found = Vec::new();
        for attribute in tag.attributes() {
            let wrong = |why: String| self.malformed(self.at.start, &why);
            let attribute = attribute.map_err(|error| wrong(error.to_string()))?;
            if attribute.key.as_namespace_binding().is_some() {
                continue;
            }
            let value = attribute
                .normalized_value(quick_xml::XmlVersion::Implicit1_0)
                .map_err(|error| wrong(error.to_string()))?
                .into_owned();
            let (namespace, local) = reader.resolver().resolve_attribute(attribute.key);
            let inside = self.place(&attribute.value);
            let name = self.place(attribute.key.into_inner());
            let space = self.text[..name.start].trim_end().len();
            found.push(Attribute {
                namespace: self.namespace(&namespace)?,
                local: local.as_ref().to_owned(),
                value,
                span: space..inside.end + 1,
                inside,
            });
        }
        Ok(found)
    }

    /// Where a part of the text stands in it. The reader borrows from the text, so
    /// that the distance of the two is the place.
    fn place(&self, part: &str) -> Range<usize> {
        let start = (part.as_ptr() as usize).wrapping_sub(self.text.as_ptr() as usize);
        let start = start.min(self.text.len());
        start..(start + part.len()).min(self.text.len())
    }
}
