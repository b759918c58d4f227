//! Prepare: fetch the image, compose what would be asked, see whether it was
//! asked (and paid for) before, and only then decode.

use super::chain::Member;
use super::items::{Ask, Captioned, CutOff, Looked, Material, Prepared, ToWrite};
use super::shared::{self, Blame, Shared};
use super::{Given, Outcome, look};
use crate::archive::{
    Assessment, Context, ContextField, DraftId, DraftKey, Ending, Fingerprint, Finish, Jpeg,
    Moment, Pixels, Purpose, Reply, Skip, Usage, Usd, Verdict,
};
use crate::checkpoint::{CallOutcome, CheckpointError, NewDraft};
use crate::photo::{self, PREPARATION, PhotoError};
use crate::policy::{Freshness, Source, source};
use crate::site::SiteError;
use std::sync::Arc;
use tokio::sync::mpsc::Sender;

/// Works on one wanted photo; hands it to `caption`, or straight to `write`
/// where its text is there already.
pub(super) async fn prepare(
    shared: Arc<Shared>,
    looked: Looked,
    caption: Sender<Prepared>,
    write: Sender<Captioned>,
) {
    if shared.stop.asked() {
        return shared.settle(looked.photo, Outcome::NotReached, false);
    }
    if let Some(given) = &shared.plan.given {
        return take_given(&shared, looked, given.clone(), write).await;
    }
    let accepted = match shared.plan.freshness {
        Freshness::Reuse => looked.record.accepted,
        Freshness::Fresh => None,
    };
    if shared.plan.action == super::Action::DryRun {
        let cost = accepted.map_or(Cost::OneCall, |_| Cost::Nothing);
        return estimate(&shared, looked, cost);
    }
    // What a person accepted is written whatever the image shows by now.
    if let Some(draft) = accepted {
        return use_draft(&shared, looked, draft, write).await;
    }
    let fetched = tokio::select! {
        fetched = shared.site.pixels(&looked.photo, &looked.reading) => fetched,
        () = shared.stop.soft().cancelled() => Err(SiteError::Cancelled),
    };
    let pixels = match fetched {
        Ok(pixels) => pixels,
        Err(error) => return shared.site_trouble(looked, error, false).await,
    };
    let asks = compose(&shared, &looked, &pixels);
    match find(&shared, &looked, &asks).await {
        Err(error) => shared.lost_state(looked.photo, &error),
        Ok(There::Draft(draft)) => use_draft(&shared, looked, draft, write).await,
        Ok(There::Held(draft)) => {
            let basis = look::basis(&shared, &looked.reading, Some(&pixels.version));
            match shared.checkpoint.note_held(looked.slot, draft, basis).await {
                Ok(()) => shared.settle(looked.photo, Outcome::Skipped(Skip::Held), false),
                Err(error) => shared.lost_state(looked.photo, &error),
            }
        }
        Ok(There::Reply(member, call, reply)) => {
            let material = Material::Reply(member, call, reply);
            let prepared = Prepared {
                looked,
                pixels: pixels.version,
                asks,
                material,
            };
            hand_on(&shared, prepared, caption).await;
        }
        Ok(There::Nothing(cut_off)) => match decode(&shared, pixels.bytes).await {
            Ok(images) => {
                let material = Material::Image(images, cut_off);
                let prepared = Prepared {
                    looked,
                    pixels: pixels.version,
                    asks,
                    material,
                };
                hand_on(&shared, prepared, caption).await;
            }
            Err(error) => {
                let error = format!("the image of {} can't be used: {error}", looked.photo);
                shared
                    .fail(looked, error, Blame::File(pixels.version), false)
                    .await;
            }
        },
    }
}

async fn hand_on(shared: &Shared, prepared: Prepared, caption: Sender<Prepared>) {
    if let Err(returned) = caption.send(prepared).await {
        shared.settle(returned.0.looked.photo, Outcome::NotReached, false);
    }
}

/// What was found for a photo.
enum There {
    Draft(DraftId),
    Held(DraftId),
    Reply(usize, crate::archive::CallId, Reply),
    /// Nothing to go on with, except perhaps a reply that asks for more room.
    Nothing(Option<(usize, CutOff)>),
}

/// Looks through the chain for a text that was paid for already. A draft or a
/// reply of any model serves; a held draft counts for the first model only,
/// since a fallback may do better.
async fn find(shared: &Shared, looked: &Looked, asks: &[Ask]) -> Result<There, CheckpointError> {
    let (mut held, mut cut_off) = (None, None);
    for (member, ask) in asks.iter().enumerate() {
        loop {
            let found = shared.checkpoint.find(looked.slot, &ask.key).await?;
            match source(found, shared.plan.freshness) {
                Source::Draft(draft) => return Ok(There::Draft(draft)),
                Source::Held if member == 0 => {
                    held = found.draft.map(|draft| draft.id).or(found.rejected);
                    break;
                }
                Source::Held | Source::Generate => break,
                Source::Judge(call) => {
                    let stored = shared.checkpoint.stored_call(call).await?;
                    let Member { model, entry, .. } = shared.chain.member(member);
                    let purpose = stored.as_ref().map(|stored| stored.purpose);
                    let ending = stored.map(|stored| model.judge(&stored.reply));
                    if let Some(Ending::Done(reply)) = ending {
                        let asks_for_more = reply.finish == Finish::Length
                            && purpose == Some(Purpose::Caption)
                            && crate::model::raised_cap(entry).is_some();
                        if asks_for_more {
                            cut_off.get_or_insert((member, (call, reply)));
                            break;
                        }
                        return Ok(There::Reply(member, call, reply));
                    }
                    // The process ended before this reply was seen to be of no
                    // use; closed, it is not found again.
                    let error = "the stored reply is of no use".to_owned();
                    let outcome = CallOutcome::Failed { error };
                    shared.checkpoint.close_call(call, outcome).await?;
                }
            }
        }
    }
    Ok(held.map_or(There::Nothing(cut_off), There::Held))
}

async fn use_draft(shared: &Shared, looked: Looked, draft: DraftId, write: Sender<Captioned>) {
    let stored = match shared.checkpoint.draft(draft).await {
        Ok(Some(stored)) => stored,
        Ok(None) => return shared.settle(looked.photo, Outcome::NotReached, false),
        Err(error) => return shared.lost_state(looked.photo, &error),
    };
    let text = if stored.by_person() {
        ToWrite::Person(stored.id, stored.text)
    } else {
        ToWrite::Draft(stored)
    };
    let captioned = Captioned {
        looked,
        text,
        generated: false,
    };
    hand_to_write(shared, captioned, write).await;
}

/// Hands a text to `write`, or keeps it where the run only previews.
pub(super) async fn hand_to_write(shared: &Shared, captioned: Captioned, write: Sender<Captioned>) {
    let Captioned {
        looked,
        text,
        generated,
    } = captioned;
    if shared.plan.action == super::Action::Preview {
        let text = match text {
            ToWrite::Draft(draft) => draft.text,
            ToWrite::Person(_, text) => text,
            ToWrite::Decorative => String::new(),
        };
        let outcome = Outcome::Waiting { text };
        return shared.settle(looked.photo, outcome, generated);
    }
    if let Err(returned) = write
        .send(Captioned {
            looked,
            text,
            generated,
        })
        .await
    {
        shared.settle(returned.0.looked.photo, Outcome::NotReached, generated);
    }
}

/// What each model of the chain would be asked, with the key of that question.
fn compose(shared: &Shared, looked: &Looked, pixels: &Pixels) -> Vec<Ask> {
    let facts = photo::facts(&pixels.bytes);
    let mut context = look::context(shared, &looked.reading);
    if shared.plan.context.fields.contains(&ContextField::Date) {
        context.date = facts.date;
    }
    let image = blake3::hash(&pixels.bytes);
    let members = shared.chain.members().iter().enumerate();
    members
        .map(|(index, member)| {
            let entry = &member.entry;
            let context: Context = context.only(|field| {
                entry
                    .context
                    .as_ref()
                    .is_none_or(|may| may.contains(&field))
            });
            let prompt = shared.prompt(index, &context);
            let key = Fingerprint::new("draft")
                .part("image", image.as_bytes())
                .part("preparation", PREPARATION.as_bytes())
                .part("long edge", &entry.image.long_edge.to_le_bytes())
                .part(
                    "settings",
                    crate::model::settings_fingerprint(entry).as_bytes(),
                )
                .part("system", prompt.system.as_bytes())
                .part("user", prompt.user.as_bytes());
            Ask {
                prompt,
                context,
                key: DraftKey::new(key.finish()),
                recipe: shared.recipes[index].clone(),
            }
        })
        .collect()
}

/// Decodes and scales on a blocking thread: one image for each model of the
/// chain, shared where they want the same size.
async fn decode(shared: &Shared, bytes: Vec<u8>) -> Result<Vec<Jpeg>, PhotoError> {
    let edges: Vec<u32> = shared
        .chain
        .members()
        .iter()
        .map(|member| member.entry.image.long_edge)
        .collect();
    let limits = shared.plan.photo;
    let _permit = shared
        .decoding
        .acquire()
        .await
        .expect("the semaphore is never closed");
    // Pictures that are decoded at the same time share the memory that one may
    // take at most.
    let most = limits.max_memory;
    let largest = edges.iter().copied().max().unwrap_or(1);
    let asked = tokio::task::spawn_blocking(move || {
        let needed = photo::memory(&bytes, largest, most);
        (bytes, needed)
    });
    let (bytes, needed) = asked.await.map_err(|_| PhotoError::Panicked)?;
    let _memory = shared
        .memory
        .acquire_many(shared::megabytes(needed.min(most)))
        .await
        .expect("the semaphore is never closed");
    tokio::task::spawn_blocking(move || {
        let mut images: Vec<Jpeg> = Vec::with_capacity(edges.len());
        for (index, edge) in edges.iter().enumerate() {
            let same = edges[..index].iter().position(|earlier| earlier == edge);
            let image = match same {
                Some(earlier) => images[earlier].clone(),
                None => photo::prepare(&bytes, *edge, limits)?,
            };
            images.push(image);
        }
        Ok(images)
    })
    .await
    .unwrap_or(Err(PhotoError::Panicked))
}

/// A person gave the text (or said that there is to be none).
async fn take_given(shared: &Shared, looked: Looked, given: Given, write: Sender<Captioned>) {
    let text = match given {
        Given::Decorative => ToWrite::Decorative,
        Given::Text(text) => {
            let draft = NewDraft {
                slot: looked.slot,
                call: None,
                run: shared.run,
                key: DraftKey::new("person"),
                recipe: None,
                model: None,
                pixels: None,
                assessment: Assessment {
                    text: text.clone(),
                    verdict: Verdict::Write,
                    reasons: Vec::new(),
                },
                at: Moment::now(),
            };
            match shared.checkpoint.record_draft(draft).await {
                Ok(id) => ToWrite::Person(id, text),
                Err(error) => return shared.lost_state(looked.photo, &error),
            }
        }
    };
    hand_to_write(
        shared,
        Captioned {
            looked,
            text,
            generated: false,
        },
        write,
    )
    .await;
}

/// The width of a photo to its height, where nothing is known of either.
const USUAL_SHAPE: f64 = 4.0 / 3.0;

/// Whether a dry run would have to ask a model for a photo.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cost {
    /// It would.
    OneCall,
    /// A person accepted a text already.
    Nothing,
}

/// A dry run fetches no image: the estimate is for a photo of the usual shape.
fn estimate(shared: &Shared, looked: Looked, cost: Cost) {
    let (usage, cost) = match cost {
        Cost::OneCall => one_call(shared, &looked),
        Cost::Nothing => (Usage::default(), None),
    };
    {
        let mut summary = shared.summary();
        let dry = summary.dry_run.get_or_insert_default();
        dry.wanted += 1;
        dry.tokens.input += usage.input;
        dry.tokens.output += usage.output;
        if let Some(cost) = cost {
            *dry.cost_usd.get_or_insert(0.0) += cost.0;
        }
    }
    shared.settle(looked.photo, Outcome::NotReached, false);
}

/// What asking the first model would use at most.
fn one_call(shared: &Shared, looked: &Looked) -> (Usage, Option<Usd>) {
    let member = shared.chain.member(0);
    let edge = member.entry.image.long_edge;
    let image = Jpeg {
        bytes: Arc::from([]),
        width: edge,
        height: (f64::from(edge) / USUAL_SHAPE) as u32,
    };
    let context = look::context(shared, &looked.reading);
    let conversation = crate::model::conversation(&shared.prompt(0, &context), image);
    let usage = member.model.estimate(&conversation);
    let free = member.entry.costs_nothing().then_some(Usd(0.0));
    (usage, member.cost(usage).or(free))
}
