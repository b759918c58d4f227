//! A site that is down, overloaded, or never was there; and a run that stops.

use super::*;
use crate::site::Written;
use std::sync::atomic::{AtomicBool, Ordering};

#[tokio::test]
async fn a_read_outlives_every_passing_trouble() {
    let server = Server::start(|seen| match seen.before {
        0 => answer(503, "<html>"),
        1 => Reply::Hangup,
        2 => Reply::Cut(PHOTO.as_bytes()[..20].to_vec()),
        _ => photo(),
    })
    .await;
    let site = at(&server);
    let reading = site.read(&id("a/1")).await.unwrap();
    assert_eq!(reading.title.as_deref(), Some("Lake"));
    assert_eq!(site.traffic().reads, 4);
}

#[tokio::test]
async fn one_photo_that_always_fails_is_given_up_when_the_site_works() {
    let server = Server::start(|seen| {
        if seen.path.contains("/bad/") {
            answer(500, "")
        } else {
            photo()
        }
    })
    .await;
    let site = at(&server);
    site.read(&id("a/good")).await.unwrap();
    let error = site.read(&id("a/bad")).await.unwrap_err();
    assert!(matches!(&error, SiteError::Photo(_)), "{error:?}");
    assert!(
        text(&error).contains("500 Internal Server Error (tried 4 times)"),
        "{error}"
    );
    // One good read, four bad ones, and one that showed that the site works.
    assert_eq!(site.traffic().reads, 6);
}

#[tokio::test]
async fn one_photo_that_fails_alone_is_no_outage_even_if_it_is_the_first() {
    let server = Server::start(|_| answer(500, "")).await;
    let error = impatient(&server).read(&id("a/1")).await.unwrap_err();
    assert!(matches!(error, SiteError::Photo(_)), "{error:?}");
}

#[tokio::test]
async fn a_site_that_fails_everybody_is_waited_for() {
    let up = Arc::new(AtomicBool::new(false));
    let state = Arc::clone(&up);
    let server = Server::start(move |seen| {
        // From its fifth request on for either photo, the site is up again.
        if seen.before >= 4 || state.load(Ordering::SeqCst) {
            state.store(true, Ordering::SeqCst);
            photo()
        } else {
            answer(502, "")
        }
    })
    .await;
    let site = at(&server);
    let (first, second) = (id("a/1"), id("a/2"));
    let (first, second) = tokio::join!(site.read(&first), site.read(&second));
    assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
}

#[tokio::test]
async fn a_site_that_fails_for_longer_than_our_patience_is_down() {
    let server = Server::start(|_| answer(502, "")).await;
    let site = impatient(&server);
    let (first, second) = (id("a/1"), id("a/2"));
    let (first, second) = tokio::join!(site.read(&first), site.read(&second));
    for error in [first.unwrap_err(), second.unwrap_err()] {
        assert!(matches!(&error, SiteError::Outage(_)), "{error:?}");
        assert!(text(&error).contains("502 Bad Gateway"), "{error}");
    }
}

#[tokio::test]
async fn a_site_that_vanishes_is_down_and_not_wrongly_configured() {
    let server = Server::start(|_| photo()).await;
    let site = impatient(&server);
    site.read(&id("a/1")).await.unwrap();
    server.task.abort();
    let address = server.url.socket_addrs(|| None).unwrap()[0];
    let gone = async {
        loop {
            match reserve(address) {
                Ok(socket) => return socket,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    };
    let patience = Duration::from_secs(30);
    let _nobody = tokio::time::timeout(patience, gone).await.unwrap();
    let error = site.read(&id("a/2")).await.unwrap_err();
    assert!(matches!(&error, SiteError::Outage(_)), "{error:?}");
    let error = write(&site, "a/2").await.unwrap_err();
    assert!(
        matches!(&error, SiteError::NotSent(_)),
        "the read that comes first finds out that the site is down: {error:?}"
    );
}

#[tokio::test]
async fn an_address_where_nobody_answers_is_a_wrong_setting() {
    let nobody = nobody();
    let port = nobody.local_addr().unwrap().port();
    let url = Url::parse(&format!("http://127.0.0.1:{port}/x")).unwrap();
    let site = open(&settings(&url));
    for (error, setting) in [
        (site.read(&id("a/1")).await.unwrap_err(), "site.base_url"),
        (
            site.pixels(&id("a/1"), &Reading::default())
                .await
                .unwrap_err(),
            "site.pixels",
        ),
    ] {
        assert_eq!(
            error,
            SiteError::Settings(format!(
                "could not reach http://127.0.0.1:{port}: connection refused; check {setting}"
            ))
        );
    }
    assert_eq!(site.traffic(), crate::site::Traffic::default());
}

#[tokio::test]
async fn every_wait_ends_when_the_run_stops() {
    let held = Arc::new(Notify::new());
    let server = Server::start(move |seen| {
        if seen.path.contains("/slow/") {
            Reply::Hold(Arc::clone(&held), Box::new(photo()))
        } else if seen.path.contains("/down/") {
            answer(503, "").with("retry-after", "1000")
        } else {
            answer(429, "").with("retry-after", "1000")
        }
    })
    .await;
    for photo in ["a/slow", "a/down", "a/throttled"] {
        let stop = CancellationToken::new();
        let site = open_with(&settings(&server.url), &LIMITS, stop.clone(), QUICK).unwrap();
        let before = server.seen().len();
        let id = id(photo);
        let stopping = async {
            while server.seen().len() == before {
                tokio::task::yield_now().await;
            }
            stop.cancel();
        };
        let (read, ()) = tokio::join!(site.read(&id), stopping);
        assert_eq!(read, Err(SiteError::Cancelled), "{photo}");
        assert_eq!(write(&site, photo).await, Err(SiteError::Cancelled));
    }
    assert_eq!(server.count("PATCH"), 0);
}

#[tokio::test]
async fn a_write_in_flight_is_awaited_when_the_run_stops() {
    let told = Arc::new(Notify::new());
    let release = Arc::clone(&told);
    let server =
        Server::start(move |_| Reply::Hold(Arc::clone(&told), Box::new(answer(204, "")))).await;
    let stop = CancellationToken::new();
    let site = open_with(&settings(&server.url), &LIMITS, stop.clone(), QUICK).unwrap();
    let stopping = async {
        while server.seen().is_empty() {
            tokio::task::yield_now().await;
        }
        stop.cancel();
        tokio::task::yield_now().await;
        release.notify_one();
    };
    let (written, ()) = tokio::join!(write(&site, "a/1"), stopping);
    assert_eq!(written, Ok(Written::Unshown));
}
