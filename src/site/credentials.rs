//! A 401 or 403 may speak of the credentials or of one photo. Which of them is
//! found out by asking for other things, because a wrong token has to stop the
//! run at once, and one protected photo must not.
//!
//! **A refused read.** Photos that were readable lately are read again; where
//! there is none yet, a few others of the listing are tried. If any can be read,
//! the token is good and the refusal is the photo's. Otherwise nothing can
//! succeed.
//!
//! **A refused write.** The same photo is read first: if that is refused too,
//! the token is bad. A site that shows photos to everybody proves nothing by it,
//! so the photo is read once without the token: if that is refused, reading
//! proves the token. With a proven token (for a 403, an earlier successful write
//! proves it too) the refusal is the photo's, unless several different photos
//! are refused in a row: then the token may read but not write. With an unproven
//! token the run stops at the first refused write: nothing is lost by that, and
//! the next run goes on from the draft.
//!
//! **With a probe.** Where the description names a request that works only with
//! good credentials, that one is asked instead of all this.

use super::SiteError;
use super::address::shown;
use super::description::Meaning;
use super::parcel::{Answer, Parcel, status_text};
use super::rest::{Ids, RestSite};
use crate::archive::PhotoId;
use reqwest::StatusCode;
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Different photos whose writes are refused in a row, after which it is not
/// the photos.
const REFUSED_WRITES: usize = 3;

/// What is known of the credentials.
#[derive(Debug, Default)]
pub(super) struct Credentials {
    state: Mutex<State>,
    /// Held while finding out, so that a burst of refusals asks once at a time.
    inquiry: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    /// The verdict that nothing can succeed.
    bad: bool,
    wrote: bool,
    refused_writes: BTreeSet<PhotoId>,
    /// Whether photos can be read only with the token.
    reads_prove_token: Option<bool>,
}

/// What one more read says about the credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Evidence {
    Good,
    Refused,
    Unclear,
}

impl Credentials {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An inquiry ended with this: if nothing can succeed, that stands.
    fn note_bad(&self, error: &SiteError) {
        if matches!(error, SiteError::Settings(_)) {
            self.state().bad = true;
        }
    }

    /// A write was accepted.
    pub(super) fn wrote(&self) {
        let mut state = self.state();
        state.wrote = true;
        state.refused_writes.clear();
    }
}

impl RestSite {
    /// What a refused read means.
    pub(super) async fn refused_read(
        &self,
        parcel: &Parcel,
        answer: &Answer,
        meaning: Meaning,
    ) -> SiteError {
        let status = answer.status;
        let _inquiry = self.credentials.inquiry.lock().await;
        if self.credentials.state().bad || meaning == Meaning::Auth {
            return self.token_refused(parcel, status);
        }
        if meaning == Meaning::Forbidden {
            return self.photo_refused(parcel, answer);
        }
        match self.api.probe().await {
            Some(Ok(())) => return self.photo_refused(parcel, answer),
            Some(Err(error)) => {
                self.credentials.note_bad(&error);
                return error;
            }
            None => {}
        }
        match self.others_are_readable(&parcel.photo).await {
            Ok(true) => self.photo_refused(parcel, answer),
            Ok(false) => self.token_refused(parcel, status),
            Err(error) => error,
        }
    }

    /// What a refused write means.
    pub(super) async fn refused_write(
        &self,
        parcel: &Parcel,
        answer: &Answer,
        meaning: Meaning,
    ) -> SiteError {
        let status = answer.status;
        let _inquiry = self.credentials.inquiry.lock().await;
        let hopeless = self.credentials.state().bad || self.api.credential.is_none();
        if hopeless || meaning == Meaning::Auth {
            return self.token_refused(parcel, status);
        }
        let private = match self.token_is_proven(parcel, meaning).await {
            Ok(Some(proven)) => proven,
            Ok(None) => return self.token_refused(parcel, status),
            Err(error) => {
                self.credentials.note_bad(&error);
                return error;
            }
        };
        let mut state = self.credentials.state();
        let proven = private || (status == StatusCode::FORBIDDEN && state.wrote);
        state.refused_writes.insert(parcel.photo.clone());
        let in_a_row = state.refused_writes.len();
        drop(state);
        if !proven {
            return self.token_refused(parcel, status);
        }
        if in_a_row >= REFUSED_WRITES {
            self.credentials.state().bad = true;
            return SiteError::Settings(format!(
                "{}: {} for {in_a_row} photos in a row (last: {}): the token may read but \
                 not write; check the rights behind site.token_env",
                parcel.url.origin().ascii_serialization(),
                status_text(status),
                parcel.photo
            ));
        }
        self.photo_refused(parcel, answer)
    }

    /// Whether the token is good; `None` where it is bad, `Some(false)` where
    /// nothing proves either.
    async fn token_is_proven(
        &self,
        parcel: &Parcel,
        meaning: Meaning,
    ) -> Result<Option<bool>, SiteError> {
        if meaning == Meaning::Forbidden {
            return Ok(Some(true));
        }
        if let Some(probed) = self.api.probe().await {
            return probed.map(|()| Some(true));
        }
        let read = self.api.reading_parcel(&parcel.photo)?;
        if self.evidence(&read).await? == Evidence::Refused {
            return Ok(None);
        }
        self.reads_prove_token(read).await.map(Some)
    }

    async fn others_are_readable(&self, than: &PhotoId) -> Result<bool, SiteError> {
        let mut refused = false;
        for proof in self.api.courier.proofs(than) {
            match self.evidence(&proof).await? {
                Evidence::Good => return Ok(true),
                Evidence::Refused => refused = true,
                Evidence::Unclear => {}
            }
        }
        if refused {
            return Ok(false);
        }
        let others = match self.ids.clone() {
            Ids::Site(lister) => lister.others(than),
            Ids::Outside(listing) => {
                let id = than.clone();
                let others = tokio::task::spawn_blocking(move || listing.others(&id)).await;
                others.unwrap_or_default()
            }
        };
        for other in others {
            let Ok(parcel) = self.api.reading_parcel(&other) else {
                continue;
            };
            if self.evidence(&parcel).await? == Evidence::Good {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether photos can be read only with the token; asked once.
    async fn reads_prove_token(&self, mut read: Parcel) -> Result<bool, SiteError> {
        if let Some(known) = self.credentials.state().reads_prove_token {
            return Ok(known);
        }
        read.credential = None;
        let proves = match self.evidence(&read).await? {
            Evidence::Refused => true,
            Evidence::Good => false,
            Evidence::Unclear => return Ok(false),
        };
        self.credentials.state().reads_prove_token = Some(proves);
        Ok(proves)
    }

    async fn evidence(&self, parcel: &Parcel) -> Result<Evidence, SiteError> {
        let answer = match self.api.courier.exchange(parcel).await {
            Ok(answer) => answer,
            Err(SiteError::Photo(_)) => return Ok(Evidence::Unclear),
            Err(error) => return Err(error),
        };
        Ok(if self.api.meaning(&answer).is_refusal() {
            Evidence::Refused
        } else if self.api.reading(parcel, &answer).is_ok() {
            Evidence::Good
        } else {
            Evidence::Unclear
        })
    }

    fn photo_refused(&self, parcel: &Parcel, answer: &Answer) -> SiteError {
        SiteError::Photo(format!(
            "{}: {} {}: {}, while other photos are allowed",
            parcel.photo,
            parcel.method,
            shown(&parcel.url),
            self.api.said(answer)
        ))
    }

    fn token_refused(&self, parcel: &Parcel, status: StatusCode) -> SiteError {
        self.credentials.state().bad = true;
        let host = parcel.url.origin().ascii_serialization();
        let status = status_text(status);
        let what = if parcel.method == reqwest::Method::GET {
            "reading"
        } else {
            "writing"
        };
        SiteError::Settings(if self.api.credential.is_some() {
            format!(
                "{host} refuses the token for {what} ({status}, last {})",
                parcel.photo
            )
        } else {
            format!(
                "{host} asks for a token for {what} ({status}, last {}); name the variable \
                 that holds it in site.token_env",
                parcel.photo
            )
        })
    }
}
