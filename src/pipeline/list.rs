//! List: the site's photos, taken into the run in small groups.

use super::shared::Shared;
use super::{Event, Outcome};
use crate::archive::PhotoId;
use crate::checkpoint::Admitted;
use crate::site::SiteError;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use std::sync::Arc;
use tokio::sync::mpsc::Sender;

/// Photos recorded together: large enough that a huge listing is quick, small
/// enough that memory stays flat.
const GROUP: usize = 64;

/// Hands every photo of the listing to `look`, until the run stops.
pub(super) async fn list(shared: Arc<Shared>, output: Sender<Admitted>) {
    let plan = &shared.plan;
    let listing: BoxStream<'static, Result<PhotoId, SiteError>> = if plan.ids.is_empty() {
        shared.site.list()
    } else {
        stream::iter(plan.ids.clone()).map(Ok).boxed()
    };
    let mut groups = listing.ready_chunks(GROUP);
    let mut listed = 0;
    loop {
        let group = tokio::select! {
            biased;
            () = shared.stop.soft().cancelled() => return,
            group = groups.next() => group,
        };
        let Some(group) = group else { break };
        let mut photos = Vec::with_capacity(group.len());
        for item in group {
            match item {
                Ok(photo) => photos.push(photo),
                Err(error) if shared.site_ends_the_run(&error) => return,
                Err(error) => {
                    listed += 1;
                    unusable(&shared, &error);
                }
            }
        }
        let admitted = shared
            .checkpoint
            .admit(shared.run, photos, plan.kind, &plan.language)
            .await;
        let admitted = match admitted {
            Ok(admitted) => admitted,
            Err(error) => return shared.stop.broken_state(&error),
        };
        for photo in admitted {
            if photo.repeated {
                continue;
            }
            listed += 1;
            if output.send(photo).await.is_err() {
                return;
            }
        }
    }
    shared.emit(&Event::Listed(listed));
}

/// A line of the listing that names no photo: said once, counted as a failure,
/// so that the exit code tells.
fn unusable(shared: &Shared, error: &SiteError) {
    let text = error.to_string();
    let place = text
        .split_once(": ")
        .map_or(text.as_str(), |(place, _)| place)
        .to_owned();
    shared.leave(PhotoId::new(place), Outcome::Failed(text));
}
