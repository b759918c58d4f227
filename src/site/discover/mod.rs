//! Looking at a site that nothing is known of but its address: which preset fits
//! it, and where none does, what its API seems to be like. No credentials are
//! needed, and nothing is ever changed.

mod clues;
mod fetch;
mod shape;
mod walk;

pub use clues::{Drupal, Kind, WordPress};
pub use shape::{Guess, Numbering};

use fetch::{Fetcher, Page};
use secrecy::SecretString;
use serde_json::Value;
use url::Url;

/// What a look at a site showed.
#[derive(Clone, Debug)]
pub struct Discovered {
    /// Its address, redirects followed.
    pub base_url: Url,
    /// What it is.
    pub kind: Kind,
    /// What a person should know, one sentence each.
    pub notes: Vec<String>,
}

/// What is known beforehand.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The account, where the credential is its password.
    pub user: Option<String>,
    /// The credential: sent to the site's own origin, and only with requests for
    /// a list that a person named.
    pub token: Option<SecretString>,
    /// The address of a list.
    pub list: Option<Url>,
    /// The first line of a list of `album/name`.
    pub album_photo: Option<String>,
}

/// Looks at a site.
///
/// # Errors
/// Nothing there speaks HTTP; the sentence says why.
pub async fn discover(url: &Url, known: &Known) -> Result<Discovered, String> {
    let fetcher = Fetcher::new()?;
    let front = fetcher.get(url, None).await?;
    let mut notes = Vec::new();
    if front.url.origin() != url.origin() {
        notes.push(format!("{} leads to {}", shown(url), shown(&front.url)));
    }
    let base = clues::base(&front.url);
    let found = Look {
        fetcher: &fetcher,
        base: &base,
        front: &front,
    };
    let kind = match found.known_kind(known).await {
        Some((kind, address)) => {
            let base_url = address.unwrap_or_else(|| base.clone());
            return Ok(Discovered {
                base_url,
                kind,
                notes,
            });
        }
        None => found.guessed(known, &mut notes).await,
    };
    let mut base_url = base;
    if matches!(kind, Kind::Unknown(Some(_))) && known.list.is_none() {
        // The address was that of the list itself.
        base_url.set_path("/");
    }
    Ok(Discovered {
        base_url,
        kind,
        notes,
    })
}

struct Look<'l> {
    fetcher: &'l Fetcher,
    base: &'l Url,
    front: &'l Page,
}

impl Look<'_> {
    async fn get(&self, path: &str) -> Option<Page> {
        let mut url = self.base.clone();
        let (path, query) = path
            .split_once('?')
            .map_or((path, None), |(p, q)| (p, Some(q)));
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        url.set_query(query);
        self.fetcher.get(&url, None).await.ok()
    }

    /// The presets in turn, the surest signs first.
    async fn known_kind(&self, known: &Known) -> Option<(Kind, Option<Url>)> {
        if let Some(found) = self.wordpress().await {
            return Some(found);
        }
        if let Some(drupal) = self.drupal().await {
            return Some((Kind::Drupal(drupal), None));
        }
        let files = self.get("/api/upload/files").await;
        if files
            .as_ref()
            .and_then(Page::json)
            .is_some_and(|reply| clues::is_strapi(&reply))
        {
            return Some((Kind::Strapi, None));
        }
        let photo = known.album_photo.as_deref()?;
        let (album, name) = photo.split_once('/')?;
        let page = self.get(&format!("/album/{album}/{name}/get")).await?;
        clues::is_album(page.status, page.json().as_ref()).then_some((Kind::Album, None))
    }

    async fn wordpress(&self) -> Option<(Kind, Option<Url>)> {
        let told = clues::wordpress_root(self.front);
        let usual = ["/wp-json/", "/?rest_route=/"].map(|path| {
            let mut url = self.base.clone();
            let (path, query) = path
                .split_once('?')
                .map_or((path, None), |(p, q)| (p, Some(q)));
            url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
            url.set_query(query);
            url
        });
        for root in told.into_iter().chain(usual) {
            let Ok(page) = self.fetcher.get(&root, None).await else {
                continue;
            };
            let Some(found) = page
                .json()
                .and_then(|index| clues::wordpress(&page.url, &index))
            else {
                continue;
            };
            let (mut wordpress, base) = found;
            let list = format!("{}/media", wordpress.api);
            let query = if list.contains('?') { '&' } else { '?' };
            let list = format!("{list}{query}media_type=image&per_page=1&_fields=id");
            let look = Look {
                base: &base,
                ..*self
            };
            wordpress.images = look
                .get(&list)
                .await
                .and_then(|page| page.number("x-wp-total"));
            return Some((Kind::WordPress(wordpress), Some(base)));
        }
        None
    }

    async fn drupal(&self) -> Option<Drupal> {
        let entry = self.get("/jsonapi").await?.json()?;
        let mut drupal = clues::drupal(&entry)?;
        let list = format!("/jsonapi/media/{}?page[limit]=1", drupal.media_type);
        let first = self.get(&list).await.and_then(|page| page.json());
        drupal.field = first.as_ref().and_then(clues::drupal_field);
        Some(drupal)
    }

    /// What no preset fits, as far as one of its lists tells.
    async fn guessed(&self, known: &Known, notes: &mut Vec<String>) -> Kind {
        let credential = known
            .token
            .as_ref()
            .map(|token| (known.user.as_deref(), token));
        let named = known.list.clone();
        let own = named
            .as_ref()
            .is_some_and(|url| url.origin() == self.base.origin());
        let list = match &named {
            Some(url) => match self.fetcher.get(url, credential.filter(|_| own)).await {
                Ok(page) => Some(page),
                Err(why) => {
                    notes.push(why);
                    None
                }
            },
            None if self.front.json().is_some() => Some(self.front.clone()),
            None => None,
        };
        let Some(page) = list else {
            notes.extend(clues::generator(self.front));
            return Kind::Unknown(None);
        };
        let Some(document) = page.json() else {
            notes.push(match page.status {
                401 | 403 => format!("{} asks for a token ({})", shown(&page.url), page.status),
                status => format!("{} is no JSON ({status})", shown(&page.url)),
            });
            return Kind::Unknown(None);
        };
        if !(200..300).contains(&page.status) {
            notes.push(format!("{} answers with {}", shown(&page.url), page.status));
            return Kind::Unknown(None);
        }
        let Some(mut guess) = shape::guess(&page.url, &document, page.header("link")) else {
            notes.push(format!("{} holds no list of objects", shown(&page.url)));
            return Kind::Unknown(None);
        };
        let credential = credential.filter(|_| page.url.origin() == self.base.origin());
        self.try_page(&mut guess, &page.url, &document, credential)
            .await;
        self.try_item(&mut guess, credential).await;
        Kind::Unknown(Some(Box::new(guess)))
    }

    /// Asks for a second page, where nothing told how the list is cut into pages.
    async fn try_page(
        &self,
        guess: &mut Guess,
        url: &Url,
        first: &Value,
        credential: Option<(Option<&str>, &SecretString)>,
    ) {
        if guess.paging.is_some() {
            return;
        }
        let mut second = url.clone();
        second.query_pairs_mut().append_pair("page", "2");
        if let Ok(page) = self.fetcher.get(&second, credential).await
            && let Some(document) = page.json()
            && (200..300).contains(&page.status)
        {
            guess.learn_paging(first, &document);
        }
    }

    /// Reads the first photo where most APIs have it: below the list.
    async fn try_item(&self, guess: &mut Guess, credential: Option<(Option<&str>, &SecretString)>) {
        let Some(url) = guess.item_url(self.base) else {
            return;
        };
        if let Ok(page) = self.fetcher.get(&url, credential).await
            && let Some(document) = page.json()
            && (200..300).contains(&page.status)
        {
            guess.learn_item(&document);
        }
    }
}

/// An address that may be shown.
fn shown(url: &Url) -> String {
    let path = url.path();
    let path = if path == "/" { "" } else { path };
    format!("{}{path}", url.origin().ascii_serialization())
}
