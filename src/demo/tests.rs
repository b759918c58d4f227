//! The embedded archive as a client sees it, over real HTTP.

use super::content::{PHOTOS, Shape};
use super::store::{Store, Verified};
use super::{DemoError, EmbeddedArchive, PIXELS, jpeg, things};
use exif::{In, Tag};
use image::{DynamicImage, ImageDecoder, ImageReader};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::io::Cursor;
use std::path::Path;
use std::sync::OnceLock;
use tempfile::TempDir;

/// An archive of its own for a test. Drawing is slow without optimisation, so
/// the photos are drawn once and linked into each test's directory.
async fn archive() -> (TempDir, EmbeddedArchive, Client) {
    static DRAWN: OnceLock<TempDir> = OnceLock::new();
    let drawn = DRAWN.get_or_init(|| {
        let dir = TempDir::new().expect("a temporary directory");
        Store::open(dir.path()).expect("a fresh archive opens");
        dir
    });
    let dir = TempDir::new().expect("a temporary directory");
    for photo in PHOTOS.iter() {
        let file = format!("files/{}/{}.jpg", photo.album, photo.name);
        let link = dir.path().join(&file);
        std::fs::create_dir_all(link.parent().expect("it has a folder")).expect("a folder");
        std::fs::hard_link(drawn.path().join(&file), link).expect("a link");
    }
    let archive = start(dir.path()).await;
    (dir, archive, client())
}

async fn start(dir: &Path) -> EmbeddedArchive {
    EmbeddedArchive::start(dir)
        .await
        .expect("the archive starts")
}

fn client() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().build().expect("a client")
}

fn part(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn album_url(archive: &EmbeddedArchive, id: &str, verb: &str) -> String {
    let (album, name) = id.split_once('/').expect("album/name");
    format!(
        "{}album/{}/{}/{verb}",
        archive.base_url,
        part(album),
        part(name)
    )
}

fn pixels_url(archive: &EmbeddedArchive, id: &str) -> String {
    let (album, name) = id.split_once('/').expect("album/name");
    let path = PIXELS
        .replace("{album}", &part(album))
        .replace("{name}", &part(name));
    archive.base_url.join(&path).expect("a URL").to_string()
}

async fn send(request: RequestBuilder) -> Response {
    request.send().await.expect("an answer")
}

async fn get(client: &Client, archive: &EmbeddedArchive, id: &str) -> Response {
    let token = archive.token.expose_secret();
    send(
        client
            .get(album_url(archive, id, "get"))
            .header("Authorization", token),
    )
    .await
}

fn patch(client: &Client, archive: &EmbeddedArchive, id: &str, body: &str) -> RequestBuilder {
    client
        .patch(album_url(archive, id, "patch"))
        .header("Authorization", archive.token.expose_secret())
        .body(body.to_owned())
}

async fn json_of(answer: Response) -> Value {
    answer.json().await.expect("JSON")
}

fn etag_of(answer: &Response) -> String {
    let value = answer.headers().get("etag").expect("an entity tag");
    value.to_str().expect("text").to_owned()
}

async fn assert_refused(request: RequestBuilder, status: StatusCode) {
    let answer = send(request).await;
    assert_eq!(answer.status(), status);
    let body = json_of(answer).await;
    assert!(body["error"].is_string(), "{status}: {body}");
}

const JETTY: &str = "brittany-harbours/end-of-the-jetty";
const STORM: &str = "dolomites/storm-coming";

#[tokio::test]
async fn every_photo_is_listed_readable_and_has_pixels() {
    let (_dir, archive, client) = archive().await;
    assert_eq!(archive.ids.len(), PHOTOS.len());
    for id in &archive.ids {
        let answer = get(&client, &archive, id.as_str()).await;
        assert_eq!(answer.status(), StatusCode::OK, "{id}");
        assert!(json_of(answer).await["title"].is_string(), "{id}");
        let answer = send(client.head(pixels_url(&archive, id.as_str()))).await;
        assert_eq!(answer.status(), StatusCode::OK, "{id}");
    }
}

#[tokio::test]
async fn a_photo_shows_its_texts_and_only_a_tagged_one_its_mark() {
    let (_dir, archive, client) = archive().await;
    let tagged = json_of(get(&client, &archive, JETTY).await).await;
    assert_eq!(tagged["verified"], 1);
    assert_eq!(tagged["title"], "End of the jetty");
    let untagged = json_of(get(&client, &archive, STORM).await).await;
    assert!(untagged.get("verified").is_none(), "{untagged}");
}

#[tokio::test]
async fn names_with_spaces_and_accents_are_found() {
    let (_dir, archive, client) = archive().await;
    for id in [
        "brittany-harbours/café-terrace",
        "cabin weekend/northern lights, maybe",
        "north-sea-summer/the dog's first wave",
    ] {
        let answer = get(&client, &archive, id).await;
        assert_eq!(answer.status(), StatusCode::OK, "{id}");
        let answer = send(client.get(pixels_url(&archive, id))).await;
        assert_eq!(answer.status(), StatusCode::OK, "{id}");
    }
}

#[tokio::test]
async fn a_change_keeps_the_other_fields_and_answers_with_the_photo_as_it_is_now() {
    let (_dir, archive, client) = archive().await;
    let before = json_of(get(&client, &archive, STORM).await).await;
    let body = json!({ "alt": "Grey peaks \u{26c8}", "verified": 0 }).to_string();
    let answer = send(patch(&client, &archive, STORM, &body)).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let etag = etag_of(&answer);
    let now = json_of(answer).await;
    assert_eq!(now["alt"], "Grey peaks \u{26c8}");
    assert_eq!(now["verified"], 0);
    assert_eq!(now["title"], before["title"]);
    assert_eq!(now["caption"], before["caption"]);
    let read = get(&client, &archive, STORM).await;
    assert_eq!(etag_of(&read), etag);
    assert_eq!(json_of(read).await, now);
}

#[tokio::test]
async fn without_the_exact_token_nothing_is_shown_or_changed() {
    let (_dir, archive, client) = archive().await;
    let token = archive.token.expose_secret();
    let before = json_of(get(&client, &archive, STORM).await).await;
    for wrong in ["", "wrong", &format!("Bearer {token}"), &token[1..]] {
        let read = client.get(album_url(&archive, STORM, "get"));
        assert_refused(
            read.header("Authorization", wrong),
            StatusCode::UNAUTHORIZED,
        )
        .await;
        let write = client.patch(album_url(&archive, STORM, "patch"));
        let write = write.header("Authorization", wrong).body(r#"{"alt":"x"}"#);
        assert_refused(write, StatusCode::UNAUTHORIZED).await;
    }
    let missing = client.get(album_url(&archive, STORM, "get"));
    assert_refused(missing, StatusCode::UNAUTHORIZED).await;
    assert_eq!(json_of(get(&client, &archive, STORM).await).await, before);
}

#[tokio::test]
async fn a_conditional_write_is_refused_once_the_photo_has_changed() {
    let (_dir, archive, client) = archive().await;
    let old = etag_of(&get(&client, &archive, STORM).await);
    let first = patch(&client, &archive, STORM, r#"{"alt":"first"}"#);
    let answer = send(first.header("If-Match", &old)).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let new = etag_of(&answer);
    for stale in [old.clone(), format!("W/{new}"), "\"other\"".to_owned()] {
        let late = patch(&client, &archive, STORM, r#"{"alt":"late"}"#);
        let late = late.header("If-Match", stale);
        assert_refused(late, StatusCode::PRECONDITION_FAILED).await;
    }
    assert_eq!(
        json_of(get(&client, &archive, STORM).await).await["alt"],
        "first"
    );
    for (matching, alt) in [
        (format!("{old}, {new}"), "second"),
        ("*".to_owned(), "third"),
    ] {
        let body = json!({ "alt": alt }).to_string();
        let good = patch(&client, &archive, STORM, &body).header("If-Match", matching);
        assert_eq!(json_of(send(good).await).await["alt"], alt);
    }
}

#[tokio::test]
async fn what_is_no_change_of_a_photo_is_refused_and_changes_nothing() {
    let (_dir, archive, client) = archive().await;
    let before = json_of(get(&client, &archive, STORM).await).await;
    for body in [
        "",
        "{",
        "[]",
        "\"alt\"",
        r#"{"alt":"x","colour":"red"}"#,
        r#"{"alt":7}"#,
        r#"{"alt":"x","verified":2}"#,
        r#"{"alt":"x","verified":null}"#,
        r#"{"alt":"x","alt":"y"}"#,
    ] {
        assert_refused(
            patch(&client, &archive, STORM, body),
            StatusCode::BAD_REQUEST,
        )
        .await;
    }
    assert_eq!(json_of(get(&client, &archive, STORM).await).await, before);
}

#[tokio::test]
async fn unknown_photos_addresses_and_methods_are_refused_as_json() {
    let (_dir, archive, client) = archive().await;
    let token = archive.token.expose_secret();
    for id in [
        "dolomites/no-such-photo",
        "nowhere/storm-coming",
        "dolomites/..%2Fx",
    ] {
        let read = client.get(album_url(&archive, id, "get"));
        assert_refused(read.header("Authorization", token), StatusCode::NOT_FOUND).await;
        let write = patch(&client, &archive, id, r#"{"alt":"x"}"#);
        assert_refused(write, StatusCode::NOT_FOUND).await;
        assert_refused(client.get(pixels_url(&archive, id)), StatusCode::NOT_FOUND).await;
    }
    let base = &archive.base_url;
    for path in [
        "nothing",
        "files/cache/dolomites/storm-coming.jpg",
        "archive.json",
    ] {
        assert_refused(client.get(format!("{base}{path}")), StatusCode::NOT_FOUND).await;
    }
    for (method, verb) in [
        (Method::POST, "get"),
        (Method::GET, "patch"),
        (Method::PUT, "patch"),
    ] {
        let request = client.request(method, album_url(&archive, STORM, verb));
        let answer = send(request.header("Authorization", token)).await;
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert!(answer.headers().contains_key("allow"));
    }
}

#[tokio::test]
async fn a_new_start_shows_what_was_written_with_another_token_and_the_same_pixels() {
    let (dir, first, client) = archive().await;
    let pixels = etag_of(&send(client.head(pixels_url(&first, STORM))).await);
    let body = json!({ "alt": "kept", "verified": 0 }).to_string();
    assert_eq!(
        send(patch(&client, &first, STORM, &body)).await.status(),
        StatusCode::OK
    );
    let (ids, token) = (first.ids.clone(), first.token.expose_secret().to_owned());
    drop(first);
    let second = start(dir.path()).await;
    assert_eq!(second.ids, ids);
    assert_ne!(second.token.expose_secret(), token);
    let read = json_of(get(&client, &second, STORM).await).await;
    assert_eq!(
        (&read["alt"], &read["verified"]),
        (&json!("kept"), &json!(0))
    );
    let again = etag_of(&send(client.head(pixels_url(&second, STORM))).await);
    assert_eq!(again, pixels);
}

#[tokio::test]
async fn concurrent_changes_of_different_photos_all_stay() {
    let (_dir, archive, client) = archive().await;
    let writes = archive.ids.iter().take(12).map(|id| {
        let body = json!({ "alt": id.as_str() }).to_string();
        send(patch(&client, &archive, id.as_str(), &body))
    });
    futures_util::future::join_all(writes).await;
    for id in archive.ids.iter().take(12) {
        let read = json_of(get(&client, &archive, id.as_str()).await).await;
        assert_eq!(read["alt"], id.as_str());
    }
}

#[tokio::test]
async fn dropping_the_archive_stops_its_server() {
    let (_dir, archive, _) = archive().await;
    let address = archive.base_url.authority().to_owned();
    drop(archive);
    while tokio::net::TcpStream::connect(&address).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_damaged_record_is_an_error_that_names_the_file() {
    let (dir, archive, client) = archive().await;
    let path = dir.path().join("archive.json");
    let good = std::fs::read_to_string(&path).expect("the record");
    let outside = good.replace("\"dolomites\"", "\"../dolomites\"");
    for bad in [&good[..good.len() / 2], "", "{\"photos\":7}", &outside] {
        std::fs::write(&path, bad).expect("a write");
        let Err(error @ DemoError::Damaged { .. }) = EmbeddedArchive::start(dir.path()).await
        else {
            panic!("{:?} was not noticed", &bad[..bad.len().min(40)]);
        };
        assert!(
            error.to_string().contains(&path.display().to_string()),
            "{error}"
        );
        let read = get(&client, &archive, STORM).await;
        assert_eq!(read.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}

#[tokio::test]
async fn a_cut_off_drawing_is_drawn_again_the_same() {
    let (dir, first, client) = archive().await;
    drop(first);
    let path = dir.path().join("files").join(format!("{STORM}.jpg"));
    let whole = std::fs::read(&path).expect("the drawing");
    std::fs::remove_file(&path).expect("it was there");
    std::fs::write(&path, &whole[..whole.len() / 2]).expect("a write");
    let second = start(dir.path()).await;
    let answer = send(client.get(pixels_url(&second, STORM))).await;
    let bytes = answer.bytes().await.expect("a body");
    assert!(bytes == whole, "the drawing differs");
}

#[tokio::test]
async fn pixels_come_with_type_length_and_a_tag_and_without_authorization() {
    let (_dir, archive, client) = archive().await;
    let url = pixels_url(&archive, JETTY);
    let head = send(client.head(&url)).await;
    let get = send(client.get(&url)).await;
    for name in ["content-type", "content-length", "etag"] {
        assert_eq!(head.headers()[name], get.headers()[name], "{name}");
    }
    assert_eq!(head.headers()["content-type"], "image/jpeg");
    let length = head.headers()["content-length"]
        .to_str()
        .expect("text")
        .to_owned();
    assert!(head.bytes().await.expect("a body").is_empty());
    assert_eq!(get.bytes().await.expect("a body").len().to_string(), length);
}

#[tokio::test]
async fn the_front_page_escapes_every_text() {
    let (_dir, archive, client) = archive().await;
    let evil = json!({ "alt": "<script>'\"&", "title": "<b>", "caption": "</p>" }).to_string();
    send(patch(&client, &archive, STORM, &evil)).await;
    let answer = send(client.get(archive.base_url.clone())).await;
    assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
    let html = answer.text().await.expect("text");
    assert!(html.contains("alt='&lt;script&gt;&#39;&quot;&amp;'"));
    assert!(html.contains("&lt;b&gt;") && html.contains("&lt;/p&gt;"));
    assert!(!html.contains("<script>") && !html.contains("<b>"));
    assert!(html.contains("/files/cache/brittany-harbours/caf%C3%A9-terrace-1280w.jpg"));
}

#[tokio::test]
async fn exif_tells_date_camera_and_place_of_every_photo() {
    let (_dir, archive, client) = archive().await;
    let mut placed = 0;
    for photo in PHOTOS.iter() {
        let id = format!("{}/{}", photo.album, photo.name);
        let answer = send(client.get(pixels_url(&archive, &id))).await;
        let bytes = answer.bytes().await.expect("a body");
        let exif = exif::Reader::new()
            .read_from_container(&mut Cursor::new(&bytes))
            .unwrap_or_else(|error| panic!("{id}: {error}"));
        let shown = |tag| {
            let field = exif.get_field(tag, In::PRIMARY);
            field.map(|field| field.display_value().to_string())
        };
        let taken = photo.taken.replacen(':', "-", 2);
        assert_eq!(shown(Tag::DateTimeOriginal), Some(taken), "{id}");
        assert!(
            shown(Tag::Make).is_some() && shown(Tag::Model).is_some(),
            "{id}"
        );
        let orientation = exif.get_field(Tag::Orientation, In::PRIMARY);
        let orientation = orientation.and_then(|field| field.value.get_uint(0));
        assert_eq!(orientation, Some(photo.orientation.into()), "{id}");
        let west = shown(Tag::GPSLongitudeRef).as_deref() == Some("W");
        assert_eq!(
            west,
            photo.place.is_some_and(|(_, east)| east < 0.0),
            "{id}"
        );
        placed += usize::from(shown(Tag::GPSLatitude).is_some());
    }
    assert!(
        placed * 10 > PHOTOS.len() * 8 && placed < PHOTOS.len(),
        "{placed}"
    );
}

#[tokio::test]
async fn turned_photos_are_upright_once_their_mark_is_obeyed() {
    let (_dir, archive, client) = archive().await;
    let mut marks: Vec<u16> = Vec::new();
    for photo in PHOTOS.iter().filter(|photo| photo.orientation != 1) {
        let id = format!("{}/{}", photo.album, photo.name);
        let answer = send(client.get(pixels_url(&archive, &id))).await;
        let bytes = answer.bytes().await.expect("a body");
        let reader = ImageReader::new(Cursor::new(&bytes[..])).with_guessed_format();
        let mut decoder = reader.expect("a format").into_decoder().expect("a JPEG");
        let mark = decoder.orientation().expect("a mark");
        let mut image = DynamicImage::from_decoder(decoder).expect("a whole JPEG");
        image.apply_orientation(mark);
        let drawn = jpeg::upright(photo);
        let image = image.into_rgb8();
        let size = (u32::from(drawn.width), u32::from(drawn.height));
        assert_eq!(image.dimensions(), size, "{id}");
        let difference: u64 = (image.as_raw().iter().zip(&drawn.rgb))
            .map(|(one, other)| u64::from(one.abs_diff(*other)))
            .sum();
        assert!(
            difference / (drawn.rgb.len() as u64) < 8,
            "{id}: {difference}"
        );
        marks.push(photo.orientation);
    }
    assert!(
        [3, 6, 8].iter().all(|mark| marks.contains(mark)),
        "{marks:?}"
    );
}

#[test]
fn the_table_has_what_the_archive_promises() {
    let mut albums: Vec<&str> = PHOTOS.iter().map(|photo| photo.album.as_str()).collect();
    albums.dedup();
    assert!(PHOTOS.len() >= 48 && albums.len() >= 6);
    let is_file_name = |alt: &str| !alt.contains(' ') && alt.contains('.');
    let with_alt = PHOTOS.iter().filter_map(|photo| photo.alt.as_deref());
    let (placeholders, human): (Vec<_>, Vec<_>) = with_alt.partition(|alt| is_file_name(alt));
    assert_eq!((placeholders.len(), human.len()), (6, 10));
    for photo in PHOTOS.iter() {
        let by_a_person = photo.alt.as_deref().is_some_and(|alt| !is_file_name(alt));
        assert!(photo.verified.is_none() || by_a_person, "{}", photo.name);
        let mark = photo.verified.map(Verified::try_from);
        assert!(
            matches!(mark, None | Some(Ok(Verified::Person))),
            "{}",
            photo.name
        );
        assert!(photo.scene.iter().all(things::known), "{}", photo.name);
        assert!([1, 3, 6, 8].contains(&photo.orientation), "{}", photo.name);
    }
    assert!(PHOTOS.iter().any(|photo| photo.shape == Shape::Portrait));
    assert!(PHOTOS.iter().any(|photo| photo.caption.is_none()));
    assert!(PHOTOS.iter().any(|photo| photo.title.is_empty()));
}
