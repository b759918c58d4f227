//! What tells one system from another. Pure: pages in, guesses out.

use super::fetch::Page;
use super::shape::Guess;
use regex::Regex;
use serde_json::Value;
use std::sync::LazyLock;
use url::Url;

/// What a site is.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// WordPress.
    WordPress(WordPress),
    /// Drupal with JSON:API.
    Drupal(Drupal),
    /// Strapi.
    Strapi,
    /// The album API of a personal Drupal site.
    Album,
    /// Nothing that a preset is for; with what one of its lists tells.
    Unknown(Option<Box<Guess>>),
}

/// What a WordPress tells of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WordPress {
    /// The path of its API below the address: `/wp-json/wp/v2`.
    pub api: String,
    /// What it is called.
    pub name: Option<String>,
    /// The page on which an application password is made; `None` where the site
    /// takes none.
    pub passwords: Option<String>,
    /// How many images everybody may see.
    pub images: Option<u64>,
}

/// What a Drupal tells of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drupal {
    /// The media type that holds images.
    pub media_type: String,
    /// Its image field, where a first photo could be seen.
    pub field: Option<String>,
}

/// The usual address of a page's site: without its query and file name.
pub(super) fn base(front: &Url) -> Url {
    let mut base = front.clone();
    base.set_query(None);
    base.set_fragment(None);
    let path = base.path();
    let last = path.rsplit('/').next().unwrap_or_default();
    let path = if last.contains('.') {
        path[..path.len() - last.len()].to_owned()
    } else {
        path.to_owned()
    };
    // Somebody may give the address of the API itself.
    let path = path.split("/wp-json").next().unwrap_or_default();
    let path = path.split("/jsonapi").next().unwrap_or_default();
    let path = path.split("/api/").next().unwrap_or_default().to_owned();
    base.set_path(path.trim_end_matches('/'));
    base
}

/// Where a page says that WordPress' API is: in its `Link` header, or in its head.
pub(super) fn wordpress_root(front: &Page) -> Option<Url> {
    static LINK: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"(?i)<link[^>]*rel=["']https://api\.w\.org/["'][^>]*>"#).expect("valid")
    });
    static HREF: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r#"(?i)href=["']([^"']+)["']"#).expect("valid"));
    let in_header = front
        .headers("link")
        .flat_map(|line| line.split(','))
        .find_map(|link| {
            let (address, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
            rest.contains("https://api.w.org/")
                .then(|| address.to_owned())
        });
    let address = in_header.or_else(|| {
        let text = front.text();
        let tag = LINK.find(&text)?;
        let href = HREF.captures(tag.as_str())?;
        Some(href[1].replace("&amp;", "&").replace("&#038;", "&"))
    })?;
    front.url.join(&address).ok()
}

/// Reads the index of WordPress' API, and the site's address off its own.
pub(super) fn wordpress(at: &Url, index: &Value) -> Option<(WordPress, Url)> {
    let spaces = index.get("namespaces")?.as_array()?;
    if !spaces.iter().any(|space| space == "wp/v2") {
        return None;
    }
    let mut base = at.clone();
    let api = if at.query().is_some_and(|query| query.contains("rest_route")) {
        "/?rest_route=/wp/v2"
    } else {
        "/wp-json/wp/v2"
    };
    let path = at
        .path()
        .split("/wp-json")
        .next()
        .unwrap_or_default()
        .trim_end_matches('/')
        .to_owned();
    base.set_path(&path);
    base.set_query(None);
    let pointer = "/authentication/application-passwords/endpoints/authorization";
    let text = |pointer: &str| index.pointer(pointer)?.as_str().map(str::to_owned);
    let wordpress = WordPress {
        api: api.to_owned(),
        name: text("/name").filter(|name| !name.trim().is_empty()),
        passwords: text(pointer),
        images: None,
    };
    Some((wordpress, base))
}

/// Reads the entry point of Drupal's JSON:API.
pub(super) fn drupal(entry: &Value) -> Option<Drupal> {
    let is_api = entry.get("jsonapi").is_some() || entry.pointer("/links/self").is_some();
    let links = entry.get("links")?.as_object()?;
    let is_list = entry.get("data").is_some_and(Value::is_array);
    if !is_api || !is_list {
        return None;
    }
    let types: Vec<&str> = links
        .keys()
        .filter_map(|name| name.strip_prefix("media--"))
        .collect();
    let image = types.iter().find(|name| **name == "image");
    let like = types
        .iter()
        .find(|name| name.contains("image") || name.contains("photo"));
    let media_type = image.or(like).map_or("image", |name| name);
    // Who is not logged in may see an entry point without any links.
    Some(Drupal {
        media_type: media_type.to_owned(),
        field: None,
    })
}

/// The image field of the first photo of a list.
pub(super) fn drupal_field(list: &Value) -> Option<String> {
    let relations = list.pointer("/data/0/relationships")?.as_object()?;
    let mut named = relations.iter().filter(|(name, _)| *name != "thumbnail");
    let found = named.find(|(_, relation)| relation.pointer("/data/meta/alt").is_some())?;
    Some(found.0.clone())
}

/// Whether a reply of `/api/upload/files` is Strapi's: its files, or its way to
/// refuse them.
pub(super) fn is_strapi(reply: &Value) -> bool {
    if let Some(files) = reply.as_array() {
        let first = files.first();
        return first.is_some_and(|file| file.get("alternativeText").is_some());
    }
    let name = reply.pointer("/error/name").and_then(Value::as_str);
    let refused = name.is_some_and(|name| name.ends_with("Error"));
    refused && reply.get("data").is_some_and(Value::is_null)
}

/// Whether a reply for an album's photo is the album API's.
pub(super) fn is_album(status: u16, reply: Option<&Value>) -> bool {
    match status {
        200 => {
            reply.is_some_and(|photo| photo.get("alt").is_some() || photo.get("verified").is_some())
        }
        401 | 403 => true,
        _ => false,
    }
}

/// What a page says that it was made with.
pub(super) fn generator(front: &Page) -> Option<String> {
    static META: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"(?i)<meta[^>]*name=["']generator["'][^>]*content=["']([^"']{1,80})["']"#)
            .expect("valid")
    });
    let text = front.text();
    let in_page = META.captures(&text).map(|found| found[1].to_owned());
    let name = front.header("x-generator").map(str::to_owned).or(in_page)?;
    let mut note = format!("the page says that it is made with {name}");
    if name.starts_with("Drupal") {
        note.push_str("; its JSON:API does not answer: is the module JSON:API on?");
    }
    Some(note)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_address_of_a_page_is_no_address_of_a_site() {
        for (page, site) in [
            ("https://example.org", "https://example.org/"),
            ("https://example.org/blog/", "https://example.org/blog"),
            (
                "https://example.org/index.php?p=1#x",
                "https://example.org/",
            ),
            (
                "https://example.org/blog/wp-json/wp/v2/media",
                "https://example.org/blog",
            ),
            (
                "https://example.org/api/items?page=1",
                "https://example.org/",
            ),
            ("https://example.org/jsonapi", "https://example.org/"),
        ] {
            assert_eq!(base(&Url::parse(page).unwrap()).as_str(), site, "{page}");
        }
    }

    #[test]
    fn wordpress_says_where_its_api_is() {
        let header = r#"<https://example.org/wp-json/>; rel="https://api.w.org/""#;
        let page = Page::example("https://example.org/", &[("link", header)], "");
        assert_eq!(wordpress_root(&page).unwrap().path(), "/wp-json/");
        let head = "<link rel='https://api.w.org/' href='https://example.org/?rest_route=/' />";
        let page = Page::example("https://example.org/", &[], head);
        assert_eq!(wordpress_root(&page).unwrap().query(), Some("rest_route=/"));
        let page = Page::example("https://example.org/", &[], "<link rel='icon' href='/x'>");
        assert_eq!(wordpress_root(&page), None);
    }

    #[test]
    fn wordpress_index_tells_the_address_of_the_site() {
        let index = json!({"name": "Photos", "namespaces": ["oembed/1.0", "wp/v2"]});
        let read = |at: &str| wordpress(&Url::parse(at).unwrap(), &index).unwrap();
        let (found, base) = read("https://example.org/blog/wp-json/");
        assert_eq!(
            (found.api.as_str(), base.as_str()),
            ("/wp-json/wp/v2", "https://example.org/blog")
        );
        let (found, base) = read("https://example.org/?rest_route=/");
        assert_eq!(
            (found.api.as_str(), base.as_str()),
            ("/?rest_route=/wp/v2", "https://example.org/")
        );
        assert!(wordpress(&base, &json!({"namespaces": ["x/1"]})).is_none());
    }

    #[test]
    fn systems_are_told_by_what_only_they_say() {
        let entry = json!({"jsonapi": {"version": "1.0"}, "data": [],
            "links": {"media--photo": {"href": "x"}, "self": {"href": "y"}}});
        assert_eq!(drupal(&entry).unwrap().media_type, "photo");
        assert!(drupal(&json!({"links": {}, "data": 1})).is_none());
        let list = json!({"data": [{"relationships": {
            "thumbnail": {"data": {"meta": {"alt": ""}}},
            "field_photo": {"data": {"meta": {"alt": ""}}}}}]});
        assert_eq!(drupal_field(&list).as_deref(), Some("field_photo"));
        assert!(is_strapi(
            &json!({"data": null, "error": {"name": "ForbiddenError"}})
        ));
        assert!(is_strapi(&json!([{"id": 1, "alternativeText": null}])));
        assert!(!is_strapi(&json!([])) && !is_strapi(&json!({"error": "no"})));
        assert!(is_album(200, Some(&json!({"alt": ""}))) && is_album(401, None));
        assert!(!is_album(404, None) && !is_album(200, Some(&json!({"x": 1}))));
    }
}
