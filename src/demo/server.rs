//! The album API over HTTP, and a page to look at in a browser.

use super::DemoError;
use super::blocking;
use super::store::{Changed, Entry, Item, Store, Verified, etag};
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{FromRequestParts, Path, State};
use axum::http::{HeaderMap, StatusCode, header, request::Parts};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, patch};
use axum::{Json, Router};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use std::fmt::Write;
use std::sync::Arc;

/// The routes of the archive.
pub(super) fn app(store: Arc<Store>, token: &SecretString) -> Router {
    let token = blake3::hash(token.expose_secret().as_bytes());
    Router::new()
        .route("/", get(front_page))
        .route("/album/{album}/{name}/get", get(read))
        .route("/album/{album}/{name}/patch", patch(change))
        .route("/files/cache/{album}/{file}", get(pixels))
        .fallback(async || Refusal::NotFound)
        .method_not_allowed_fallback(async || Refusal::Method)
        .with_state(Site { store, token })
}

#[derive(Clone)]
struct Site {
    store: Arc<Store>,
    /// The hash of the token: comparing hashes takes the same time for all inputs.
    token: blake3::Hash,
}

/// Proof that a request carries the token.
struct Authorized;

impl FromRequestParts<Site> for Authorized {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Refusal> {
        let sent = parts.headers.get(header::AUTHORIZATION);
        match sent {
            Some(value) if blake3::hash(value.as_bytes()) == site.token => Ok(Self),
            _ => Err(Refusal::Token),
        }
    }
}

/// An answer that is not what the client hoped for.
enum Refusal {
    Bad(String),
    Token,
    NotFound,
    Method,
    Changed,
    TooLarge,
    Broken(DemoError),
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, error) = match self {
            Self::Bad(why) => (StatusCode::BAD_REQUEST, why),
            Self::Token => (
                StatusCode::UNAUTHORIZED,
                "the Authorization header must be the token".to_owned(),
            ),
            Self::NotFound => (StatusCode::NOT_FOUND, "there is no such photo".to_owned()),
            Self::Method => (
                StatusCode::METHOD_NOT_ALLOWED,
                "this address takes another method".to_owned(),
            ),
            Self::Changed => (
                StatusCode::PRECONDITION_FAILED,
                "the photo has changed since it was read".to_owned(),
            ),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "the request is too large".to_owned(),
            ),
            Self::Broken(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        };
        (status, Json(serde_json::json!({ "error": error }))).into_response()
    }
}

impl From<DemoError> for Refusal {
    fn from(error: DemoError) -> Self {
        Self::Broken(error)
    }
}

impl From<PathRejection> for Refusal {
    fn from(rejection: PathRejection) -> Self {
        Self::Bad(rejection.body_text())
    }
}

impl From<BytesRejection> for Refusal {
    fn from(rejection: BytesRejection) -> Self {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Self::TooLarge
        } else {
            Self::Bad(rejection.body_text())
        }
    }
}

/// Album and name, or album and file, out of the address.
type Place = Result<Path<(String, String)>, PathRejection>;

async fn read(
    _: Authorized,
    State(Site { store, .. }): State<Site>,
    place: Place,
) -> Result<Response, Refusal> {
    let Path((album, name)) = place?;
    let item = blocking(move || store.item(&album, &name)).await?;
    Ok(show(&item.ok_or(Refusal::NotFound)?))
}

async fn change(
    _: Authorized,
    State(Site { store, .. }): State<Site>,
    place: Place,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let Path((album, name)) = place?;
    let body = body?;
    let change = parse_change(&body)?;
    let expected = if_match(&headers)?;
    let changed = blocking(move || {
        let accepts = |now: &str| expected.as_deref().is_none_or(|tags| tags_match(tags, now));
        store.change([&album, &name], accepts, change)
    });
    match changed.await? {
        Changed::Now(item) => Ok(show(&item)),
        Changed::Conflict => Err(Refusal::Changed),
        Changed::NoPhoto => Err(Refusal::NotFound),
    }
}

/// Reads a change. Serde would take an array for the fields in order, so the
/// brace is asked for first.
fn parse_change(body: &[u8]) -> Result<Item, Refusal> {
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(Refusal::Bad("a change is a JSON object".to_owned()));
    }
    serde_json::from_slice(body)
        .map_err(|error| Refusal::Bad(format!("not a change of a photo: {error}")))
}

fn show(item: &Item) -> Response {
    ([(header::ETAG, item.etag())], Json(item)).into_response()
}

/// The `If-Match` headers as one list, where there are any.
fn if_match(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let lists: Result<Vec<_>, _> = headers
        .get_all(header::IF_MATCH)
        .iter()
        .map(|value| value.to_str())
        .collect();
    let lists = lists.map_err(|_| Refusal::Bad("If-Match is not text".to_owned()))?;
    Ok((!lists.is_empty()).then(|| lists.join(",")))
}

/// Whether a list of entity tags has this one (strong comparison, RFC 9110
/// section 13.1.1); our own tags contain no comma.
fn tags_match(list: &str, now: &str) -> bool {
    list.split(',')
        .map(str::trim)
        .any(|tag| tag == "*" || tag == now)
}

/// A photo's file; axum leaves the body out when the method is HEAD.
async fn pixels(State(Site { store, .. }): State<Site>, place: Place) -> Result<Response, Refusal> {
    let Path((album, file)) = place?;
    let name = file.strip_suffix("-1280w.jpg").ok_or(Refusal::NotFound)?;
    let name = name.to_owned();
    let bytes = blocking(move || store.pixels(&album, &name)).await?;
    let bytes = bytes.ok_or(Refusal::NotFound)?;
    let headers = [
        (header::CONTENT_TYPE, "image/jpeg".to_owned()),
        (header::CONTENT_LENGTH, bytes.len().to_string()),
        (header::ETAG, etag(&bytes)),
    ];
    Ok((headers, bytes).into_response())
}

const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;\
    padding:0 1rem;background:#f6f4ef;color:#26241f}\
    ul{list-style:none;padding:0;display:grid;gap:1.5rem;\
    grid-template-columns:repeat(auto-fill,minmax(17rem,1fr))}\
    li{background:#fff;border-radius:.5rem;overflow:hidden;box-shadow:0 1px 4px #0003}\
    img{width:100%;height:14rem;object-fit:cover;display:block}\
    li>*:not(img){margin:.6rem 1rem}h3{font-size:1.05rem}\
    .caption{color:#5c574d}.by{font-size:.85rem;color:#6b4f1d}";

async fn front_page(State(Site { store, .. }): State<Site>) -> Result<Response, Refusal> {
    let entries = blocking(move || store.entries()).await?;
    let headers = [(
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'",
    )];
    Ok((headers, Html(page(&entries, &Pictures::OnServer))).into_response())
}

/// Where the pictures are, as seen from the page.
pub(super) enum Pictures {
    /// At the addresses of the API.
    OnServer,
    /// In the folder beside the page.
    Beside,
}

/// All photos with their texts, as one HTML page.
pub(super) fn page(entries: &[Entry], pictures: &Pictures) -> String {
    let mut html = format!(
        "<!doctype html><html lang=en><meta charset=utf-8>\
         <meta name=viewport content='width=device-width'>\
         <title>The embedded archive</title><style>{STYLE}</style>\
         <h1>The embedded archive</h1>\
         <p>{} photos, drawn by altfill itself, and what their alt texts say now.</p>",
        entries.len()
    );
    for album in entries.chunk_by(|one, next| one.album == next.album) {
        let _ = write!(html, "<h2>{}</h2><ul>", Escaped(&album[0].album));
        for entry in album {
            push_photo(&mut html, entry, pictures);
        }
        html.push_str("</ul>");
    }
    html
}

fn push_photo(html: &mut String, entry: &Entry, pictures: &Pictures) {
    let Item {
        title,
        alt,
        caption,
        verified,
    } = &entry.shown;
    let by = match (alt.as_str(), verified) {
        ("", _) => "no alt text",
        (_, Some(Verified::Machine)) => "alt text by a machine",
        (_, Some(Verified::Person)) => "alt text vouched for by a person",
        (_, None) => "alt text without a mark",
    };
    let (album, name) = (encoded(&entry.album), encoded(&entry.name));
    let picture = match pictures {
        Pictures::OnServer => format!("/files/cache/{album}/{name}-1280w.jpg"),
        Pictures::Beside => format!("files/{album}/{name}.jpg"),
    };
    let heading = match title.as_str() {
        "" => entry.name.as_str(),
        title => title,
    };
    // Writing to a string can't fail.
    let _ = write!(
        html,
        "<li><img loading=lazy src='{picture}' alt='{alt}'>\
         <h3>{}</h3><p class=caption>{}</p><p>{alt}</p><p class=by>{by}</p></li>",
        Escaped(heading),
        Escaped(caption.as_str()),
        alt = Escaped(alt.as_str()),
    );
}

/// Everything but the unreserved characters of RFC 3986.
const PATH_PART: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

fn encoded(part: &str) -> impl std::fmt::Display {
    utf8_percent_encode(part, PATH_PART)
}

/// Text that can't be mistaken for HTML, in an element or an attribute.
struct Escaped<'a>(&'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.chars().try_for_each(|character| match character {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            other => f.write_char(other),
        })
    }
}
