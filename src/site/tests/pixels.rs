//! Images: versions, redirects, sizes, and what is no image.

use super::*;
use crate::archive::{PixelVersion, Pixels};
use futures_util::StreamExt;

const IMAGE: &[u8] = b"\xff\xd8\xff an image";

fn image() -> Reply {
    answer(200, IMAGE).with("content-type", "image/jpeg")
}

async fn fetch(server: &Server) -> Result<Pixels, SiteError> {
    at(server).pixels(&id("a/1"), &Reading::default()).await
}

async fn refusal(reply: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> SiteError {
    let server = Server::start(reply).await;
    let error = fetch(&server).await.unwrap_err();
    text(&error);
    error
}

#[tokio::test]
async fn an_image_is_fetched_without_credentials_and_counted_apart() {
    let server = Server::start(|_| image()).await;
    let mut settings = settings(&server.url);
    settings.base_url = server.url.join("/cms").unwrap();
    let site = open(&settings);
    assert_eq!(
        site.pixels(&id("a b/1"), &Reading::default())
            .await
            .unwrap()
            .bytes,
        IMAGE
    );
    let seen = server.seen().remove(0);
    assert!(seen.is("GET", "/cms/files/a%20b/1.jpg"), "{seen:?}");
    assert_eq!(seen.header("authorization"), None);
    assert_eq!(seen.header("accept-encoding"), Some("identity"));
    let traffic = site.traffic();
    assert_eq!((traffic.reads, traffic.writes, traffic.pixels), (0, 0, 1));
}

#[tokio::test]
async fn the_version_is_the_same_with_and_without_the_bytes() {
    for (headers, says) in [
        (
            vec![
                ("etag", "\"1\""),
                ("last-modified", "Mon, 12 Jan 1970 13:47:10 GMT"),
            ],
            true,
        ),
        (
            vec![("last-modified", "Mon, 12 Jan 1970 13:47:10 GMT")],
            true,
        ),
        (vec![], false),
    ] {
        let server = Server::start(move |_| {
            let with =
                |reply: Reply, (name, value): &(&'static str, &str)| reply.with(name, *value);
            headers.iter().fold(image(), with)
        })
        .await;
        let site = at(&server);
        let fetched = site
            .pixels(&id("a/1"), &Reading::default())
            .await
            .unwrap()
            .version;
        let asked = site
            .pixel_version(&id("a/1"), &Reading::default())
            .await
            .unwrap();
        assert_eq!(asked, says.then(|| fetched.clone()));
        assert_eq!(
            site.pixels(&id("a/1"), &Reading::default())
                .await
                .unwrap()
                .version,
            fetched
        );
    }
}

#[tokio::test]
async fn a_replaced_image_is_another_version() {
    let server = Server::start(|seen| image().with("etag", format!("\"{}\"", seen.before))).await;
    let site = at(&server);
    let version = async || {
        site.pixel_version(&id("a/1"), &Reading::default())
            .await
            .unwrap()
    };
    assert_ne!(version().await, version().await);
    let server = Server::start(|seen| answer(200, format!("bytes {}", seen.before))).await;
    let versions: Vec<PixelVersion> = {
        let site = at(&server);
        let one = site
            .pixels(&id("a/1"), &Reading::default())
            .await
            .unwrap()
            .version;
        vec![
            one,
            site.pixels(&id("a/1"), &Reading::default())
                .await
                .unwrap()
                .version,
        ]
    };
    assert_ne!(versions[0], versions[1]);
}

#[tokio::test]
async fn a_server_that_refuses_to_say_a_version_says_none() {
    for code in [400, 403, 405, 501] {
        let server = Server::start(move |_| answer(code, "")).await;
        assert_eq!(
            at(&server)
                .pixel_version(&id("a/1"), &Reading::default())
                .await,
            Ok(None),
            "{code}"
        );
    }
    let server = Server::start(|_| answer(404, "")).await;
    let missing = at(&server)
        .pixel_version(&id("a/1"), &Reading::default())
        .await;
    assert!(matches!(missing, Err(SiteError::Missing(_))), "{missing:?}");
}

#[tokio::test]
async fn what_is_no_image_is_refused_with_the_reason() {
    let error = refusal(|_| answer(404, "<html>")).await;
    assert!(matches!(&error, SiteError::Missing(_)), "{error:?}");
    for (error, reason) in [
        (refusal(|_| answer(403, "")).await, "403 Forbidden"),
        (refusal(|_| answer(204, "")).await, "204"),
        (refusal(|_| answer(304, "")).await, "304"),
        (
            refusal(|_| image().with("content-type", "text/html")).await,
            "an HTML page",
        ),
        (
            refusal(|_| answer(200, "<!doctype HTML><p>")).await,
            "an HTML page",
        ),
        (
            refusal(|_| answer(200, vec![0; 1001])).await,
            "larger than 1000 bytes",
        ),
        (
            refusal(|_| Reply::Chunks(vec![0; 1001])).await,
            "larger than 1000 bytes",
        ),
    ] {
        assert!(matches!(&error, SiteError::Photo(_)), "{error:?}");
        assert!(error.to_string().contains(reason), "{reason}: {error}");
    }
    let server = Server::start(|_| Reply::Chunks(vec![0; 1000])).await;
    assert_eq!(fetch(&server).await.unwrap().bytes.len(), 1000);
}

#[tokio::test]
async fn a_cut_off_transfer_is_fetched_again() {
    let server = Server::start(|seen| match seen.before {
        0 => Reply::Cut(IMAGE.to_vec()),
        _ => image(),
    })
    .await;
    assert_eq!(fetch(&server).await.unwrap().bytes, IMAGE);
}

#[tokio::test]
async fn redirects_are_followed_without_credentials() {
    let server = Server::start(|seen| match seen.path.as_str() {
        "/files/a/1.jpg" => answer(302, "").with("location", "/moved?sig=1"),
        "/moved?sig=1" => {
            let host = seen.header("host").unwrap();
            answer(307, "").with("location", format!("http://user:pass@{host}/end"))
        }
        _ => image(),
    })
    .await;
    assert_eq!(fetch(&server).await.unwrap().bytes, IMAGE);
    let seen = server.seen();
    assert_eq!(seen.len(), 3);
    assert!(
        seen.iter()
            .all(|seen| seen.header("authorization").is_none()),
        "{seen:?}"
    );
}

#[tokio::test]
async fn redirects_end_somewhere() {
    let error = refusal(|_| answer(301, "").with("location", "/files/a/1.jpg")).await;
    assert!(
        matches!(&error, SiteError::Photo(text) if text.contains("more than 5")),
        "{error}"
    );
    let error = refusal(|_| answer(301, "").with("location", "file:///etc/passwd")).await;
    assert!(
        matches!(&error, SiteError::Photo(text) if text.contains("file:")),
        "{error}"
    );
}

#[tokio::test]
async fn a_redirect_into_the_private_network_is_refused() {
    let inner = Server::start(|_| image()).await;
    let port = inner.url.port().unwrap();
    for host in ["127.0.0.2", "localhost", "[::1]", "10.0.0.1"] {
        let to = format!("http://{host}:{port}/secret?key=hidden");
        let error = refusal(move |_| answer(302, "").with("location", to.as_str())).await;
        let said = error.to_string();
        assert!(matches!(&error, SiteError::Photo(_)), "{error:?}");
        assert!(
            said.contains("private network") && !said.contains("hidden"),
            "{said}"
        );
    }
    assert!(inner.seen().is_empty());
}

#[tokio::test]
async fn a_redirect_to_nowhere_is_this_photo_only() {
    let nobody = nobody();
    let port = nobody.local_addr().unwrap().port();
    let to = format!("http://127.0.0.1:{port}/gone");
    let error = refusal(move |_| answer(302, "").with("location", to.as_str())).await;
    assert!(
        matches!(&error, SiteError::Photo(text) if text.contains("tried 4 times")),
        "{error}"
    );
}

#[tokio::test]
async fn images_may_live_on_a_configured_host_of_their_own() {
    let images = Server::start(|_| image()).await;
    let port = images.url.port().unwrap();
    let mut settings = settings(&Url::parse("https://example.org").unwrap());
    settings.pixels = PixelSource::Url(format!("http://localhost:{port}/{{id}}-1280w.jpg"));
    let pixels = open(&settings)
        .pixels(&id("a/1"), &Reading::default())
        .await
        .unwrap();
    assert_eq!(pixels.bytes, IMAGE);
    assert!(images.seen()[0].is("GET", "/a%2F1-1280w.jpg"));
}

#[tokio::test]
async fn a_folder_gives_pixels_versions_and_the_listing() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("a")).unwrap();
    std::fs::write(dir.path().join("a/1.JPG"), IMAGE).unwrap();
    let mut settings = settings(&Url::parse("https://example.org").unwrap());
    settings.pixels = PixelSource::Dir(dir.path().to_owned());
    settings.manifest = None;
    let site = open(&settings);
    let ids: Vec<_> = site.list(Extent::All).collect().await;
    assert_eq!(ids, [Ok(id("a/1").into())]);
    let pixels = site.pixels(&id("a/1"), &Reading::default()).await.unwrap();
    assert_eq!(pixels.bytes, IMAGE);
    assert_eq!(
        site.pixel_version(&id("a/1"), &Reading::default()).await,
        Ok(Some(pixels.version))
    );
    let missing = site.pixels(&id("a/2"), &Reading::default()).await;
    assert!(matches!(missing, Err(SiteError::Missing(_))), "{missing:?}");
    assert_eq!(site.traffic().pixels, 0);
}

#[tokio::test]
async fn pixels_that_can_not_be_addressed_are_a_wrong_setting() {
    for template in [
        "/{slug}.jpg",
        "//cdn/{name}",
        "https://{album}.example.org/x",
        "/{",
    ] {
        let mut settings = settings(&Url::parse("https://example.org").unwrap());
        settings.pixels = PixelSource::Url(template.to_owned());
        let error = open_with(&settings, &LIMITS, CancellationToken::new(), QUICK).unwrap_err();
        let named = matches!(&error, SiteError::Settings(text) if text.contains("site.pixels"));
        assert!(named, "{template}: {error}");
    }
}
