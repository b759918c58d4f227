//! From settings to a site that is ready to be asked.

use super::address::{Base, Template};
use super::credentials::Credentials;
use super::description::{Description, ListingKind};
use super::folder::Folder;
use super::guard::Guard;
use super::http::Courier;
use super::listing::Listing;
use super::parcel::Shared;
use super::patience::Patience;
use super::pixels::{UrlPixels, home};
use super::rest::{PixelSupply, RestSite};
use super::{Site, SiteError};
use crate::config::{PhotoLimits, PixelSource, Preset, SiteSettings};
use crate::pace::{Limits, Pace};
use reqwest::header::{HeaderName, HeaderValue};
use secrecy::ExposeSecret;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The first wait after a setback. Four tries then take about five seconds.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// The longest wait between two tries that we choose ourselves: an outage that
/// ends is noticed within it.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Opens a site. Nothing is sent yet; files and folders that the settings name
/// are looked at.
///
/// Every wait ends when `stop` is cancelled. `patience` is how long the site may
/// fail before it counts as down ([`SiteError::Outage`]).
///
/// # Errors
/// [`SiteError::Settings`] names the setting that can't work.
pub fn open(
    settings: &SiteSettings,
    limits: &PhotoLimits,
    stop: CancellationToken,
    patience: Duration,
) -> Result<Arc<dyn Site>, SiteError> {
    let patience = Patience {
        outage: patience,
        first_wait: FIRST_WAIT,
        longest_wait: LONGEST_WAIT,
        timeout: settings.timeout,
    };
    Ok(Arc::new(open_with(settings, limits, stop, patience)?))
}

/// The same with every wait named.
pub(super) fn open_with(
    settings: &SiteSettings,
    limits: &PhotoLimits,
    stop: CancellationToken,
    patience: Patience,
) -> Result<RestSite, SiteError> {
    let description = Arc::new(match settings.preset {
        // The embedded archive is an album site, on a loopback port.
        Preset::Album | Preset::Embedded => Description::album(),
    });
    let base = Base::new(&settings.base_url)
        .map_err(|why| SiteError::Settings(format!("site.base_url: {why}")))?;
    let credential = credential(settings, &description)?;
    let pace = Pace::new(Limits {
        concurrency: settings.concurrency,
        requests_per_second: settings.requests_per_second,
        tokens_per_minute: None,
    });
    let shared = Arc::new(Shared::new(pace, stop.clone()));
    let api = Courier::new(
        Arc::clone(&shared),
        patience,
        base.url(),
        None,
        "site.base_url",
    )?;
    let pixels = match &settings.pixels {
        PixelSource::Dir(dir) => PixelSupply::Folder(Folder::open(dir, limits.max_bytes)?),
        PixelSource::Url(text) => {
            let wrong = |why: String| SiteError::Settings(format!("site.pixels \"{text}\": {why}"));
            let template = Template::try_from(text.clone()).map_err(wrong)?;
            template
                .check(&description.id.variables().collect::<Vec<_>>())
                .map_err(wrong)?;
            let home = home(&base, &template).map_err(wrong)?;
            let guard = Guard::new([base.url(), &home].into_iter());
            PixelSupply::Url(Box::new(UrlPixels {
                courier: Courier::new(
                    Arc::clone(&shared),
                    patience,
                    &home,
                    Some(guard.clone()),
                    "site.pixels",
                )?,
                guard,
                base: base.clone(),
                template,
                credential: credential.clone().filter(|_| description.auth.pixels),
                max_bytes: limits.max_bytes,
            }))
        }
    };
    let folder = match &pixels {
        PixelSupply::Folder(folder) => Some(folder),
        PixelSupply::Url(_) => None,
    };
    let listing = match description.listing {
        ListingKind::Manifest => {
            Listing::new(settings.manifest.as_ref(), folder, &description.id, stop)?
        }
    };
    Ok(RestSite {
        description,
        base,
        api,
        shared,
        token: settings.token.clone(),
        credential,
        pixels,
        listing,
        credentials: Credentials::default(),
        entity_tags_mislead: AtomicBool::new(false),
    })
}

/// The header that carries the token, where there is one.
fn credential(
    settings: &SiteSettings,
    description: &Description,
) -> Result<Option<(HeaderName, HeaderValue)>, SiteError> {
    let Some(token) = &settings.token else {
        return Ok(None);
    };
    let header = description.auth.credential(token.expose_secret());
    header
        .map(Some)
        .map_err(|why| SiteError::Settings(format!("site.token_env: {why}")))
}
