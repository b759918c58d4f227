//! Addresses: the parts of a photo's id, the templates they are put into, and
//! the site's base URL. Whatever an id contains, it stays inside its own path
//! segment.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use url::Url;

/// Everything but RFC 3986's unreserved characters is encoded. That is right in
/// a path segment and in a query value alike.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The longest id in bytes. Encoded it is at most three times as long, which
/// still fits the 8 kB that web servers commonly allow for a request line.
const LONGEST_ID: usize = 512;

/// The whole id, beside its named parts.
const WHOLE: &str = "id";

/// How ids of a site are built: the names of the parts between the slashes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub(super) struct IdShape(Vec<String>);

impl Default for IdShape {
    /// One part: the site's own id.
    fn default() -> Self {
        Self(vec![WHOLE.to_owned()])
    }
}

impl TryFrom<Vec<String>> for IdShape {
    type Error = String;

    fn try_from(names: Vec<String>) -> Result<Self, String> {
        if names.is_empty() || names.iter().any(|name| !is_variable(name)) {
            return Err("id must list at least one part, each a plain lower-case word".into());
        }
        Ok(Self(names))
    }
}

/// An id taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct IdParts<'a> {
    whole: &'a str,
    named: Vec<(&'a str, &'a str)>,
}

impl IdShape {
    /// What an id looks like, for messages: `album/name`.
    pub(super) fn shown(&self) -> String {
        self.0.join("/")
    }

    /// How many parts an id has.
    pub(super) fn parts(&self) -> usize {
        self.0.len()
    }

    /// The names of the parts, in order.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The variables that templates may use.
    pub(super) fn variables(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str).chain([WHOLE])
    }

    /// Takes an id apart, or says why it is none.
    pub(super) fn split<'a>(&'a self, id: &'a str) -> Result<IdParts<'a>, String> {
        if id.len() > LONGEST_ID {
            return Err(format!("it is longer than {LONGEST_ID} bytes"));
        }
        // Line separators break log lines and terminals just as control
        // characters do.
        let breaks = |c: char| c.is_control() || c == '\u{2028}' || c == '\u{2029}';
        if id.chars().any(breaks) {
            return Err("it contains control characters".into());
        }
        // An id of one part may contain slashes: they are encoded.
        let parts: Vec<&str> = if self.0.len() == 1 {
            vec![id]
        } else {
            id.split('/').collect()
        };
        if parts.len() != self.0.len() {
            return Err(format!("it is not of the form {}", self.shown()));
        }
        for (name, part) in self.0.iter().zip(&parts) {
            if part.trim().is_empty() {
                return Err(format!("its {name} is empty"));
            }
            // URL parsers and file systems would both step out of the folder.
            if matches!(*part, "." | "..") {
                return Err(format!("its {name} is \"{part}\""));
            }
        }
        let named = self.0.iter().map(String::as_str).zip(parts).collect();
        Ok(IdParts { whole: id, named })
    }
}

impl<'a> IdParts<'a> {
    /// The value of a variable that [`IdShape::variables`] lists.
    pub(super) fn get(&self, variable: &str) -> Option<&'a str> {
        if let Some((_, value)) = self.named.iter().find(|(name, _)| *name == variable) {
            return Some(value);
        }
        (variable == WHOLE).then_some(self.whole)
    }

    /// The parts in order.
    pub(super) fn values(&self) -> impl Iterator<Item = &'a str> {
        self.named.iter().map(|(_, value)| *value)
    }
}

/// Text with variables in braces, such as `/album/{album}/{name}/get`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Variable(String),
}

/// How values are written into a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Percent-encoded, for URLs.
    Percent,
    /// As they are.
    Plain,
}

impl TryFrom<String> for Template {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text.as_str();
        while let Some(at) = rest.find(['{', '}']) {
            let (literal, from) = rest.split_at(at);
            // Doubled braces stand for themselves: GraphQL is full of them.
            if from.starts_with("{{") || from.starts_with("}}") {
                pieces.push(Piece::Literal(format!("{literal}{}", &from[..1])));
                rest = &from[2..];
                continue;
            }
            let variable = from
                .strip_prefix('{')
                .and_then(|inner| inner.split_once('}'))
                .filter(|(name, _)| is_variable(name));
            let Some((name, after)) = variable else {
                return Err(format!("\"{text}\" has a brace that encloses no name"));
            };
            if !literal.is_empty() {
                pieces.push(Piece::Literal(literal.to_owned()));
            }
            pieces.push(Piece::Variable(name.to_owned()));
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Literal(rest.to_owned()));
        }
        Ok(Self(pieces))
    }
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}

impl Template {
    /// Refuses variables that nobody will fill in.
    pub(super) fn check(&self, known: &[&str]) -> Result<(), String> {
        for piece in &self.0 {
            if let Piece::Variable(name) = piece
                && !known.contains(&name.as_str())
            {
                let known: Vec<String> = known.iter().map(|name| format!("{{{name}}}")).collect();
                return Err(format!(
                    "{{{name}}} is unknown; known: {}",
                    known.join(", ")
                ));
            }
        }
        Ok(())
    }

    /// The variables it uses.
    pub(super) fn variables(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Variable(name) => Some(name.as_str()),
            Piece::Literal(_) => None,
        })
    }

    /// Whether it uses a variable.
    pub(super) fn uses(&self, variable: &str) -> bool {
        self.variables().any(|name| name == variable)
    }

    /// The one variable this template consists of.
    pub(super) fn only_variable(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Piece::Variable(name)] => Some(name),
            _ => None,
        }
    }

    /// The text before the first variable.
    pub(super) fn literal_start(&self) -> &str {
        match self.0.first() {
            Some(Piece::Literal(text)) => text,
            _ => "",
        }
    }

    /// Fills the variables in; one without a value becomes nothing.
    pub(super) fn render<V: AsRef<str>>(
        &self,
        encoding: Encoding,
        value: impl Fn(&str) -> Option<V>,
    ) -> String {
        let mut text = String::new();
        for piece in &self.0 {
            let name = match piece {
                Piece::Literal(literal) => {
                    text.push_str(literal);
                    continue;
                }
                Piece::Variable(name) => name,
            };
            let Some(value) = value(name) else { continue };
            match encoding {
                Encoding::Plain => text.push_str(value.as_ref()),
                Encoding::Percent => text.extend(utf8_percent_encode(value.as_ref(), RESERVED)),
            }
        }
        text
    }
}

/// The address below which a site's API lives, path included.
#[derive(Clone, Debug)]
pub(super) struct Base(Url);

impl Base {
    /// Takes an http(s) URL without credentials, query or fragment.
    pub(super) fn new(url: &Url) -> Result<Self, String> {
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err("it must begin with http:// or https:// and a host".into());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(
                "it must not contain credentials; name a variable in site.token_env".into(),
            );
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("it must end with the path, without ? or #".into());
        }
        Ok(Self(url.clone()))
    }

    /// The URL itself.
    pub(super) fn url(&self) -> &Url {
        &self.0
    }

    /// A template's place on this site: absolute as it is, anything else below
    /// the base path. Refuses what a URL parser would move to another folder.
    pub(super) fn join(&self, template: &Template, id: &IdParts<'_>) -> Result<Url, String> {
        self.place(template, |name| id.get(name).map(str::to_owned))
    }

    /// The same with any variables.
    pub(super) fn place(
        &self,
        template: &Template,
        value: impl Fn(&str) -> Option<String>,
    ) -> Result<Url, String> {
        let rendered = template.render(Encoding::Percent, value);
        let text = if is_absolute(template.literal_start()) {
            rendered
        } else {
            let base = self.0.as_str().trim_end_matches('/');
            format!("{base}/{}", rendered.trim_start_matches('/'))
        };
        let url = Url::parse(&text).map_err(|error| format!("it makes no URL: {error}"))?;
        let slashes = |text: &str| {
            text.split(['?', '#'])
                .next()
                .map_or(0, |path| path.matches('/').count())
        };
        if slashes(url.as_str()) != slashes(&text) {
            return Err("it would leave its folder".into());
        }
        Ok(url)
    }
}

/// Adds names and values to an address's query, encoded.
pub(super) fn add_query<'q>(url: &mut Url, pairs: impl Iterator<Item = (&'q str, String)>) {
    let mut query = url.query().unwrap_or_default().to_owned();
    for (name, value) in pairs {
        if !query.is_empty() {
            query.push('&');
        }
        query.extend(utf8_percent_encode(name, RESERVED));
        query.push('=');
        query.extend(utf8_percent_encode(&value, RESERVED));
    }
    if !query.is_empty() {
        url.set_query(Some(&query));
    }
}

/// Whether a template names its own host.
pub(super) fn is_absolute(literal_start: &str) -> bool {
    let start = literal_start.to_ascii_lowercase();
    start.starts_with("http://") || start.starts_with("https://")
}

/// A URL as messages show it: without credentials, query and fragment, any of
/// which may hold a secret.
pub(super) fn shown(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn album() -> IdShape {
        IdShape(vec!["album".into(), "name".into()])
    }

    fn template(text: &str) -> Template {
        Template::try_from(text.to_owned()).unwrap()
    }

    fn place(base: &str, text: &str, id: &str) -> Result<String, String> {
        let shape = album();
        let base = Base::new(&Url::parse(base).unwrap()).unwrap();
        base.join(&template(text), &shape.split(id)?)
            .map(String::from)
    }

    const GET: &str = "/album/{album}/{name}/get";

    #[test]
    fn a_query_is_encoded_and_added_to_what_is_there() {
        let mut url = Url::parse("https://h/?rest_route=/wp/v2/media").unwrap();
        let pairs = [
            ("page[limit]", "50".to_owned()),
            ("q", "a&b=c #é".to_owned()),
        ];
        add_query(&mut url, pairs.into_iter());
        assert_eq!(
            url.as_str(),
            "https://h/?rest_route=/wp/v2/media&page%5Blimit%5D=50&q=a%26b%3Dc%20%23%C3%A9"
        );
    }

    #[test]
    fn every_byte_outside_unreserved_is_encoded() {
        assert_eq!(
            place("https://h", GET, "a b/c?d#e%2e&f+g\\é~-._").unwrap(),
            "https://h/album/a%20b/c%3Fd%23e%252e%26f%2Bg%5C%C3%A9~-._/get"
        );
    }

    #[test]
    fn a_base_path_is_kept() {
        for base in ["https://h:8443/cms", "https://h:8443/cms/"] {
            assert_eq!(
                place(base, GET, "a/b").unwrap(),
                "https://h:8443/cms/album/a/b/get"
            );
            assert_eq!(
                place(base, "files/{album}/{name}-1280w.jpg", "a/b").unwrap(),
                "https://h:8443/cms/files/a/b-1280w.jpg"
            );
            assert_eq!(
                place(base, "HTTPS://cdn/{album}/{name}.jpg", "a/b").unwrap(),
                "https://cdn/a/b.jpg"
            );
        }
    }

    #[test]
    fn no_id_leaves_its_folder() {
        for id in ["../b", "a/..", "./b", "a/."] {
            assert!(place("https://h", GET, id).is_err(), "{id}");
        }
        // The parser would take `%2e%2e` for `..`; encoded it is a plain name.
        assert_eq!(
            place("https://h", GET, "%2e%2e/b").unwrap(),
            "https://h/album/%252e%252e/b/get"
        );
        // A template that completes a dot segment is caught as well.
        assert!(place("https://h", "/x/{album}/.{name}/y", "a/b").is_ok());
        let shape = IdShape(vec!["dot".into(), "name".into()]);
        let base = Base::new(&Url::parse("https://h").unwrap()).unwrap();
        let id = shape.split(".x/b").unwrap();
        assert!(base.join(&template("/x/../{name}"), &id).is_err());
    }

    #[test]
    fn ids_of_another_form_are_refused_with_the_reason() {
        for (id, reason) in [
            ("plain", "album/name"),
            ("a/b/c", "album/name"),
            ("/a/b", "album/name"),
            ("/b", "album is empty"),
            ("a/", "name is empty"),
            ("a/ ", "name is empty"),
            ("a/b\u{7}", "control"),
            ("a/b\nc", "control"),
            ("a/b\u{2028}", "control"),
        ] {
            let error = album().split(id).unwrap_err();
            assert!(error.contains(reason), "{id:?}: {error}");
        }
        assert!(album().split(&format!("a/{}", "x".repeat(510))).is_ok());
        assert!(album().split(&format!("a/{}", "x".repeat(511))).is_err());
    }

    #[test]
    fn templates_are_checked_before_the_first_photo() {
        for bad in ["{", "}", "{}", "{a", "a}", "{Album}", "{{{a b}}}", "{a b}"] {
            assert!(Template::try_from(bad.to_owned()).is_err(), "{bad}");
        }
        let error = template("/{album}/{slug}")
            .check(&["album", "name", "id"])
            .unwrap_err();
        assert_eq!(error, "{slug} is unknown; known: {album}, {name}, {id}");
        assert!(template("/{id}").check(&["id"]).is_ok());
    }

    #[test]
    fn a_base_url_with_secrets_or_a_query_is_refused() {
        for bad in [
            "ftp://h/",
            "file:///tmp",
            "https://u:p@h/",
            "https://h/?key=1",
            "https://h/#x",
        ] {
            assert!(Base::new(&Url::parse(bad).unwrap()).is_err(), "{bad}");
        }
    }

    #[test]
    fn urls_are_shown_without_what_may_be_secret() {
        let url = Url::parse("https://u:p@h:8443/a/b?sig=1#x").unwrap();
        assert_eq!(shown(&url), "https://h:8443/a/b");
    }

    proptest! {
        #[test]
        fn whatever_an_id_says_the_rest_of_the_url_stands(id in "\\PC{0,40}/\\PC{0,40}") {
            if let Ok(url) = place("https://h/base", GET, &id) {
                let path = Url::parse(&url).unwrap().path().to_owned();
                prop_assert!(path.starts_with("/base/album/") && path.ends_with("/get"), "{path}");
                prop_assert_eq!(path.matches('/').count(), 5);
                let (album, name) = id.split_once('/').unwrap();
                let back = |part: usize| {
                    percent_encoding::percent_decode_str(path.split('/').nth(part).unwrap())
                        .decode_utf8().unwrap().into_owned()
                };
                prop_assert_eq!(back(3), album);
                prop_assert_eq!(back(4), name);
            }
        }
    }
}
