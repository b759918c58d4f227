//! Replies of sites, pages for people and lists of photos, for `crate::fuzz`.

use super::address::IdShape;
use super::api::{json, own_address};
use super::description::Meaning;
use super::html;
use super::listing::read_lines;
use super::open::open_with;
use super::parcel::{Answer, Body};
use super::patience::Patience;
use super::rest::{Ids, RestSite};
use super::{ChangeSet, Site, TagChange};
use crate::archive::{PhotoId, SiteName, Tag};
use crate::config::{PhotoLimits, PixelSource, Preset, SiteSettings};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, LINK, LOCATION};
use std::ops::ControlFlow;
use std::sync::LazyLock;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use url::Url;

const PRESETS: [Preset; 4] = [
    Preset::Album,
    Preset::WordPress,
    Preset::DrupalJsonApi,
    Preset::Strapi,
];

const STATUSES: [u16; 10] = [200, 201, 204, 301, 400, 403, 404, 412, 422, 500];

const LIMITS: PhotoLimits = PhotoLimits {
    max_bytes: 1000,
    max_pixels: 1000,
    max_memory: 10_000_000,
};

const PATIENCE: Patience = Patience {
    outage: Duration::ZERO,
    first_wait: Duration::ZERO,
    longest_wait: Duration::ZERO,
    timeout: Duration::from_secs(1),
};

fn settings(preset: Preset) -> SiteSettings {
    let pixels = match preset {
        Preset::Album => PixelSource::Url("/files/{album}/{name}.jpg".to_owned()),
        _ => PixelSource::Site,
    };
    SiteSettings {
        name: SiteName::new("fuzz"),
        preset,
        base_url: Url::parse("http://127.0.0.1:1/cms").expect("an address"),
        folder: None,
        description: serde_json::Map::new(),
        lines: Vec::new(),
        user: Some("editor".to_owned()),
        token: Some("s3cret-t0ken".to_owned().into()),
        token_from: None,
        authorities: None,
        manifest: (preset == Preset::Album).then(|| crate::config::Manifest::Ids(Vec::new())),
        pixels,
        thumbnail: None,
        page: None,
        concurrency: 1,
        requests_per_second: None,
        recheck: Duration::ZERO,
        sweep: Duration::ZERO,
        image_edge: 1024,
        timeout: Duration::from_secs(1),
    }
}

static SITES: LazyLock<Vec<RestSite>> = LazyLock::new(|| {
    let open = |preset| {
        let settings = settings(preset);
        let opened = open_with(&settings, &LIMITS, CancellationToken::new(), PATIENCE);
        opened.expect("a preset is a sound description")
    };
    PRESETS.map(open).into()
});

/// A reply of a site to a read, a write and a listing: the first byte chooses the
/// preset, the second the status; the rest is the body.
pub fn site(bytes: &[u8]) {
    let [preset, status, body @ ..] = bytes else {
        return;
    };
    let at = usize::from(*preset) % SITES.len();
    let site = &SITES[at];
    let id = PhotoId::new(if at == 0 { "album/name" } else { "7" });
    let status = STATUSES[usize::from(*status) % STATUSES.len()];
    let mut headers = HeaderMap::new();
    let line: &[u8] = body.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if let Ok(value) = HeaderValue::from_bytes(line) {
        for name in [CONTENT_TYPE, ETAG, LOCATION, LINK] {
            headers.insert(name, value.clone());
        }
    }
    let answer = Answer {
        status: StatusCode::from_u16(status).expect("a status"),
        headers,
        body: Body::Whole(body.to_vec()),
    };
    let parcel = site.api.reading_parcel(&id).expect("a plain id");
    let shown = site.api.reading(&parcel, &answer);
    let _ = site.api.written(&id, &answer);
    let said = site.api.failed(&parcel, &answer);
    assert!(!said.contains("s3cret-t0ken"), "{said}");
    assert!(said.chars().count() < 1000, "an error is no essay");
    let _ = site.api.failure(&parcel, &answer);
    if let (Ok(document), Ids::Site(lister)) = (json(&answer), &site.ids) {
        lister.take_first(&parcel, &answer, &document);
    }
    if let Ok(reading) = shown {
        assert_eq!(site.api.meaning(&answer), Meaning::Fine);
        let change = ChangeSet {
            alt: "A lake.".to_owned(),
            tag: TagChange::Set(Tag::Machine),
        };
        let _ = site.api.writing_parcel(&id, &change, &reading);
        let _ = site.cleaned(reading.alt.as_deref().unwrap_or_default());
    }
}

/// A page for people: its title and its text; and an address out of it.
pub fn pages(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let plain = html::to_text(&text);
    assert!(
        plain.len() <= text.len() * 3 + 3,
        "text grows by entities at most"
    );
    let _ = html::title(&text);
    let base = &SITES[0].api.base;
    if let Ok(url) = own_address(base, base.url(), &text) {
        assert_eq!(url.origin(), base.url().origin(), "{text}");
        assert!(
            url.username().is_empty() && url.password().is_none(),
            "{text}"
        );
    }
}

/// A list of photos.
pub fn manifest(bytes: &[u8]) {
    let shape = IdShape::try_from(vec!["album".to_owned(), "name".to_owned()]).expect("a shape");
    read_lines(bytes, "photos.txt", &shape, |item| {
        if let Ok(id) = item {
            let parcel = SITES[0]
                .api
                .reading_parcel(&id)
                .expect("an id that was taken");
            let segments = parcel.url.path_segments().map(Iterator::count);
            // `cms`, `album`, the two parts, `get`.
            assert_eq!(segments, Some(5), "{id}");
        }
        ControlFlow::Continue(())
    });
}

/// Whatever description passed the settings is opened, or refused in words.
pub(crate) fn described(settings: &SiteSettings) {
    if let Err(error) = open_with(settings, &LIMITS, CancellationToken::new(), PATIENCE) {
        assert!(!error.to_string().is_empty());
    }
}
