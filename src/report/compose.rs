//! Puts a report together: what the checkpoint knows of each photo, and what was
//! seen of a run, become what a report says.

use super::facts::{Album, Photo, Report, RunFacts, Spent, State, Totals};
use super::links::Links;
use super::stories::{Stories, Story};
use crate::archive::{Moment, Owner, PhotoId, Verdict};
use crate::checkpoint::{DraftFacts, ModelCost, PhotoFacts, RunRow, WriteFacts};
use serde_json::Value;
use std::collections::BTreeMap;

/// What a report is made from.
pub struct Material<'a> {
    /// The site's name.
    pub site: String,
    /// When the report is made.
    pub now: Moment,
    /// The whole archive.
    pub archive: Vec<PhotoFacts>,
    /// The run that it tells of, and what is known of its photos.
    pub run: Option<(RunRow, RunPhotos)>,
    /// How the run went, where it was watched.
    pub action: Option<&'static str>,
    /// What models cost.
    pub costs: Vec<ModelCost>,
    /// Where photos are found.
    pub links: &'a Links,
}

/// What is known of the photos of one run.
pub enum RunPhotos {
    /// What the checkpoint has of that run.
    Recorded(Vec<PhotoFacts>),
    /// What was seen while it ran.
    Watched(Stories),
}

impl Report {
    /// Puts a report together.
    pub fn new(material: Material<'_>) -> Self {
        let Material {
            site,
            now,
            archive,
            run,
            action,
            costs,
            links,
        } = material;
        let mut totals = Totals::default();
        let mut albums: BTreeMap<String, Totals> = BTreeMap::new();
        let mut states = BTreeMap::new();
        for photo in &archive {
            let state = state_of(photo);
            totals.add(state);
            albums.entry(album(photo)).or_default().add(state);
            states.insert(photo.photo.clone(), state);
        }
        let (run, photos) = match run {
            None => (
                None,
                archive.iter().map(|it| of_archive(it, links)).collect(),
            ),
            Some((row, RunPhotos::Recorded(photos))) => {
                let photos = photos.iter().map(|photo| {
                    let state = states.get(&photo.photo);
                    of_run(photo, state.copied().unwrap_or(State::Missing), links)
                });
                let photos = photos.collect();
                (Some(run_facts(&row, action)), photos)
            }
            Some((row, RunPhotos::Watched(stories))) => {
                let photos = watched(&archive, &row, stories, links);
                (Some(run_facts(&row, action)), photos)
            }
        };
        let albums = albums.into_iter();
        Self {
            site,
            made_at: rfc3339(now),
            run,
            totals,
            albums: albums
                .map(|(album, totals)| Album { album, totals })
                .collect(),
            spent: Spent::new(costs),
            photos,
        }
    }
}

/// How a photo stands.
fn state_of(photo: &PhotoFacts) -> State {
    match photo.owner {
        Some(Owner::Person) => return State::Person,
        Some(Owner::Ours) => return State::Ours,
        Some(Owner::Unproven) => return State::Unproven,
        Some(Owner::Nobody) | None => {}
    }
    let draft = photo.draft.as_ref();
    let accepted =
        draft.is_some_and(|draft| draft.decision.as_deref() == Some("accepted") && !draft.written);
    let undecided = |draft: &&DraftFacts| draft.decision.is_none() && !draft.written;
    if photo.decorative {
        State::Decorative
    } else if accepted {
        State::Waiting
    } else if draft.filter(undecided).is_some_and(|draft| draft.held) {
        State::Held
    } else if photo.parked || photo.due.is_some() {
        State::Failed
    } else if photo.cleared {
        State::Missing
    } else {
        match draft.filter(undecided).map(|draft| draft.verdict) {
            Some(Verdict::Write) => State::Waiting,
            _ => State::Missing,
        }
    }
}

fn run_facts(row: &RunRow, action: Option<&'static str>) -> RunFacts {
    let summary = row.summary.as_deref();
    let summary: Value = summary
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or(Value::Null);
    let dry = summary.get("dry_run").is_some().then_some("dry_run");
    RunFacts {
        run: row.number.0,
        mode: row.mode.clone(),
        action: action.or(dry),
        started: rfc3339(row.started),
        finished: row.finished.map(rfc3339),
        ended: row.ended.clone(),
        summary,
    }
}

/// The parts that every kind of report has.
fn plain(photo: &PhotoFacts, state: State, links: &Links) -> Photo {
    let found = links.of(&photo.photo);
    let draft = photo.draft.as_ref();
    let write = photo.write.as_ref();
    let model = write.and_then(|write| write.model.clone());
    let open = draft.filter(|draft| !draft.written);
    let at = write.map(|write| write.at).or(photo.looked_at);
    Photo {
        id: photo.photo.to_string(),
        album: album(photo),
        title: photo.title.clone().filter(|title| !title.trim().is_empty()),
        state,
        outcome: None,
        why: None,
        alt_before: write.map(|write| write.before.clone()),
        alt_after: photo.alt.clone().unwrap_or_default(),
        draft: open.map(|draft| draft.text.clone()),
        model: match open {
            Some(draft) => draft.model.clone(),
            None => model.or_else(|| draft.and_then(|draft| draft.model.clone())),
        },
        score: draft.and_then(|draft| draft.score),
        verdict: draft.map(|draft| draft.verdict.as_str()),
        reasons: draft.map_or_else(Vec::new, |draft| {
            draft.reasons.iter().map(|reason| reason.as_str()).collect()
        }),
        decision: draft.and_then(|draft| draft.decision.clone()),
        run: match (open, write) {
            (Some(draft), _) => Some(draft.run.0),
            (None, Some(write)) => Some(write.run.0),
            (None, None) => None,
        },
        at: at.map(rfc3339),
        link: found.link,
        image: found.image,
    }
}

fn of_archive(facts: &PhotoFacts, links: &Links) -> Photo {
    let state = state_of(facts);
    let mut photo = plain(facts, state, links);
    photo.why = match state {
        State::Held => facts.draft.as_ref().map(because),
        State::Failed => facts.error.clone().map(|error| {
            let then = match (facts.parked, facts.due) {
                (true, _) => "parked until its image changes".to_owned(),
                (false, Some(due)) => format!("tried again from {}", day(due)),
                (false, None) => return error,
            };
            format!("{error}; {then}")
        }),
        State::Missing if facts.cleared => Some("a person removed the text".into()),
        State::Missing if facts.looked_at.is_none() => Some("never read yet".into()),
        State::Missing => facts
            .draft
            .as_ref()
            .filter(|draft| draft.decision.as_deref() == Some("rejected"))
            .map(|_| "a person rejected the draft".into()),
        _ => None,
    };
    photo
}

fn of_run(facts: &PhotoFacts, state: State, links: &Links) -> Photo {
    let mut photo = plain(facts, state, links);
    let draft = facts.draft.as_ref();
    let (outcome, why) = match (&facts.write, draft, &facts.error) {
        (Some(write), ..) => written(write),
        (None, Some(draft), _) if draft.verdict == Verdict::Write => {
            let later = draft.written.then(|| "written by a later run".to_owned());
            ("waiting", later)
        }
        (None, Some(draft), _) => ("held", Some(because(draft))),
        (None, None, Some(error)) => ("failed", Some(error.clone())),
        (None, None, None) if facts.owner == Some(Owner::Person) => {
            ("changed", Some("a person changed the text".to_owned()))
        }
        (None, None, None) => ("changed", None),
    };
    photo.outcome = Some(outcome.to_owned());
    photo.why = why;
    if let Some(write) = &facts.write {
        photo.alt_after.clone_from(&write.after);
    }
    // The text of a draft that a later run wrote is still what this run made.
    photo.draft = match &facts.write {
        Some(_) => photo.draft,
        None => draft.map(|draft| draft.text.clone()),
    };
    photo
}

fn written(write: &WriteFacts) -> (&'static str, Option<String>) {
    match write.state.as_str() {
        "confirmed" if write.undo => ("put back", None),
        "confirmed" => ("written", None),
        "undone" => ("written", Some("put back by a later run".to_owned())),
        "void" => (
            "conflict",
            Some("the site shows another text, or refused this one".to_owned()),
        ),
        _ => ("unsettled", Some("the next run settles it".to_owned())),
    }
}

fn watched(archive: &[PhotoFacts], row: &RunRow, stories: Stories, links: &Links) -> Vec<Photo> {
    let mut stories = stories.into_map();
    let mut photos: Vec<Photo> = archive
        .iter()
        .filter_map(|facts| {
            let story = stories.remove(&facts.photo)?;
            let mut photo = plain(facts, state_of(facts), links);
            // What an earlier run replaced is not this one's news.
            if facts.write.as_ref().is_none_or(|it| it.run != row.number) {
                photo.alt_before = None;
            }
            let why = story.why(facts, &row.mode);
            photo.outcome = Some(story.outcome().to_owned());
            photo.why = why;
            Some(photo)
        })
        .collect();
    // Lines of a listing that name no photo are in no table.
    photos.extend(stories.into_iter().map(|(id, story)| nameless(id, &story)));
    photos
}

fn nameless(id: PhotoId, story: &Story) -> Photo {
    let facts = PhotoFacts {
        photo: id,
        album: None,
        title: None,
        alt: None,
        tag: None,
        owner: None,
        looked_at: None,
        cleared: false,
        decorative: false,
        due: None,
        parked: false,
        error: None,
        draft: None,
        write: None,
    };
    let mut photo = plain(&facts, State::Missing, &Links::default());
    photo.outcome = Some(story.outcome().to_owned());
    photo.why = story.why(&facts, "");
    photo
}

/// Why a draft is held, in words.
fn because(draft: &DraftFacts) -> String {
    if draft.decision.as_deref() == Some("rejected") {
        return "a person rejected it".to_owned();
    }
    let reasons: Vec<String> = draft.reasons.iter().map(ToString::to_string).collect();
    reasons.join("; ")
}

/// The album as the site names it, or as the id does.
fn album(photo: &PhotoFacts) -> String {
    let named = photo
        .album
        .as_deref()
        .filter(|name| !name.trim().is_empty());
    let of_id = || photo.photo.as_str().split_once('/').map(|(album, _)| album);
    named.or_else(of_id).unwrap_or_default().to_owned()
}

/// As RFC 3339 in UTC, to the second.
pub(super) fn rfc3339(moment: Moment) -> String {
    let second = jiff::Timestamp::from_second(moment.0.div_euclid(1000));
    second.map_or_else(|_| String::new(), |time| time.to_string())
}

fn day(moment: Moment) -> String {
    rfc3339(moment).chars().take(10).collect()
}
