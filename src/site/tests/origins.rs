//! The token goes to the site's own origin (scheme, host and port) and nowhere
//! else, whatever an answer says.

use super::*;
use futures_util::StreamExt;
use serde_json::{Value, json};

const IMAGE: &[u8] = b"\xff\xd8\xff\xe0 an image, as far as this room looks at it";

fn image() -> Reply {
    answer(200, IMAGE).with("content-type", "image/jpeg")
}

/// The ways in which an address can name another server on the same machine, or
/// seem to name the site itself.
fn elsewhere(own: &Url, other: &Url) -> Vec<String> {
    let (own, port) = (own.port().unwrap(), other.port().unwrap());
    vec![
        format!("http://127.0.0.1:{port}/x"),
        format!("//127.0.0.1:{port}/x"),
        format!(r"\\127.0.0.1:{port}/x"),
        format!(r"/\127.0.0.1:{port}/x"),
        format!("http:\\\\127.0.0.1:{port}\\x"),
        format!("http://127.0.0.1:{own}@127.0.0.1:{port}/x"),
        format!("http://user:{TOKEN}@127.0.0.1:{port}/x"),
        format!("http://127.0.0.1:{port}\\@127.0.0.1:{own}/x"),
        format!("http://0x7f.1:{port}/x"),
        format!("HTTP://127.1:{port}/x"),
        format!("\thttp://127.0.0.1\n:{port}/x"),
    ]
}

/// A server that sends every request on, to where the second says.
async fn redirecting(status: u16) -> (Server, Arc<Mutex<String>>) {
    let to = Arc::new(Mutex::new(String::new()));
    let said = Arc::clone(&to);
    let server = Server::start(move |_| {
        answer(status, "").with("location", said.lock().unwrap().replace(['\n', '\t'], ""))
    });
    (server.await, to)
}

fn carries_nothing(seen: &[Seen], how: &str) {
    for request in seen {
        let all = format!("{request:?}");
        assert!(!all.contains(TOKEN), "{how}: {all}");
        assert_eq!(request.header("authorization"), None, "{how}: {all}");
    }
}

/// A site whose description says that images need the token too, and that the
/// site itself names their addresses.
fn with_own_images(url: &Url) -> SiteSettings {
    let mut settings = settings(url);
    settings.preset = Preset::Rest;
    settings.pixels = PixelSource::Site;
    let described = json!({
        "auth": {"images": true},
        "list": {"url": "/items", "paging": "next", "items": "/items", "id": "/id", "next": "/next"},
        "read": {"url": "/items/{id}"},
        "update": {"url": "/items/{id}", "body": {"alt": "{alt}"}},
        "fields": {"alt": "/alt"},
        "image": {"url": "/image"},
    });
    let Value::Object(description) = described else {
        unreachable!("written as an object")
    };
    settings.description = description;
    settings.manifest = None;
    settings
}

#[tokio::test]
async fn no_redirect_of_the_api_takes_the_token_along() {
    let other = Server::start(|_| photo()).await;
    for status in [301, 302, 303, 307, 308] {
        let (server, to) = redirecting(status).await;
        let site = at(&server);
        let mut targets = elsewhere(&server.url, &other.url);
        targets.push("https://127.0.0.1/x".to_owned());
        targets.push(format!("/login/{TOKEN}"));
        for target in targets {
            to.lock().unwrap().clone_from(&target);
            let read = site.read(&id("a/1")).await.unwrap_err();
            assert!(matches!(read, SiteError::NotApi(_)), "{target}: {read:?}");
            text(&read);
            text(&write(&site, "a/1").await.unwrap_err());
        }
        assert!(other.seen().is_empty(), "{status}: {:?}", other.seen());
    }
}

#[tokio::test]
async fn no_redirect_of_an_image_takes_the_token_along() {
    let other = Server::start(|_| image()).await;
    for status in [301, 302, 303, 307, 308] {
        let (server, to) = redirecting(status).await;
        let site = open(&with_own_images(&server.url));
        let reading = Reading {
            image: Some("/own.jpg".to_owned()),
            ..Reading::default()
        };
        for target in elsewhere(&server.url, &other.url) {
            to.lock().unwrap().clone_from(&target);
            // It may come, or be refused; what counts is what was sent along.
            let _ = site.pixels(&id("1"), &reading).await;
        }
        let own = server.seen();
        assert!(
            own.iter()
                .any(|seen| seen.header("authorization").is_some()),
            "the site's own images are asked for with the token: {own:?}"
        );
        assert!(!other.seen().is_empty(), "{status}: nothing got there");
        carries_nothing(&other.seen(), &status.to_string());
    }
}

#[tokio::test]
async fn an_image_that_the_site_names_elsewhere_gets_no_token() {
    let other = Server::start(|_| image()).await;
    let server = Server::start(|_| image()).await;
    let site = open(&with_own_images(&server.url));
    for named in elsewhere(&server.url, &other.url) {
        let reading = Reading {
            image: Some(named),
            ..Reading::default()
        };
        let _ = site.pixels(&id("1"), &reading).await;
    }
    assert!(!other.seen().is_empty(), "nothing got there");
    carries_nothing(&other.seen(), "named by the site");
}

#[tokio::test]
async fn an_image_of_another_scheme_on_the_same_host_gets_no_token() {
    // Nobody speaks TLS there: it is enough that no plain request arrives.
    let server = Server::start(|_| image()).await;
    let mut secure = server.url.clone();
    secure.set_scheme("https").unwrap();
    let site = open(&with_own_images(&secure));
    let reading = Reading {
        image: Some(server.url.join("/x.jpg").unwrap().into()),
        ..Reading::default()
    };
    assert_eq!(site.pixels(&id("1"), &reading).await.unwrap().bytes, IMAGE);
    carries_nothing(&server.seen(), "a downgrade to http");
}

#[tokio::test]
async fn the_next_page_of_a_listing_is_asked_for_on_the_site_or_not_at_all() {
    let other = Server::start(|_| answer(200, r#"{"items": []}"#)).await;
    let to = Arc::new(Mutex::new(String::new()));
    let said = Arc::clone(&to);
    let server = Server::start(move |seen| {
        if seen.path == "/items" {
            let next = said.lock().unwrap().clone();
            let page = json!({"items": [{"id": 1, "alt": ""}], "next": next});
            return answer(200, page.to_string());
        }
        answer(200, r#"{"items": []}"#)
    })
    .await;
    let mut targets = elsewhere(&server.url, &other.url);
    let port = other.url.port().unwrap();
    targets.push(format!("http://localhost:{port}/x"));
    targets.push(format!("http://[::1]:{port}/x"));
    for target in targets {
        to.lock().unwrap().clone_from(&target);
        let site = open(&with_own_images(&server.url));
        let items: Vec<_> = site.list(Extent::All).collect().await;
        for error in items.iter().filter_map(|item| item.as_ref().err()) {
            text(error);
        }
        assert!(!items.is_empty(), "{target}");
    }
    assert!(other.seen().is_empty(), "{:?}", other.seen());
}

#[tokio::test]
async fn a_base_address_with_a_name_or_password_is_refused() {
    for address in [
        "https://me@example.org",
        "https://me:pw@example.org",
        "https://:pw@example.org",
        "https://example.org%40evil@127.0.0.1",
    ] {
        let settings = settings(&Url::parse(address).unwrap());
        let opened = open_with(&settings, &LIMITS, CancellationToken::new(), QUICK);
        let error = opened.unwrap_err().to_string();
        assert!(error.contains("credentials"), "{address}: {error}");
        assert!(!error.contains("pw"), "{error}");
    }
}

#[tokio::test]
async fn a_token_that_a_server_repeats_is_in_no_error_not_even_in_part() {
    // What is quoted is cut at some length; the token lies across every cut.
    for before in 150..230 {
        let words = format!("{}{TOKEN} is wrong", "x".repeat(before));
        let body = json!({"message": words}).to_string();
        let page = format!("<html><title>{words}</title>");
        for (kind, body) in [("application/json", body), ("text/html", page)] {
            let server =
                Server::start(move |_| answer(422, body.as_str()).with("content-type", kind)).await;
            let site = at(&server);
            for error in [
                site.read(&id("a/1")).await.unwrap_err(),
                write(&site, "a/1").await.unwrap_err(),
            ] {
                let said = text(&error);
                assert!(!said.contains(&TOKEN[..4]), "{before}: {said}");
            }
        }
    }
    let server =
        Server::start(|_| answer(500, "").with("content-type", format!("text/plain; was={TOKEN}")))
            .await;
    let site = impatient(&server);
    text(&site.read(&id("a/1")).await.unwrap_err());
}

#[tokio::test]
async fn a_basic_credential_that_a_server_repeats_is_in_no_error() {
    let server = Server::start(|seen| {
        let sent = seen.header("authorization").unwrap_or_default();
        answer(422, json!({"message": format!("no: {sent}")}).to_string())
    })
    .await;
    let mut settings = with_own_images(&server.url);
    settings.user = Some("editor".to_owned());
    settings
        .description
        .insert("auth".to_owned(), json!({"scheme": "basic"}));
    let error = open(&settings)
        .read(&id("1"))
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("no: Basic ***"), "{error}");
}

#[test]
fn plain_http_goes_past_every_proxy() {
    use super::super::http::Route;
    let to = |url| Route::to(&Url::parse(url).unwrap());
    assert_eq!(to("http://cms.example.org"), Route::Direct);
    assert_eq!(to("https://cms.example.org"), Route::Proxied);
}
