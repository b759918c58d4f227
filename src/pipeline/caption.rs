//! Caption: ask a model, keep the reply, and judge the text. Model and gate are
//! one stage, so that a reply is durable before anybody has an opinion on it.

use super::ask::{Answer, Question};
use super::chain::{Down, Member};
use super::items::{Ask, Captioned, Looked, Material, Prepared, ToWrite};
use super::prepare::hand_to_write;
use super::shared::{Blame, Shared};
use super::{Fatal, Outcome, Why, look};
use crate::archive::{Assessment, CallId, Moment, PhotoId, PixelVersion, Reason, Reply, Verdict};
use crate::checkpoint::{JudgedReply, NewDraft};
use crate::config::Provider;
use crate::quality;
use std::sync::Arc;
use tokio::sync::mpsc::Sender;

/// Works on one prepared photo; hands its text to `write` if it may be published.
pub(super) async fn caption(shared: Arc<Shared>, prepared: Prepared, write: Sender<Captioned>) {
    let Prepared {
        looked,
        pixels,
        asks,
        material,
    } = prepared;
    let (images, cut_off) = match material {
        Material::Reply(member, call, reply) => {
            let worth = shared.chain.member(member).worth(&reply);
            // A run that was killed may have kept it without its price.
            let priced = shared.checkpoint.price_call(call, worth).await;
            if let Err(error) = priced {
                return shared.lost_state(looked.photo, &error);
            }
            let prepared = Judged {
                member,
                call,
                reply,
            };
            return keep(&shared, (looked, pixels), &asks[member], prepared, write).await;
        }
        Material::Image(images, cut_off) => (images, cut_off),
    };
    for (index, member) in shared.chain.members().iter().enumerate() {
        let question = Question {
            member,
            ask: &asks[index],
            slot: looked.slot,
            photo: &looked.photo,
            image: &images[index],
            cut_off: cut_off
                .as_ref()
                .filter(|(whose, _)| *whose == index)
                .map(|(_, cut_off)| cut_off),
        };
        match question.answer(&shared).await {
            Ok(Answer::Reply(call, reply)) => {
                let judged = Judged {
                    member: index,
                    call,
                    reply,
                };
                return keep(&shared, (looked, pixels), &asks[index], judged, write).await;
            }
            Ok(Answer::Photo(why)) => {
                let error = format!("{} could not do {}: {why}", member.entry.name, looked.photo);
                return shared
                    .fail(looked, error, Blame::Model(pixels), false)
                    .await;
            }
            Ok(Answer::Next) => {}
            Ok(Answer::Stopped) => {
                return shared.settle(looked.photo, Outcome::NotReached, false);
            }
            Err(error) => return shared.lost_state(looked.photo, &error),
        }
    }
    nobody_left(&shared);
    shared.settle(looked.photo, Outcome::NotReached, false);
}

/// Every model of the chain is down: the run ends as the first of them did.
fn nobody_left(shared: &Shared) {
    let downs: Vec<(&Member, Down)> = shared
        .chain
        .members()
        .iter()
        .filter_map(|member| Some((member, member.down()?)))
        .collect();
    if let Some(ended) = downs.iter().find_map(|(_, down)| down.ended()) {
        return shared.stop.ask(Why::Early(ended));
    }
    let (name, why) = downs
        .first()
        .map_or(("the model", "unknown"), |(member, down)| {
            (member.entry.name.as_str(), down.why())
        });
    shared.stop.fatal(Fatal {
        message: format!("{name} fails on everything, the built-in test image included: {why}"),
        hint: Some(advice(why).into()),
    });
}

/// What to look at when a model fails on everything, as far as its words tell.
fn advice(why: &str) -> &'static str {
    const PICTURE: [&str; 4] = ["image", "picture", "vision", "without any text"];
    if PICTURE.iter().any(|word| why.contains(word)) {
        "check the entry in models.yaml: can this model see images?"
    } else {
        "check the entry in models.yaml; `altfill models --check` tries it"
    }
}

/// A text that arrived.
struct Judged {
    member: usize,
    call: CallId,
    reply: Reply,
}

/// Judges a text, keeps it as a draft, and hands it on if it may be published.
async fn keep(
    shared: &Shared,
    (looked, pixels): (Looked, PixelVersion),
    ask: &Ask,
    judged: Judged,
    write: Sender<Captioned>,
) {
    let member = shared.chain.member(judged.member);
    let assessment = assess(shared, member, ask, &looked.photo, &judged.reply);
    let (verdict, reasons) = (assessment.verdict, assessment.reasons.clone());
    let draft = NewDraft {
        slot: looked.slot,
        call: Some(judged.call),
        run: shared.run,
        key: ask.key.clone(),
        recipe: Some(ask.recipe.clone()),
        model: Some(member.entry.name.clone()),
        pixels: Some(pixels.clone()),
        assessment,
        at: Moment::now(),
    };
    let held =
        (verdict != Verdict::Write).then(|| look::basis(shared, &looked.reading, Some(&pixels)));
    let judged = JudgedReply { draft, held };
    let stored = match shared.checkpoint.record_judged(judged).await {
        Ok(stored) => stored,
        Err(error) => return shared.lost_state(looked.photo, &error),
    };
    shared.summary().share(&member.entry.name).generated += 1;
    if verdict == Verdict::Write {
        let captioned = Captioned {
            looked,
            text: ToWrite::Draft(stored),
            generated: true,
        };
        hand_to_write(shared, captioned, write).await;
    } else {
        shared.settle(looked.photo, Outcome::Held(reasons), true);
    }
}

fn assess(
    shared: &Shared,
    member: &Member,
    ask: &Ask,
    photo: &PhotoId,
    reply: &Reply,
) -> Assessment {
    let prompt = format!("{}\n{}", ask.prompt.system, ask.prompt.user);
    let mut assessment = quality::assess(
        &reply.text,
        reply.finish,
        &quality::Asked {
            prompt: &prompt,
            context: &ask.context,
            language: &shared.plan.language,
            photo_name: photo.as_str().rsplit('/').next().unwrap_or_default(),
        },
    );
    if member.entry.provider == Provider::Embedded && shared.plan.hold_embedded {
        if assessment.verdict == Verdict::Write {
            assessment.verdict = Verdict::Hold;
        }
        assessment.reasons.push(Reason::NotSeen);
    }
    assessment
}
