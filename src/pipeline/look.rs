//! Look: read the photo, decide whose its text is and whether one is wanted.

use super::items::Looked;
use super::limit::Place;
use super::shared::Shared;
use super::{Event, Outcome, Why};
use crate::archive::{
    Context, ContextField, Fingerprint, Mode, Moment, News, Owner, PixelVersion, Reading, Record,
    Skip, Tag,
};
use crate::checkpoint::{Admitted, CheckpointError, Look, SlotRow};
use crate::policy;
use crate::site::SiteError;
use std::sync::Arc;
use tokio::sync::mpsc::Sender;

/// Works on one photo; hands it on if a text is wanted.
pub(super) async fn look(shared: Arc<Shared>, mut admitted: Admitted, output: Sender<Looked>) {
    let photo = admitted.photo.clone();
    if shared.stop.asked() {
        return shared.leave(photo, Outcome::NotReached);
    }
    if !shared.plan.selects(&photo) {
        return shared.leave(photo, Outcome::Skipped(Skip::Excluded));
    }
    let listed = match admitted.listed.take() {
        // A photo that was named and not yet known has just been read.
        Some(reading) if !shared.plan.ids.is_empty() => {
            shared.strange.understood();
            return decide(shared, admitted, reading, output).await;
        }
        listed => listed,
    };
    let settled = match &listed {
        Some(reading) => settled_by_list(&shared, &mut admitted, reading).await,
        None if admitted.news == News::Changed => Ok(None),
        None => Ok(spared(&shared, &admitted)),
    };
    match settled {
        Ok(Some(skip)) => return shared.leave(photo, Outcome::Skipped(skip)),
        Ok(None) => {}
        Err(error) => {
            shared.stop.broken_state(&error);
            return shared.leave(photo, Outcome::NotReached);
        }
    }
    let read = tokio::select! {
        read = shared.site.read(&photo) => read,
        () = shared.stop.soft().cancelled() => Err(SiteError::Cancelled),
    };
    match read {
        Ok(reading) => {
            shared.strange.understood();
            decide(shared, admitted, reading, output).await;
        }
        Err(error) => unread(&shared, admitted, error).await,
    }
}

async fn unread(shared: &Shared, admitted: Admitted, error: SiteError) {
    if shared.site_ends_the_run(&error) {
        return shared.leave(admitted.photo, Outcome::NotReached);
    }
    if matches!(error, SiteError::Missing(_)) && shared.site.traits().lists {
        let noted = shared.checkpoint.note_gone(&admitted.photo).await;
        if let Err(error) = noted {
            shared.stop.broken_state(&error);
        }
        return shared.leave(admitted.photo, Outcome::Skipped(Skip::Gone));
    }
    // A photo that could not even be read took no place, so one is taken and
    // given back by the common way of failing.
    if shared.limit.take().await == Place::None {
        return shared.leave(admitted.photo, Outcome::NotReached);
    }
    let looked = Looked {
        photo: admitted.photo,
        slot: admitted.slot,
        record: admitted.record,
        reading: Reading::default(),
        owner: Owner::Nobody,
    };
    shared.site_trouble(looked, error, false).await;
}

/// Whether the last look still counts, so that the site is spared a request.
fn spared(shared: &Shared, admitted: &Admitted) -> Option<Skip> {
    if matches!(shared.plan.mode, Mode::Fix | Mode::Adopt) {
        return None;
    }
    let asked = shared.asked(Moment::now(), None, "");
    policy::spared(&asked, &admitted.record, shared.plan.recheck)
}

/// Whether what the listing says of a photo is enough to leave it alone, so that
/// it need not be read. A photo that a text is wanted for is read all the same: a
/// listing may tell less than a photo does.
async fn settled_by_list(
    shared: &Shared,
    admitted: &mut Admitted,
    reading: &Reading,
) -> Result<Option<Skip>, CheckpointError> {
    shared.strange.understood();
    let record = &admitted.record;
    let owner = policy::owner(reading.alt_text(), reading.tag, record, &admitted.photo);
    if let Some(known) = late(shared, admitted.slot, (reading, owner), record).await? {
        admitted.record = known;
        return Ok(None);
    }
    let unchanged = record
        .look
        .as_ref()
        .is_some_and(|look| look.owner == owner && look.alt == reading.alt_text());
    if unchanged && let Some(skip) = spared(shared, admitted) {
        return Ok(Some(skip));
    }
    let cleared = policy::cleared(reading.alt_text(), record);
    let judged = crate::archive::Record {
        cleared,
        ..record.clone()
    };
    let waits = owner == Owner::Nobody && (judged.parked.is_some() || judged.held.is_some());
    let replaceable = owner == Owner::Ours && reading.pixels.is_none();
    if waits || replaceable {
        return Ok(None);
    }
    let now = Moment::now();
    let asked = shared.asked(now, reading.pixels.as_ref(), "");
    let Err(skip) = policy::wanted(owner, &asked, &judged) else {
        return Ok(None);
    };
    let look = Look {
        slot: admitted.slot,
        reading: reading.clone(),
        owner,
        cleared,
        for_good: false,
        at: now,
    };
    shared.checkpoint.note_look(look).await?;
    Ok(Some(skip))
}

async fn decide(shared: Arc<Shared>, admitted: Admitted, reading: Reading, output: Sender<Looked>) {
    let Admitted {
        photo,
        slot,
        mut record,
        ..
    } = admitted;
    let now = Moment::now();
    let text = reading.alt_text();
    let mut owner = policy::owner(text, reading.tag, &record, &photo);
    match late(&shared, slot, (&reading, owner), &record).await {
        Ok(Some(known)) => {
            record = known;
            owner = policy::owner(text, reading.tag, &record, &photo);
        }
        Ok(None) => {}
        Err(error) => {
            shared.stop.broken_state(&error);
            return shared.leave(photo, Outcome::NotReached);
        }
    }
    record.cleared = policy::cleared(text, &record);
    let look = Look {
        slot,
        reading: reading.clone(),
        owner,
        cleared: record.cleared,
        for_good: false,
        at: now,
    };
    if let Err(error) = shared.checkpoint.note_look(look).await {
        shared.stop.broken_state(&error);
        return shared.leave(photo, Outcome::NotReached);
    }
    let pixels = match known_pixels(&shared, &photo, &reading, owner, &record).await {
        Ok(pixels) => pixels,
        Err(error) if shared.site_ends_the_run(&error) => {
            return shared.leave(photo, Outcome::NotReached);
        }
        // The image can't be asked about now; what is decided without it is safe.
        Err(_) => None,
    };
    let basis = basis(&shared, &reading, pixels.as_ref());
    if let Err(skip) = policy::wanted(owner, &shared.asked(now, pixels.as_ref(), &basis), &record) {
        return shared.leave(photo, Outcome::Skipped(skip));
    }
    let place = tokio::select! {
        place = shared.limit.take() => place,
        () = shared.stop.soft().cancelled() => {
            return shared.leave(photo, Outcome::NotReached);
        }
    };
    if place == Place::None {
        shared.stop.ask(Why::Limit);
        return shared.leave(photo, Outcome::NotReached);
    }
    shared.emit(&Event::Wanted(photo.clone()));
    let looked = Looked {
        photo,
        slot,
        record,
        reading,
        owner,
    };
    if let Err(returned) = output.send(looked).await {
        shared.settle(returned.0.photo, Outcome::NotReached, false);
    }
}

/// What is known of the slot once a write of ours that landed after we had given
/// it up is counted; `None` where there is no such write. Where a person vouched
/// for the text, or took it over before, it is theirs whoever wrote it.
async fn late(
    shared: &Shared,
    slot: SlotRow,
    (reading, owner): (&Reading, Owner),
    record: &Record,
) -> Result<Option<Record>, CheckpointError> {
    let somebodys = matches!(owner, Owner::Unproven | Owner::Person);
    if !somebodys || record.person || reading.tag == Some(Tag::Person) {
        return Ok(None);
    }
    let text = reading.alt_text().to_owned();
    let landed = shared
        .checkpoint
        .landed_late(slot, text, Moment::now())
        .await?;
    if !landed {
        return Ok(None);
    }
    shared.checkpoint.record(slot).await.map(Some)
}

/// The image's version, where the decision depends on it: for our own text, and
/// for a photo that waits for new pixels.
async fn known_pixels(
    shared: &Shared,
    photo: &crate::archive::PhotoId,
    reading: &Reading,
    owner: Owner,
    record: &Record,
) -> Result<Option<PixelVersion>, SiteError> {
    let ours = owner == Owner::Ours
        && record
            .ours
            .as_ref()
            .is_some_and(|ours| ours.pixels.is_some());
    let waits = owner == Owner::Nobody && (record.parked.is_some() || record.held.is_some());
    if shared.plan.mode == Mode::Fix || !(ours || waits) {
        return Ok(None);
    }
    shared.site.pixel_version(photo, reading).await
}

/// What a held draft was made on, as far as it is known without fetching the
/// image: while it is the same, the draft would come out the same.
pub(super) fn basis(shared: &Shared, reading: &Reading, pixels: Option<&PixelVersion>) -> String {
    let context = context(shared, reading);
    let mut hash = Fingerprint::new("basis")
        .part(
            "recipe",
            shared
                .recipes
                .first()
                .map_or("", |recipe| recipe.as_str())
                .as_bytes(),
        )
        .part("pixels", pixels.map_or("", PixelVersion::as_str).as_bytes());
    for field in ContextField::ALL {
        hash = hash.part(
            field.as_str(),
            context.get(field).unwrap_or_default().as_bytes(),
        );
    }
    hash.finish()
}

/// What the settings let models know of a photo, before its image is fetched.
pub(super) fn context(shared: &Shared, reading: &Reading) -> Context {
    let policy = &shared.plan.context;
    let notes: Vec<&str> = [policy.notes.as_deref(), shared.plan.note.as_deref()]
        .into_iter()
        .flatten()
        .collect();
    let all = Context {
        album: reading.album.clone(),
        title: reading.title.clone(),
        caption: reading.caption.clone(),
        place: reading.place.clone(),
        date: None,
        notes: (!notes.is_empty()).then(|| notes.join(" ")),
    };
    all.only(|field| field == ContextField::Notes || policy.fields.contains(&field))
}
