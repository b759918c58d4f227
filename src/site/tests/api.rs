//! What is sent, and what answers mean.

use super::*;
use crate::site::Written;

#[tokio::test]
async fn a_photo_is_read_as_the_album_api_wants_it() {
    let server = Server::start(|_| photo().with("etag", "W/\"7\"")).await;
    let mut settings = settings(&server.url);
    settings.base_url = server.url.join("cms/").unwrap();
    let site = open(&settings);
    let reading = site.read(&id("a b/é?")).await.unwrap();
    assert_eq!(reading.title.as_deref(), Some("Lake"));
    assert_eq!(reading.alt.as_deref(), Some(""));
    assert_eq!(
        (reading.tag, reading.etag.as_deref()),
        (Some(Tag::Machine), Some("W/\"7\""))
    );
    let seen = server.seen().remove(0);
    assert!(seen.is("GET", "/cms/album/a%20b/%C3%A9%3F/get"), "{seen:?}");
    assert_eq!(seen.header("authorization"), Some(TOKEN));
    let agent = concat!("altfill/", env!("CARGO_PKG_VERSION"));
    assert_eq!(seen.header("user-agent"), Some(agent));
    assert!(site.traits().holds_tag && site.traits().machine_tag_is_default);
}

#[tokio::test]
async fn an_id_that_would_leave_its_folder_is_never_sent() {
    let server = Server::start(|_| photo()).await;
    let site = at(&server);
    for bad in ["../x", "a/..", "a", "a/b/c", "a/\r\nx: y"] {
        for error in [
            site.read(&id(bad)).await.unwrap_err(),
            write(&site, bad).await.unwrap_err(),
            site.pixels(&id(bad), &Reading::default())
                .await
                .unwrap_err(),
        ] {
            assert!(matches!(error, SiteError::Photo(_)), "{bad}: {error:?}");
        }
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_write_sends_what_changes_and_the_tag_under_the_entity_tag() {
    let shown = r#"{"alt":"A lake at dawn.","verified":0}"#;
    let server = Server::start(move |seen| match seen.before {
        0 => answer(200, shown),
        1 => answer(204, ""),
        2 => answer(200, "<html>saved</html>"),
        _ => answer(200, r#"{"message":"saved"}"#),
    })
    .await;
    let site = at(&server);
    let read = Reading {
        etag: Some("\"v1\"".to_owned()),
        ..Reading::default()
    };
    let written = site.write(&id("a/1"), &change(), &read).await.unwrap();
    let Written::Shown(now) = written else {
        panic!("{written:?}");
    };
    assert_eq!(
        (now.alt_text(), now.tag),
        ("A lake at dawn.", Some(Tag::Machine))
    );
    let seen = server.seen().remove(0);
    assert!(seen.is("PATCH", "/album/a/1/patch"), "{seen:?}");
    assert_eq!(seen.body, shown);
    assert_eq!(seen.header("content-type"), Some("application/json"));
    assert_eq!(seen.header("if-match"), Some("\"v1\""));
    for _ in 0..3 {
        assert_eq!(write(&site, "a/1").await, Ok(Written::Unshown));
    }
    assert_eq!(server.seen()[1].header("if-match"), None);
    assert_eq!((site.traffic().reads, site.traffic().writes), (0, 4));
}

#[tokio::test]
async fn a_tag_alone_is_sent_alone() {
    let server = Server::start(|_| answer(204, "")).await;
    let site = at(&server);
    let read = Reading {
        alt: Some("A lake at dawn.".to_owned()),
        ..Reading::default()
    };
    site.write(&id("a/1"), &change(), &read).await.unwrap();
    let undo = ChangeSet {
        alt: String::new(),
        tag: TagChange::Keep,
    };
    site.write(&id("a/1"), &undo, &read).await.unwrap();
    let bodies: Vec<String> = server.seen().into_iter().map(|seen| seen.body).collect();
    assert_eq!(bodies, [r#"{"verified":0}"#, r#"{"alt":""}"#]);
}

#[tokio::test]
async fn every_refusal_is_told_apart() {
    let server = Server::start(|seen| {
        let code = seen.path.split('/').nth(3).unwrap();
        answer(
            code.parse().unwrap(),
            format!(r#"{{"message":"no {TOKEN}?"}}"#),
        )
    })
    .await;
    let site = at(&server);
    for code in [404, 410] {
        let photo = format!("a/{code}");
        let errors = [
            site.read(&id(&photo)).await.unwrap_err(),
            write(&site, &photo).await.unwrap_err(),
        ];
        for error in errors {
            assert!(matches!(&error, SiteError::Missing(_)), "{error:?}");
            assert!(text(&error).contains(&photo), "{error}");
        }
    }
    for code in [400, 405, 413, 415, 422, 451, 501] {
        let photo = format!("a/{code}");
        let errors = [
            site.read(&id(&photo)).await.unwrap_err(),
            write(&site, &photo).await.unwrap_err(),
        ];
        for error in errors {
            assert!(matches!(&error, SiteError::Photo(_)), "{error:?}");
            assert!(text(&error).contains(&code.to_string()), "{error}");
        }
    }
    for code in [409, 412] {
        let error = write(&site, &format!("a/{code}")).await.unwrap_err();
        assert!(matches!(&error, SiteError::Conflict(_)), "{error:?}");
    }
}

#[tokio::test]
async fn the_sites_own_words_are_quoted() {
    let server = Server::start(|_| answer(422, r#"{"message":"alt is too\u0007 long"}"#)).await;
    let error = write(&at(&server), "a/1").await.unwrap_err();
    let said = text(&error);
    assert!(
        said.ends_with("422 Unprocessable Entity (\"alt is too long\")"),
        "{said}"
    );
}

#[tokio::test]
async fn what_is_no_api_is_said_to_be_what_it_is() {
    for (reply, what) in [
        (
            answer(200, "<!DOCTYPE html>").with("content-type", "text/html"),
            "an HTML page (text/html, 200)",
        ),
        (
            answer(200, " \n<HTML>"),
            "an HTML page (application/json, 200)",
        ),
        (
            answer(200, &PHOTO[..20]),
            "half a JSON text (application/json, 200)",
        ),
        (answer(200, "{]"), "stops being JSON at line 1 column 2"),
        (answer(200, ""), "an empty page"),
        (answer(200, "[]"), "a JSON list"),
        (
            answer(200, r#"{"error":"x"}"#),
            "JSON without any of /alt, /title",
        ),
        (
            answer(200, vec![b' '; 8 * 1024 * 1024 + 1]),
            "more than 2097152 bytes",
        ),
    ] {
        let reply = Mutex::new(Some(reply));
        let server = Server::start(move |_| reply.lock().unwrap().take().unwrap()).await;
        let error = at(&server).read(&id("a/1")).await.unwrap_err();
        assert!(matches!(&error, SiteError::NotApi(_)), "{what}: {error:?}");
        assert!(text(&error).contains(what), "{what}: {error}");
    }
    let server = Server::start(|_| answer(200, r#"{"alt":["x"]}"#)).await;
    let error = at(&server).read(&id("a/1")).await.unwrap_err();
    assert!(matches!(&error, SiteError::Photo(_)), "{error:?}");
    let server = Server::start(|_| answer(200, format!("\u{feff}{PHOTO}"))).await;
    assert!(at(&server).read(&id("a/1")).await.is_ok());
}

#[tokio::test]
async fn the_api_follows_no_redirect() {
    let other = Server::start(|_| photo()).await;
    let to = other.url.join("/login?key=hidden").unwrap();
    let server = Server::start(move |_| answer(302, "").with("location", to.as_str())).await;
    let site = at(&server);
    for error in [
        site.read(&id("a/1")).await.unwrap_err(),
        write(&site, "a/1").await.unwrap_err(),
    ] {
        let said = text(&error);
        assert!(matches!(&error, SiteError::NotApi(_)), "{error:?}");
        let host = other.url.origin().ascii_serialization();
        assert!(said.contains(&format!("302 Found to {host}, ")), "{said}");
        assert!(
            !said.contains("hidden") && said.contains("site.base_url"),
            "{said}"
        );
    }
    assert!(
        other.seen().is_empty(),
        "the token must not follow a redirect"
    );
}

#[tokio::test]
async fn a_changed_photo_is_a_conflict() {
    let server = Server::start(|seen| match seen.method.as_str() {
        "GET" if seen.before == 0 => photo().with("etag", "\"1\""),
        "GET" => answer(200, r#"{"alt":"by a person"}"#).with("etag", "\"2\""),
        _ => answer(412, ""),
    })
    .await;
    let site = at(&server);
    let read = site.read(&id("a/1")).await.unwrap();
    let error = site.write(&id("a/1"), &change(), &read).await.unwrap_err();
    assert!(matches!(error, SiteError::Conflict(_)), "{error:?}");
    assert_eq!(server.count("PATCH"), 1);
}

#[tokio::test]
async fn an_entity_tag_that_never_matches_is_left_out_when_nothing_changed() {
    let server = Server::start(|seen| match seen.method.as_str() {
        "GET" => photo().with("etag", "W/\"1\""),
        _ if seen.header("if-match").is_some() => answer(412, ""),
        _ => answer(204, ""),
    })
    .await;
    let site = at(&server);
    let read = site.read(&id("a/1")).await.unwrap();
    for _ in 0..2 {
        let written = site.write(&id("a/1"), &change(), &read).await;
        assert_eq!(written, Ok(Written::Unshown));
    }
    assert_eq!(server.count("PATCH"), 3, "the second write knows");
}

#[tokio::test]
async fn a_throttled_request_waits_as_it_is_told_and_is_sent_again() {
    for (header, value, longer) in [
        ("retry-after-ms", "60", "2000"),
        ("retry-after", "0.06", "2"),
    ] {
        let server = Server::start(move |seen| match (seen.before, seen.method.as_str()) {
            (0, "GET") => answer(429, "<html>").with(header, value),
            (0, _) => answer(429, "<html>").with(header, longer),
            (_, "GET") => photo(),
            _ => answer(204, ""),
        })
        .await;
        let site = at(&server);
        let start = std::time::Instant::now();
        site.read(&id("a/1")).await.unwrap();
        assert!(start.elapsed() >= Duration::from_millis(60), "{header}");
        // A write that would have to wait is given back: a person may write
        // meanwhile, so a fresh read comes first.
        for _ in 0..2 {
            let error = write(&site, "a/1").await.unwrap_err();
            assert!(matches!(&error, SiteError::NotSent(_)), "{error:?}");
        }
        assert_eq!(
            server.count("PATCH"),
            1,
            "nothing is sent while the gate is closed"
        );
        site.read(&id("a/1")).await.unwrap();
        assert_eq!(write(&site, "a/1").await, Ok(Written::Unshown));
        assert_eq!((server.count("GET"), server.count("PATCH")), (3, 2));
        assert_eq!((site.traffic().reads, site.traffic().writes), (3, 2));
    }
}

#[tokio::test]
async fn a_write_that_may_have_arrived_is_never_repeated() {
    type Fault = fn() -> Reply;
    let faults: [Fault; 4] = [
        || Reply::Hangup,
        || Reply::Cut(br#"{"alt""#.to_vec()),
        || answer(500, "").with("retry-after-ms", "1"),
        || answer(408, ""),
    ];
    for fault in faults {
        let server = Server::start(move |_| fault()).await;
        let error = write(&at(&server), "a/1").await.unwrap_err();
        assert!(matches!(&error, SiteError::OutcomeUnknown(_)), "{error:?}");
        assert!(text(&error).contains("a/1"), "{error}");
        assert_eq!(server.count("PATCH"), 1);
    }
}

#[tokio::test]
async fn a_write_that_is_not_answered_in_time_has_an_unknown_outcome() {
    let server = Server::start(|_| Reply::Hold(Arc::default(), Box::new(Reply::Hangup))).await;
    let patience = Patience {
        timeout: Duration::from_millis(100),
        ..QUICK
    };
    let stop = CancellationToken::new();
    let site = open_with(&settings(&server.url), &LIMITS, stop, patience).unwrap();
    let error = write(&site, "a/1").await.unwrap_err();
    assert!(matches!(&error, SiteError::OutcomeUnknown(_)), "{error:?}");
    assert!(
        text(&error).contains("no whole answer within 100ms"),
        "{error}"
    );
}

#[tokio::test]
async fn a_token_that_no_header_can_carry_is_a_wrong_setting() {
    let mut settings = settings(&Url::parse("https://h").unwrap());
    settings.token = Some("one\ntwo".to_owned().into());
    let error = open_with(&settings, &LIMITS, CancellationToken::new(), QUICK).unwrap_err();
    assert!(
        matches!(&error, SiteError::Settings(text) if text.contains("token_env")),
        "{error}"
    );
    assert!(!error.to_string().contains("two"));
}

#[tokio::test]
async fn a_site_shows_its_token_to_nobody() {
    let site = open(&settings(&Url::parse("https://h").unwrap()));
    assert!(!format!("{site:?}").contains(TOKEN));
}
