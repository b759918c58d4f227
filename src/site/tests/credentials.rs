//! One bad photo never stops the run; one bad key stops it at once.

use super::*;
use crate::site::Written;
use std::sync::atomic::{AtomicBool, Ordering};

fn listing(server: &Server, ids: &[&str]) -> RestSite {
    let mut settings = settings(&server.url);
    settings.manifest = Some(Manifest::Ids(ids.iter().copied().map(id).collect()));
    open(&settings)
}

#[tokio::test]
async fn a_token_that_is_refused_everywhere_stops_the_run() {
    for code in [401, 403] {
        let server = Server::start(move |_| answer(code, "")).await;
        let site = listing(&server, &["a/1", "a/2", "a/3"]);
        let error = site.read(&id("a/1")).await.unwrap_err();
        assert!(matches!(&error, SiteError::Settings(_)), "{error:?}");
        assert!(text(&error).contains("refuses the token"), "{error}");
        // The verdict stands: nobody else asks around again.
        let before = server.seen().len();
        assert!(matches!(
            site.read(&id("a/2")).await,
            Err(SiteError::Settings(_))
        ));
        assert_eq!(server.seen().len(), before + 1);
    }
}

#[tokio::test]
async fn a_missing_token_is_asked_for() {
    let server = Server::start(|_| answer(401, "")).await;
    let mut settings = settings(&server.url);
    settings.token = None;
    let error = open(&settings).read(&id("a/1")).await.unwrap_err();
    assert!(text(&error).contains("asks for a token"), "{error}");
    assert_eq!(server.seen()[0].header("authorization"), None);
}

#[tokio::test]
async fn one_refused_photo_is_only_that_photo_even_if_it_is_the_first() {
    for code in [401, 403] {
        let server = Server::start(move |seen| {
            if seen.path.contains("/private/") {
                answer(code, "")
            } else {
                photo()
            }
        })
        .await;
        let site = listing(&server, &["private/1", "private/2", "a/1"]);
        for photo in ["private/1", "private/2"] {
            let error = site.read(&id(photo)).await.unwrap_err();
            assert!(matches!(&error, SiteError::Photo(_)), "{error:?}");
            assert!(text(&error).contains(photo), "{error}");
        }
        site.read(&id("a/1")).await.unwrap();
        let before = server.seen().len();
        assert!(matches!(
            site.read(&id("private/1")).await,
            Err(SiteError::Photo(_))
        ));
        assert_eq!(server.seen().len(), before + 2, "one known photo is enough");
    }
}

#[tokio::test]
async fn a_token_revoked_midway_stops_the_run() {
    let revoked = Arc::new(AtomicBool::new(false));
    let state = Arc::clone(&revoked);
    let server = Server::start(move |_| {
        if state.load(Ordering::SeqCst) {
            answer(401, "")
        } else {
            photo()
        }
    })
    .await;
    let site = at(&server);
    site.read(&id("a/1")).await.unwrap();
    write(&site, "a/1").await.unwrap();
    revoked.store(true, Ordering::SeqCst);
    let error = site.read(&id("a/2")).await.unwrap_err();
    assert!(matches!(error, SiteError::Settings(_)), "{error:?}");
    let error = write(&site, "a/3").await.unwrap_err();
    assert!(matches!(error, SiteError::Settings(_)), "{error:?}");
}

#[tokio::test]
async fn a_refused_write_on_a_public_site_stops_at_once_with_a_new_token() {
    for code in [401, 403] {
        let server = Server::start(move |seen| match seen.method.as_str() {
            "GET" => photo(),
            _ => answer(code, ""),
        })
        .await;
        let site = at(&server);
        site.read(&id("a/1")).await.unwrap();
        let error = write(&site, "a/1").await.unwrap_err();
        assert!(matches!(&error, SiteError::Settings(_)), "{error:?}");
        assert!(text(&error).contains("for writing"), "{error}");
    }
}

#[tokio::test]
async fn a_photo_that_may_not_be_written_is_only_that_photo_when_reads_prove_the_token() {
    let server = Server::start(|seen| match seen.method.as_str() {
        _ if seen.header("authorization").is_none() => answer(401, ""),
        "GET" => photo(),
        _ if seen.path.contains("/locked/") => answer(403, ""),
        _ => answer(204, ""),
    })
    .await;
    let site = at(&server);
    let refused = async |photo: &str| {
        let error = write(&site, photo).await.unwrap_err();
        let said = text(&error);
        (matches!(error, SiteError::Photo(_)), said)
    };
    for photo in ["locked/1", "locked/1", "locked/2"] {
        let (this_photo_only, said) = refused(photo).await;
        assert!(this_photo_only && said.contains(photo), "{said}");
    }
    // A write that succeeds shows that it was the photos.
    assert_eq!(write(&site, "a/1").await, Ok(Written::Unshown));
    for photo in ["locked/3", "locked/4"] {
        assert!(refused(photo).await.0);
    }
    let (this_photo_only, said) = refused("locked/5").await;
    assert!(
        !this_photo_only && said.contains("may read but not write"),
        "{said}"
    );
}

#[tokio::test]
async fn a_forbidden_write_after_a_good_one_is_only_that_photo() {
    let server = Server::start(|seen| match seen.method.as_str() {
        "GET" => photo(),
        _ if seen.path.contains("/locked/") => answer(403, ""),
        _ => answer(204, ""),
    })
    .await;
    let site = at(&server);
    write(&site, "a/1").await.unwrap();
    let error = write(&site, "locked/1").await.unwrap_err();
    assert!(matches!(error, SiteError::Photo(_)), "{error:?}");
}
