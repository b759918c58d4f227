//! From settings to a site that is ready to be asked.

use super::address::{Base, Template};
use super::api::Api;
use super::credentials::Credentials;
use super::description::{Credential, Description};
use super::folder::FolderSite;
use super::guard::Guard;
use super::http::{Courier, Route};
use super::lister::Lister;
use super::listing::Listing;
use super::originals::Originals;
use super::paging::Paging;
use super::parcel::Shared;
use super::patience::Patience;
use super::pixels::{Place, UrlPixels, home};
use super::presets;
use super::rest::{Ids, PixelSupply, RestSite};
use super::{Site, SiteError};
use crate::archive::Fingerprint;
use crate::config::{PhotoLimits, PixelSource, Secrets, SiteSettings};
use crate::pace::{Limits, Pace};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use url::Url;

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
    if let Some(folder) = &settings.folder {
        let folder = FolderSite::open(folder, limits.max_bytes, stop)?;
        return Ok(Arc::new(folder));
    }
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
    let description = presets::description(settings)
        .map_err(|faulty| SiteError::Settings(settings.placed(&faulty.key, &faulty.to_string())))?;
    let description = Arc::new(description);
    let base = Base::new(&settings.base_url)
        .map_err(|why| SiteError::Settings(format!("site.base_url: {why}")))?;
    let credential = credential(settings, &description)?;
    let pace = Pace::new(Limits {
        concurrency: settings.concurrency,
        requests_per_second: settings.requests_per_second,
        tokens_per_minute: None,
    });
    let shared = Arc::new(Shared::new(pace, stop.clone()));
    let courier = Courier::new(
        Arc::clone(&shared),
        patience,
        (base.url(), Route::to(base.url())),
        settings.authorities.as_ref(),
        None,
        "site.base_url",
    )?;
    let supply = Supply {
        settings,
        limits,
        patience,
        description: &description,
        base: &base,
        shared: &shared,
        credential: credential.as_ref(),
    };
    let pixels = supply.open()?;
    let folder = match &pixels {
        PixelSupply::Originals(folder) => Some(folder),
        PixelSupply::Url(_) => None,
    };
    let outside = settings.manifest.is_some() || description.list.paging == Paging::Manifest;
    let shape = description.id.clone();
    let api = Arc::new(Api {
        description,
        base,
        courier,
        shared,
        secrets: Secrets::new(&settings.secrets()),
        credential,
        edge: settings.image_edge,
        entity_tags_mislead: AtomicBool::new(false),
    });
    let ids = if outside {
        let manifest = settings.manifest.as_ref();
        Ids::Outside(Listing::new(manifest, folder, &shape, stop)?)
    } else {
        Ids::Site(Lister::new(Arc::clone(&api)))
    };
    Ok(RestSite {
        api,
        pixels,
        ids,
        credentials: Credentials::default(),
        listing_key: listing_key(settings),
    })
}

/// What a supply of images is made from.
struct Supply<'s> {
    settings: &'s SiteSettings,
    limits: &'s PhotoLimits,
    patience: Patience,
    description: &'s Description,
    base: &'s Base,
    shared: &'s Arc<Shared>,
    credential: Option<&'s Credential>,
}

impl Supply<'_> {
    fn open(&self) -> Result<PixelSupply, SiteError> {
        match &self.settings.pixels {
            PixelSource::Dir(dir) => {
                let folder = Originals::open(dir, self.limits.max_bytes)?;
                Ok(PixelSupply::Originals(folder))
            }
            PixelSource::Url(text) => {
                let wrong =
                    |why: String| SiteError::Settings(format!("site.pixels \"{text}\": {why}"));
                let template = Template::try_from(text.clone()).map_err(wrong)?;
                template
                    .check(&self.description.id.variables().collect::<Vec<_>>())
                    .map_err(wrong)?;
                let home = home(self.base, &template).map_err(wrong)?;
                self.urls(Place::Template(template), &home, "site.pixels")
            }
            PixelSource::Site if self.description.image.is_none() => Err(SiteError::Settings(
                "nothing says where the images are; describe them in [site.image], or set \
                     site.pixels"
                    .to_owned(),
            )),
            PixelSource::Site => self.urls(Place::Item, self.base.url(), "site.image"),
        }
    }

    fn urls(
        &self,
        place: Place,
        home: &Url,
        setting: &'static str,
    ) -> Result<PixelSupply, SiteError> {
        let guard = Guard::new([self.base.url(), home].into_iter());
        let images = self.description.auth.images;
        let base = self.base.url();
        // Images of others travel as the machine is set up; they carry no token.
        let own = home.origin() == base.origin() || (images && self.credential.is_some());
        let route = if own { Route::to(base) } else { Route::Proxied };
        let courier = Courier::new(
            Arc::clone(self.shared),
            self.patience,
            (home, route),
            self.settings.authorities.as_ref(),
            Some(guard.clone()),
            setting,
        )?;
        Ok(PixelSupply::Url(Box::new(UrlPixels {
            courier,
            guard,
            base: self.base.clone(),
            place,
            credential: self.credential.cloned().filter(|_| images),
            max_bytes: self.limits.max_bytes,
        })))
    }
}

/// Stands for everything that a listing depends on: where it changes, all is
/// listed anew.
fn listing_key(settings: &SiteSettings) -> String {
    let description = serde_json::to_string(&settings.description).unwrap_or_default();
    Fingerprint::new("listing")
        .part("preset", format!("{:?}", settings.preset).as_bytes())
        .part("address", settings.base_url.as_str().as_bytes())
        .part("description", description.as_bytes())
        .finish()
}

/// What carries the token, where there is one.
fn credential(
    settings: &SiteSettings,
    description: &Description,
) -> Result<Option<Credential>, SiteError> {
    let Some(token) = &settings.token else {
        return Ok(None);
    };
    let user = settings.user.as_deref();
    let credential = description.auth.credential(user, token);
    credential
        .map(Some)
        .map_err(|why| SiteError::Settings(format!("the token of site.token_env {why}")))
}
