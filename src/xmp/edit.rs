//! Changes the alt text and our mark in a packet, in place.
//!
//! What we add stands in an `rdf:Description` of its own behind the others, which
//! XMP allows: so nothing else is touched, and taking it away again leaves the
//! packet as it was. A text that is there already is replaced where it stands.

use super::found::{Item, Place, Property, Scan, Top, Value};
use super::packet::{decode, is_legal};
use super::scan::scan;
use super::{Mark, Packet, XmpError, choose, digest, names};
use std::fmt::Write as _;
use std::ops::Range;

/// What a packet is to say.
#[derive(Clone, Debug)]
pub struct Wish<'w> {
    /// The alt text; empty for none.
    pub text: &'w str,
    /// Its language.
    pub language: &'w str,
    /// What happens to our mark.
    pub mark: MarkWish,
}

/// What happens to our mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MarkWish {
    /// It stays as it is.
    Keep,
    /// It becomes this one.
    Set(Mark),
    /// It goes.
    Clear,
}

/// What became of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edited {
    /// These are its bytes now.
    Bytes(Vec<u8>),
    /// Nothing is left in it, and we had made it: the file may go.
    Nothing,
}

/// Changes a packet.
///
/// # Errors
/// Whatever makes it unsafe to change. The result is read again: unless it says
/// what it was to say and everything else as before, it is not given out.
pub fn edit(bytes: &[u8], wish: &Wish<'_>) -> Result<Edited, XmpError> {
    let (order_mark, text) = decode(bytes)?;
    let before = scan(text)?;
    let edits = Plan::new(text, &before, wish)?.edits();
    let edited = apply(text, edits)?;
    let after = scan(&edited).map_err(|_| XmpError::Entangled)?;
    check((text, &before), (&edited, &after), wish)?;
    let empty = after.tops.iter().all(|top| top.properties.is_empty());
    let ours = after.toolkit.as_deref() == Some(names::TOOLKIT);
    if empty && ours {
        return Ok(Edited::Nothing);
    }
    Ok(Edited::Bytes([order_mark, edited.as_bytes()].concat()))
}

/// A new packet that says this and nothing else.
pub fn fresh(wish: &Wish<'_>) -> Vec<u8> {
    let mark = match &wish.mark {
        MarkWish::Set(mark) => Some(mark),
        MarkWish::Keep | MarkWish::Clear => None,
    };
    let text = (!wish.text.is_empty()).then_some(wish.text);
    let block = block(text, mark, "rdf", "", "\n");
    format!(
        "<?xpacket begin=\"\u{feff}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n\
         <x:xmpmeta xmlns:x=\"{}\" x:xmptk=\"{}\">\n \
         <rdf:RDF xmlns:rdf=\"{}\">{block}\n </rdf:RDF>\n\
         </x:xmpmeta>\n<?xpacket end=\"w\"?>\n",
        names::META,
        names::TOOLKIT,
        names::RDF,
    )
    .into_bytes()
}

type Edit = (Range<usize>, String);

/// What is to be done, seen from one packet.
struct Plan<'p> {
    text: &'p str,
    scan: &'p Scan,
    wish: &'p Wish<'p>,
    /// Our own descriptions: what we added, and nobody added to.
    own: Vec<&'p Top>,
    /// The alt text, where it stands in none of them.
    property: Option<(&'p Property, Option<&'p Item>)>,
    /// The mark, where it stays.
    kept: Option<Mark>,
}

impl<'p> Plan<'p> {
    fn new(text: &'p str, scan: &'p Scan, wish: &'p Wish<'p>) -> Result<Self, XmpError> {
        let own: Vec<&Top> = scan.tops.iter().filter(|top| is_own(top)).collect();
        let inside = |property: &Property| {
            let at = property.span();
            own.iter()
                .any(|top| top.span.start <= at.start && at.end <= top.span.end)
        };
        let chosen = choose::alt(scan, wish.language)?;
        let property = chosen
            .filter(|chosen| !inside(chosen.property))
            .map(|chosen| (chosen.property, chosen.item));
        let kept = match wish.mark {
            MarkWish::Keep if !own.is_empty() => Packet::of(scan, wish.language)?.mark,
            _ => None,
        };
        Ok(Self {
            text,
            scan,
            wish,
            own,
            property,
            kept,
        })
    }

    fn edits(&self) -> Vec<Edit> {
        let mut edits = Vec::new();
        let text = (!self.wish.text.is_empty()).then_some(self.wish.text);
        if let Some((property, item)) = self.property {
            match text {
                Some(text) => edits.extend(self.put(property, item, text)),
                None => edits.extend(self.take(property, item)),
            }
        }
        if self.wish.mark != MarkWish::Keep {
            let tops = self.scan.tops.iter().filter(|top| !is_own(top));
            let marks = tops
                .flat_map(|top| &top.properties)
                .filter(|it| is_mark(it));
            edits.extend(marks.map(|mark| (self.with_space(mark), String::new())));
        }
        let mark = match &self.wish.mark {
            MarkWish::Keep => self.kept.as_ref(),
            MarkWish::Set(mark) => Some(mark),
            MarkWish::Clear => None,
        };
        let text = text.filter(|_| self.property.is_none());
        let prefix = &self.scan.rdf.prefix;
        let about = self.scan.tops.first().map_or("", |top| &top.about);
        let end = if self.text.contains("\r\n") {
            "\r\n"
        } else {
            "\n"
        };
        let mut block = match (text, mark) {
            (None, None) => String::new(),
            (text, mark) => block(text, mark, prefix, about, end),
        };
        let mut own = self
            .own
            .iter()
            .map(|top| self.space_before(top.span.clone()));
        if let Some(place) = own.next() {
            edits.push((place, block));
            edits.extend(own.map(|place| (place, String::new())));
        } else if !block.is_empty() {
            let rdf = &self.scan.rdf;
            if rdf.empty {
                let slash = self.text[rdf.tag.clone()].rfind('/').unwrap_or_default();
                let _ = write!(block, "{end} </{prefix}:RDF>");
                edits.push((rdf.tag.start + slash..rdf.tag.end, format!(">{block}")));
            } else {
                let last = self.scan.tops.last();
                let place = last.map_or(rdf.tag.end, |top| top.span.end);
                edits.push((place..place, block));
            }
        }
        edits
    }

    /// Puts a text into a property that is there.
    fn put(&self, property: &Property, item: Option<&Item>, text: &str) -> Option<Edit> {
        let replace = |now: &str, place: Range<usize>, escaped: String| {
            (now != text).then_some((place, escaped))
        };
        match (&property.place, &property.value, item) {
            (Place::Attribute(_, inside), Value::Text(now, _), _) => {
                replace(now, inside.clone(), escape(text, true))
            }
            (_, Value::Text(now, Some(inside)), _) => {
                replace(now, inside.clone(), escape(text, false))
            }
            (Place::Element(span), Value::Text(_, None), _) => {
                Some(self.opened(span.clone(), &escape(text, false)))
            }
            (_, Value::Items(..), Some(item)) => match &item.inner {
                Some(inside) => replace(&item.text, inside.clone(), escape(text, false)),
                None => Some(self.opened(item.outer.clone(), &escape(text, false))),
            },
            (Place::Element(span), Value::Items(items, place), None) => {
                let rdf = &self.scan.rdf.prefix;
                let language = escape(self.wish.language, true);
                let text = escape(text, false);
                let new = format!("<{rdf}:li xml:lang=\"{language}\">{text}</{rdf}:li>");
                match (items.last(), place) {
                    (Some(last), _) => {
                        let space = self.space_before(last.outer.clone());
                        let space = &self.text[space.start..last.outer.start];
                        let end = last.outer.end;
                        Some((end..end, format!("{space}{new}")))
                    }
                    (None, Some(place)) => Some((*place..*place, new)),
                    // `<rdf:Alt/>` has no place for an item, so all of it is said anew.
                    (None, None) => {
                        let inside = format!("<{rdf}:Alt>{new}</{rdf}:Alt>");
                        let tag = &self.text[span.clone()];
                        let start = tag.find('>').map_or(tag.len(), |at| at + 1);
                        let end = tag.rfind("</").unwrap_or(tag.len());
                        Some((span.start + start..span.start + end, inside))
                    }
                }
            }
            _ => None,
        }
    }

    /// Takes a text away: its item where others stay, or the whole property. Where
    /// another item would then be shown in its place, it is emptied.
    fn take(&self, property: &Property, item: Option<&Item>) -> Option<Edit> {
        let space = match (&property.value, item) {
            (Value::Items(items, _), Some(item)) if items.len() > 1 => {
                let others = items.iter().filter(|other| other.outer != item.outer);
                if choose::any(&others, self.wish.language) {
                    return item.inner.clone().map(|inner| (inner, String::new()));
                }
                self.space_before(item.outer.clone())
            }
            (Value::Items(items, _), None) if !items.is_empty() => return None,
            _ => self.with_space(property),
        };
        Some((space, String::new()))
    }

    /// `<a b="c"/>` with a text in it.
    fn opened(&self, tag: Range<usize>, text: &str) -> Edit {
        let written = &self.text[tag.clone()];
        let slash = written.rfind('/').unwrap_or(written.len());
        let name = written[1..].split(|c: char| c.is_whitespace() || c == '/' || c == '>');
        let name = name.clone().next().unwrap_or_default();
        let end = format!(">{text}</{name}>");
        (tag.start + slash..tag.end, end)
    }

    fn with_space(&self, property: &Property) -> Range<usize> {
        match &property.place {
            Place::Attribute(span, _) => span.clone(),
            Place::Element(span) => self.space_before(span.clone()),
        }
    }

    /// A place and the white space in front of it.
    fn space_before(&self, place: Range<usize>) -> Range<usize> {
        self.text[..place.start].trim_end().len()..place.end
    }
}

/// Whether a description is as we add them: the mark, and at most one text.
fn is_own(top: &Top) -> bool {
    let fits = |property: &Property| {
        let one = matches!(&property.value, Value::Items(items, _) if items.len() == 1);
        is_mark(property) || (property.is(names::ALT) && one)
    };
    top.properties.iter().any(is_mark) && top.properties.iter().all(fits)
}

fn is_mark(property: &Property) -> bool {
    property.namespace == names::OURS
}

/// A description of our own, with the end of line in front of it.
fn block(text: Option<&str>, mark: Option<&Mark>, rdf: &str, about: &str, end: &str) -> String {
    let mut block = format!("{end}  <{rdf}:Description {rdf}:about=\"{about}\"");
    if text.is_some() {
        let _ = write!(block, "{end}    xmlns:Iptc4xmpCore=\"{}\"", names::IPTC);
    }
    if mark.is_some() {
        let _ = write!(block, "{end}    xmlns:altfill=\"{}\"", names::OURS);
    }
    block.push('>');
    if let Some(text) = text {
        let name = "Iptc4xmpCore:AltTextAccessibility";
        let text = escape(text, false);
        let item = format!(
            "<{rdf}:li xml:lang=\"{}\">{text}</{rdf}:li>",
            choose::DEFAULT
        );
        let _ = write!(
            block,
            "{end}   <{name}>{end}    <{rdf}:Alt>{end}     {item}{end}    </{rdf}:Alt>{end}   </{name}>"
        );
    }
    if let Some(mark) = mark {
        let optional = |text: &Option<String>| text.clone().unwrap_or_default();
        for (name, value) in [
            (names::SOURCE, mark.source.as_str().to_owned()),
            (names::DIGEST, mark.digest.clone()),
            (names::LANGUAGE, optional(&mark.language)),
            (names::ABOVE, optional(&mark.above)),
        ] {
            if !value.is_empty() {
                let value = escape(&value, false);
                let _ = write!(block, "{end}   <altfill:{name}>{value}</altfill:{name}>");
            }
        }
    }
    let _ = write!(block, "{end}  </{rdf}:Description>");
    block
}

/// A text as XML holds it. What XML can't hold is left out.
fn escape(text: &str, attribute: bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars().filter(|it| is_legal(*it)) {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // Readers would make line ends or spaces of these.
            '\r' => escaped.push_str("&#13;"),
            '\n' if attribute => escaped.push_str("&#10;"),
            '\t' if attribute => escaped.push_str("&#9;"),
            '"' if attribute => escaped.push_str("&quot;"),
            '\'' if attribute => escaped.push_str("&apos;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Carries out edits that don't touch each other.
fn apply(text: &str, mut edits: Vec<Edit>) -> Result<String, XmpError> {
    edits.sort_by_key(|(place, _)| place.start);
    let mut edited = String::with_capacity(text.len() + 1024);
    let mut at = 0;
    for (place, new) in edits {
        let between = text.get(at..place.start).ok_or(XmpError::Entangled)?;
        edited.push_str(between);
        edited.push_str(&new);
        at = place.end;
    }
    edited.push_str(text.get(at..).ok_or(XmpError::Entangled)?);
    Ok(edited)
}

/// Whether the edited packet says what it was to say, and all else as before.
fn check(before: (&str, &Scan), after: (&str, &Scan), wish: &Wish<'_>) -> Result<(), XmpError> {
    let said = Packet::of(after.1, wish.language).map_err(|_| XmpError::Entangled)?;
    // What stands there itself, not what stands in for it.
    let chosen = choose::alt(after.1, wish.language).map_err(|_| XmpError::Entangled)?;
    let text = chosen
        .as_ref()
        .and_then(choose::Chosen::text)
        .unwrap_or_default();
    let wished: String = wish.text.chars().filter(|it| is_legal(*it)).collect();
    let marked = match &wish.mark {
        MarkWish::Keep => true,
        MarkWish::Set(mark) => said.mark.as_ref() == Some(mark) && mark.digest == digest(text),
        MarkWish::Clear => said.mark.is_none(),
    };
    if text == wished && marked && others(before) == others(after) {
        Ok(())
    } else {
        Err(XmpError::Entangled)
    }
}

/// Every other property with what it says, and the other languages of this one.
fn others((text, scan): (&str, &Scan)) -> Vec<String> {
    let all = scan.tops.iter().flat_map(|top| &top.properties);
    let others = all.filter(|property| !is_mark(property) && !property.is(names::ALT));
    others
        .map(|property| text[property.span()].trim().to_owned())
        .collect()
}

#[cfg(test)]
#[path = "edit_tests.rs"]
mod tests;
