//! The description that drives a site: where to read and write a photo, where
//! its texts are in the reply, how the machine's mark is said. Presets are such
//! descriptions as TOML files; everything here is pure.

use super::address::{Encoding, IdParts, IdShape, Template};
use super::body;
use crate::archive::{Reading, Tag};
use reqwest::header::{HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::{Map, Value};

const ALBUM: &str = include_str!("presets/album.toml");

/// A site, described.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Description {
    /// The parts of an id.
    pub(super) id: IdShape,
    /// Where ids come from.
    pub(super) listing: ListingKind,
    /// How the credential is sent.
    pub(super) auth: Auth,
    /// The request that shows one photo.
    pub(super) read: ReadRequest,
    /// The request that changes one photo.
    pub(super) update: UpdateRequest,
    fields: Fields,
    tag: Option<TagMap>,
    #[serde(default)]
    errors: Errors,
}

/// Where the ids of all photos come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ListingKind {
    /// From outside: a manifest, or the walk through a folder of originals.
    Manifest,
}

/// How the credential is sent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Auth {
    /// The header that carries it.
    pub(super) header: String,
    /// Its value, with `{token}`.
    pub(super) value: Template,
    /// Whether requests for images on the site's own origin carry it too.
    #[serde(default)]
    pub(super) pixels: bool,
}

impl Auth {
    /// The header that carries a token. Its value is marked as sensitive, so
    /// that no log and no `Debug` shows it.
    pub(super) fn credential(&self, token: &str) -> Result<(HeaderName, HeaderValue), String> {
        let name = HeaderName::try_from(&self.header)
            .map_err(|_| "the description names no valid header".to_owned())?;
        let text = self
            .value
            .render(Encoding::Plain, |name| (name == "token").then_some(token));
        let mut value = HeaderValue::from_str(&text).map_err(|_| {
            "the token has characters that no header can carry (a line break?)".to_owned()
        })?;
        value.set_sensitive(true);
        Ok((name, value))
    }
}

/// HTTP methods that descriptions use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Method {
    Get,
    Post,
    Put,
    Patch,
}

/// The request that shows one photo.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadRequest {
    /// The method.
    pub(super) method: Method,
    /// The URL, with the parts of the id.
    pub(super) url: Template,
}

/// The request that changes one photo.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UpdateRequest {
    /// The method.
    pub(super) method: Method,
    /// The URL, with the parts of the id.
    pub(super) url: Template,
    /// The media type of the body.
    #[serde(default = "json_media_type")]
    pub(super) content_type: String,
    /// JSON whose strings `{alt}` and `{tag}` become our values (and disappear
    /// where there is none); parts of the id may stand in any other string.
    body: Value,
}

fn json_media_type() -> String {
    "application/json".to_owned()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    alt: Sources,
    #[serde(default)]
    title: Sources,
    #[serde(default)]
    caption: Sources,
    #[serde(default)]
    album: Sources,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Errors {
    #[serde(default)]
    message: Sources,
}

/// Places where a value may be, the preferred one first.
#[derive(Debug, Default, Deserialize)]
#[serde(try_from = "OneOrMany")]
struct Sources(Vec<Source>);

#[derive(Debug)]
enum Source {
    Pointer(Pointer),
    Id(Template),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl TryFrom<OneOrMany> for Sources {
    type Error = String;

    fn try_from(raw: OneOrMany) -> Result<Self, String> {
        let texts = match raw {
            OneOrMany::One(text) => vec![text],
            OneOrMany::Many(texts) => texts,
        };
        let source = |text: String| {
            if text.starts_with('{') {
                Template::try_from(text).map(Source::Id)
            } else {
                Pointer::try_from(text).map(Source::Pointer)
            }
        };
        texts
            .into_iter()
            .map(source)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// An RFC 6901 pointer to something inside a document.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Pointer(String);

impl TryFrom<String> for Pointer {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let escapes_are_whole = text
            .split('~')
            .skip(1)
            .all(|after| after.starts_with(['0', '1']));
        if !text.starts_with('/') || !escapes_are_whole {
            return Err(format!(
                "\"{text}\" is no JSON pointer: it begins with / and writes ~ as ~0, / as ~1"
            ));
        }
        Ok(Self(text))
    }
}

impl Pointer {
    /// What it points at; `null` counts as nothing.
    fn find<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        document.pointer(&self.0).filter(|value| !value.is_null())
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TagMap {
    pointer: Pointer,
    machine: Mark,
    person: Mark,
    /// Whether the field says "machine" before anybody has touched it.
    machine_is_default: bool,
}

/// The JSON values that stand for one mark.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mark {
    write: Value,
    read: Vec<Value>,
}

/// Why a JSON document can't be read as a photo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// It is not a photo at all.
    NotAPhoto(String),
    /// It is one, but its alt text is not a text.
    BadAlt(String),
}

/// What an update says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Update<'a> {
    /// The new alt text, where it changes.
    pub(super) alt: Option<&'a str>,
    /// The new mark, where it is set.
    pub(super) tag: Option<Tag>,
}

impl Description {
    /// The album API's description.
    pub(super) fn album() -> Self {
        Self::parse(ALBUM).expect("a test parses every preset")
    }

    /// Reads a description and checks what serde can't.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let description: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        let parts: Vec<&str> = description.id.variables().collect();
        description.read.url.check(&parts)?;
        description.update.url.check(&parts)?;
        description.auth.value.check(&["token"])?;
        let fields = &description.fields;
        for sources in [&fields.alt, &fields.title, &fields.caption, &fields.album] {
            for source in &sources.0 {
                if let Source::Id(template) = source {
                    template.check(&parts)?;
                }
            }
        }
        let mut used = Vec::new();
        body::check(&description.update.body, &parts, &mut used)?;
        let has = |name: &str| used.iter().any(|other| other == name);
        if !has("alt") {
            return Err("update.body says {alt} nowhere, so nothing would be written".into());
        }
        if has("tag") != description.tag.is_some() {
            return Err("update.body says {tag} exactly where there is a [tag] table".into());
        }
        Ok(description)
    }

    /// Whether the site holds a mark, and whether "machine" is its default.
    pub(super) fn tag_is_default(&self) -> Option<bool> {
        self.tag.as_ref().map(|tag| tag.machine_is_default)
    }

    /// Reads a photo out of a reply.
    pub(super) fn reading(&self, item: &Value, id: &IdParts<'_>) -> Result<Reading, Unfit> {
        let kind = match item {
            Value::Object(_) => None,
            Value::Array(_) => Some("a JSON list"),
            Value::Null => Some("the JSON value null"),
            _ => Some("a bare JSON value"),
        };
        if let Some(kind) = kind {
            return Err(Unfit::NotAPhoto(kind.to_owned()));
        }
        // An error in JSON with status 200 must not pass for a photo without
        // alt text: one known field has to be there, if only as null.
        if !self.known_pointers().any(|p| item.pointer(&p.0).is_some()) {
            let pointers: Vec<&str> = self.known_pointers().map(|p| p.0.as_str()).collect();
            return Err(Unfit::NotAPhoto(format!(
                "JSON without any of {}",
                pointers.join(", ")
            )));
        }
        Ok(Reading {
            alt: self.alt(item)?,
            tag: self.tag.as_ref().and_then(|tag| tag.read(item)),
            title: self.fields.title.text(item, id),
            caption: self.fields.caption.text(item, id),
            album: self.fields.album.text(item, id),
            etag: None,
        })
    }

    /// Whether a reply to an update shows the photo's alt text.
    pub(super) fn shows_alt(&self, item: &Value) -> bool {
        let mut pointers = self.fields.alt.pointers();
        pointers.any(|pointer| item.pointer(&pointer.0).is_some())
    }

    /// The body of an update.
    pub(super) fn body(&self, update: Update<'_>, id: &IdParts<'_>) -> Value {
        body::fill(&self.update.body, &|name| match name {
            "alt" => update.alt.map(Value::from),
            "tag" => self.mark(update.tag?),
            part => id.get(part).map(Value::from),
        })
        .unwrap_or_else(|| Value::Object(Map::new()))
    }

    /// What an error reply says in words.
    pub(super) fn complaint(&self, reply: &Value) -> Option<String> {
        self.errors
            .message
            .pointers()
            .find_map(|pointer| pointer.find(reply)?.as_str())
            .and_then(one_line)
    }

    fn mark(&self, tag: Tag) -> Option<Value> {
        let map = self.tag.as_ref()?;
        Some(match tag {
            Tag::Machine => map.machine.write.clone(),
            Tag::Person => map.person.write.clone(),
        })
    }

    fn alt(&self, item: &Value) -> Result<Option<String>, Unfit> {
        let mut pointers = self.fields.alt.pointers();
        match pointers.find_map(|pointer| pointer.find(item)) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(Unfit::BadAlt(format!(
                "its alt text is {}, not a text",
                kind_of(other)
            ))),
        }
    }

    fn known_pointers(&self) -> impl Iterator<Item = &Pointer> {
        let fields = &self.fields;
        [&fields.alt, &fields.title, &fields.caption]
            .into_iter()
            .flat_map(Sources::pointers)
            .chain(self.tag.as_ref().map(|tag| &tag.pointer))
    }
}

impl Sources {
    fn pointers(&self) -> impl Iterator<Item = &Pointer> {
        self.0.iter().filter_map(|source| match source {
            Source::Pointer(pointer) => Some(pointer),
            Source::Id(_) => None,
        })
    }

    /// The first of them that holds some text, on one line.
    fn text(&self, item: &Value, id: &IdParts<'_>) -> Option<String> {
        self.0.iter().find_map(|source| match source {
            Source::Pointer(pointer) => match pointer.find(item)? {
                Value::String(text) => one_line(text),
                Value::Number(number) => Some(number.to_string()),
                _ => None,
            },
            // Ids are slugs: a person would say "summer 2019", not "summer-2019".
            Source::Id(template) => {
                let slug = template.render(Encoding::Plain, |name| id.get(name));
                one_line(&slug.replace(['-', '_'], " "))
            }
        })
    }
}

impl TagMap {
    fn read(&self, item: &Value) -> Option<Tag> {
        let value = self.pointer.find(item)?;
        let says = |mark: &Mark| mark.read.iter().any(|known| same(known, value));
        if says(&self.person) {
            Some(Tag::Person)
        } else if says(&self.machine) {
            Some(Tag::Machine)
        } else {
            None
        }
    }
}

/// Equal as a person would say: 1 and 1.0 are the same number.
fn same(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => (one - other).abs() < f64::EPSILON,
        _ => one == other,
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn one_line(text: &str) -> Option<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    (!words.is_empty()).then(|| words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(item: &Value) -> Result<Reading, Unfit> {
        let album = Description::album();
        album.reading(item, &album.id.split("summer-2019/lake_1").unwrap())
    }

    #[test]
    fn the_preset_parses_and_holds_a_tag_that_is_machine_by_default() {
        let album = Description::parse(ALBUM).unwrap();
        assert_eq!(album.tag_is_default(), Some(true));
        assert_eq!(album.listing, ListingKind::Manifest);
        assert!(!album.auth.pixels);
    }

    #[test]
    fn a_photo_is_read_tolerantly() {
        let reading = read(&json!({
            "title": " Lake \n at  dawn", "alt": " as it is ", "caption": 7, "verified": 1, "more": []
        }))
        .unwrap();
        assert_eq!(reading.title.as_deref(), Some("Lake at dawn"));
        assert_eq!(reading.alt.as_deref(), Some(" as it is "));
        assert_eq!(reading.caption.as_deref(), Some("7"));
        assert_eq!(reading.album.as_deref(), Some("summer 2019"));
        assert_eq!(reading.tag, Some(Tag::Person));
        for item in [
            json!({"title": null}),
            json!({"alt": null}),
            json!({"verified": 5}),
        ] {
            let reading = read(&item).unwrap();
            assert_eq!((reading.alt, reading.tag), (None, None), "{item}");
        }
        let alt = read(&json!({"alt": ""})).unwrap().alt;
        assert_eq!(alt.as_deref(), Some(""));
    }

    #[test]
    fn a_tag_is_read_in_every_spelling() {
        for (values, tag) in [
            (
                vec![json!(0), json!(0.0), json!(false), json!("0")],
                Some(Tag::Machine),
            ),
            (
                vec![json!(1), json!(1.0), json!(true), json!("1")],
                Some(Tag::Person),
            ),
            (
                vec![
                    json!(null),
                    json!(2),
                    json!(""),
                    json!("yes"),
                    json!([0]),
                    json!({}),
                ],
                None,
            ),
        ] {
            for value in values {
                let reading = read(&json!({"alt": "x", "verified": value})).unwrap();
                assert_eq!(reading.tag, tag, "{value}");
            }
        }
    }

    #[test]
    fn what_is_no_photo_is_not_taken_for_one_without_alt() {
        for item in [
            json!([]),
            json!(null),
            json!("x"),
            json!({}),
            json!({"error": "database is down"}),
        ] {
            assert!(matches!(read(&item), Err(Unfit::NotAPhoto(_))), "{item}");
        }
        for alt in [json!(["x"]), json!({"und": "x"}), json!(3), json!(true)] {
            let item = json!({"alt": alt});
            assert!(matches!(read(&item), Err(Unfit::BadAlt(_))), "{item}");
        }
    }

    #[test]
    fn an_update_says_only_what_changes() {
        let album = Description::album();
        let id = album.id.split("a/b").unwrap();
        let update = |alt, tag| album.body(Update { alt, tag }, &id);
        assert_eq!(
            update(Some("A lake."), Some(Tag::Machine)).to_string(),
            r#"{"alt":"A lake.","verified":0}"#
        );
        assert_eq!(update(Some(""), None), json!({"alt": ""}));
        assert_eq!(update(None, Some(Tag::Person)), json!({"verified": 1}));
        assert_eq!(update(None, None), json!({}));
        // A caption that looks like a template is just text.
        assert_eq!(update(Some("{tag}"), None), json!({"alt": "{tag}"}));
    }

    #[test]
    fn the_shape_carries_other_sites() {
        let media = Description::parse(
            r#"
            id = ["id"]
            listing = "manifest"
            auth = { header = "Authorization", value = "Bearer {token}", pixels = true }
            read = { method = "GET", url = "/wp/v2/media/{id}?context=edit" }
            fields = { alt = "/data/a~1b", title = ["/title/raw", "/title/rendered"] }
            tag = { pointer = "/meta/alt_source", machine = { write = "ai", read = ["ai"] }, person = { write = "human", read = ["human"] }, machine_is_default = false }
            [update]
            method = "POST"
            url = "/wp/v2/media/{id}"
            content_type = "application/vnd.api+json"
            body = { data = { id = "{id}", link = "media:{id}", kind = "x", alt_text = "{alt}" }, meta = { alt_source = "{tag}" } }
            "#,
        )
        .unwrap();
        let id = media.id.split("7").unwrap();
        let reading = media
            .reading(
                &json!({"data": {"a/b": "x"}, "title": {"rendered": "T"}, "meta": {"alt_source": "ai"}}),
                &id,
            )
            .unwrap();
        assert_eq!(reading.alt.as_deref(), Some("x"));
        assert_eq!(reading.title.as_deref(), Some("T"));
        assert_eq!(reading.tag, Some(Tag::Machine));
        let update = Update {
            alt: Some("y"),
            tag: None,
        };
        assert_eq!(
            media.body(update, &id),
            json!({"data": {"id": "7", "link": "media:7", "kind": "x", "alt_text": "y"}})
        );
    }

    #[test]
    fn faulty_descriptions_are_refused_with_the_reason() {
        for (from, to, reason) in [
            (
                "[fields]",
                "[fields]\nslug = \"/x\"",
                "unknown field `slug`",
            ),
            (
                "/album/{album}/{name}/get",
                "/album/{slug}/get",
                "{slug} is unknown",
            ),
            ("\"{token}\"", "\"{key}\"", "{key} is unknown"),
            ("\"/alt\"", "\"alt\"", "no JSON pointer"),
            ("\"/alt\"", "\"/a~2\"", "no JSON pointer"),
            ("alt = \"{alt}\", ", "", "{alt} nowhere"),
            (", verified = \"{tag}\"", "", "[tag]"),
            ("\"{alt}\"", "\"says {alt}\"", "{alt} is unknown"),
            ("\"PATCH\"", "\"SEND\"", "unknown variant `SEND`"),
            ("\"album\", \"name\"", "", "at least one part"),
        ] {
            let changed = ALBUM.replace(from, to);
            assert_ne!(changed, ALBUM, "{from}");
            let error = Description::parse(&changed).unwrap_err();
            assert!(error.contains(reason), "{to}: {error}");
        }
    }

    #[test]
    fn errors_are_quoted_on_one_line() {
        let album = Description::album();
        let complaint = |reply| album.complaint(&reply);
        assert_eq!(
            complaint(json!({"error": {"message": "too\nlong"}})).as_deref(),
            Some("too long")
        );
        assert_eq!(complaint(json!({"error": true})), None);
    }
}
