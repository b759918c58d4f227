//! Descriptions: what they accept, and what they make of documents.

use super::*;
use crate::archive::Tag;
use serde_json::json;

fn read(item: &Value) -> Result<Reading, Unfit> {
    let album = album();
    album.reading(item, &album.id.split("summer-2019/lake_1").unwrap(), 1024)
}

fn parse(text: &str) -> Result<Description, Faulty> {
    let value: Value = toml::from_str(text).unwrap();
    Description::from_value(&value)
}

const ALBUM: &str = include_str!("../presets/album.toml");

fn album() -> Description {
    parse(ALBUM).unwrap()
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
        json!({"verified": null}),
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
        (vec![json!(2), json!("yes"), json!([0])], Some(Tag::Person)),
        (vec![json!(null), json!(""), json!({})], None),
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
    let album = album();
    let id = album.id.split("a/b").unwrap();
    let read = Reading::default();
    let update = |alt, tag: Option<Tag>| {
        let change = Change {
            alt,
            tag: tag.into(),
            read: &read,
        };
        album.body(change, &id)
    };
    assert_eq!(
        update(Some("A lake."), Some(Tag::Machine))
            .unwrap()
            .to_string(),
        r#"{"alt":"A lake.","verified":0}"#
    );
    assert_eq!(update(Some(""), None), Some(json!({"alt": ""})));
    assert_eq!(
        update(None, Some(Tag::Person)),
        Some(json!({"verified": 1}))
    );
    assert_eq!(update(None, None), None);
    // A caption that looks like a template is just text.
    assert_eq!(update(Some("{tag}"), None), Some(json!({"alt": "{tag}"})));
}

const MEDIA: &str = r#"
auth = { scheme = "header", value = "Key {token}", images = true }
read = { url = "/media/{id}?context=edit", item = ["/data", ""] }
fields = { alt = "/attributes/a~1b", title = ["/title/raw", { html = "/title/rendered" }] }
join = { list = "/included", here = "/file", there = "/id", as = "joined" }
image = { url = ["/joined/big", "/joined/url"] }
[list]
url = "/media"
query = { page = "{page}", after = "{since}", limit = "{limit}" }
paging = "page"
id = ["/uuid", "/id"]
[tag]
pointer = "/meta/source"
machine = { write = { by = "machine" }, read = [{ by = "machine" }, "ai"] }
person = { write = "human", read = ["human"] }
unset = ""
only_where_shown = true
[update]
method = "POST"
url = "/media/{id}"
content_type = "application/vnd.api+json"
body = { data = { id = "{id}", link = "media:{id}", kind = "{/kind}", alt_text = "{alt}" }, meta = { source = "{tag}" } }
"#;

#[test]
fn the_shape_carries_other_sites() {
    let media = parse(MEDIA).unwrap();
    let id = media.id.split("7").unwrap();
    let document = json!({
        "data": {
            "attributes": {"a/b": "x"}, "title": {"rendered": "T &amp; <i>U</i>"}, "kind": 4,
            "meta": {"source": {"by": "machine"}}, "file": "f2",
        },
        "included": [{"id": "f1", "url": "/1.jpg"}, {"id": "f2", "url": "/2.jpg"}],
    });
    let item = media.item(&document, &media.read.item).unwrap();
    let reading = media.reading(&item, &id, 1024).unwrap();
    assert_eq!(reading.alt.as_deref(), Some("x"));
    assert_eq!(reading.title.as_deref(), Some("T & U"));
    assert_eq!(reading.tag, Some(Tag::Machine));
    assert_eq!(reading.image.as_deref(), Some("/2.jpg"));
    let update = |tag, read: &Reading| {
        let alt = Some("y");
        media.body(Change { alt, tag, read }, &id).unwrap()
    };
    assert_eq!(
        update(TagChange::Set(Tag::Machine), &reading),
        json!({"data": {"id": "7", "link": "media:7", "kind": 4, "alt_text": "y"},
            "meta": {"source": {"by": "machine"}}})
    );
    assert_eq!(
        update(TagChange::Clear, &reading)["meta"],
        json!({"source": ""})
    );
    // A site without the field is never sent one.
    let item = json!({"attributes": {"a/b": null}, "meta": []});
    let reading = media.reading(&item, &id, 1024).unwrap();
    assert_eq!(reading.marking, Marking::Impossible);
    let sent = update(TagChange::Set(Tag::Machine), &reading);
    assert_eq!(sent.get("meta"), None);
}

#[test]
fn faulty_descriptions_are_refused_with_the_key_and_the_reason() {
    for (from, to, key, reason) in [
        ("[tag]", "[tags]", "", "unknown field `tags`"),
        (
            "scheme = \"header\"",
            "scheme = \"digest\"",
            "auth.scheme",
            "unknown variant",
        ),
        ("Key {token}", "Key {key}", "auth", "{key} is unknown"),
        (
            "\"/media/{id}?",
            "\"/media/{slug}?",
            "read",
            "{slug} is unknown",
        ),
        ("url = \"/media\"\n", "", "list.url", "missing"),
        (
            "page = \"{page}\"",
            "page = \"1\"",
            "list.paging",
            "needs {page}",
        ),
        ("\"{since}\"", "\"{mark}\"", "list", "{mark} is unknown"),
        ("id = [\"/uuid\", \"/id\"]\n", "", "list.id", "missing"),
        (
            "[\"/uuid\", \"/id\"]",
            "{ album = \"/a\" }",
            "list.id",
            "each part",
        ),
        (
            "paging = \"page\"",
            "paging = \"pages\"",
            "list.paging",
            "unknown variant",
        ),
        (
            "paging = \"page\"",
            "paging = \"next\"",
            "list.next",
            "next page",
        ),
        (
            "\"/attributes/a~1b\"",
            "\"alt\"",
            "fields.alt",
            "no JSON pointer",
        ),
        (
            "\"/attributes/a~1b\"",
            "{ html = \"/alt\" }",
            "fields.alt",
            "can't be HTML",
        ),
        (
            "\"/attributes/a~1b\"",
            "{ text = \"/alt\" }",
            "fields.alt",
            "html",
        ),
        (
            "title = [",
            "slug = [",
            "fields.slug",
            "unknown field `slug`",
        ),
        (
            "alt_text = \"{alt}\"",
            "alt_text = \"\"",
            "update.body",
            "{alt} nowhere",
        ),
        ("\"{tag}\"", "\"x\"", "update.body", "doesn't say {tag}"),
        (
            "\"{alt}\"",
            "\"says {alt}\"",
            "update.body",
            "{alt} is unknown",
        ),
        (
            "method = \"POST\"",
            "method = \"SEND\"",
            "update.method",
            "unknown variant `SEND`",
        ),
        (
            "pointer = \"/meta/source\"\n",
            "",
            "tag",
            "missing field `pointer`",
        ),
    ] {
        let changed = MEDIA.replacen(from, to, 1);
        assert_ne!(changed, MEDIA, "{from}");
        let Faulty { key: found, why } = parse(&changed).unwrap_err();
        assert!(why.contains(reason), "{to}: {found}: {why}");
        assert!(found.starts_with(key), "{to}: {found}: {why}");
    }
}

#[test]
fn cleaning_is_declared_or_at_least_trimming() {
    assert_eq!(album().cleaned(" A lake. "), "A lake.");
    let cleaning = "method = \"POST\"\nescape = [\"backslashes\"]\ncleaning = [\"strip-tags\", { shorten = 5 }]";
    let media = parse(&MEDIA.replace("method = \"POST\"", cleaning)).unwrap();
    assert_eq!(media.cleaned("<b>A</b> lake"), "A lak");
}

#[test]
fn every_key_of_a_description_is_documented() {
    let text = include_str!("../../../docs/CONFIGURATION.md");
    for table in [
        "auth", "probe", "list", "read", "update", "fields", "image", "tag", "join", "errors",
    ] {
        let heading = format!("#### [site.{table}]\n");
        let (_, rest) = text
            .split_once(&heading)
            .expect("each table has its section");
        let section = rest.split("\n#").next().unwrap_or_default();
        let rows = section.lines().filter(|line| line.starts_with("| `"));
        let first = rows.filter_map(|line| line.split('|').nth(1));
        let keys = first.flat_map(|cell| cell.split(',').map(|key| key.trim().trim_matches('`')));
        let mut told: Vec<&str> = keys.collect();
        // What serde would have accepted in place of a key that nobody knows.
        let mut whole: Value = toml::from_str(MEDIA).unwrap();
        let object = json!({"no such key": 1});
        whole[table] = object;
        let why = Description::from_value(&whole).unwrap_err().why;
        let expected = why.split("expected").nth(1).unwrap_or_default();
        let mut known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
        told.sort_unstable();
        known.sort_unstable();
        assert_eq!(told, known, "[site.{table}]: {why}");
    }
}
