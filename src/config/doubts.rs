//! Settings that work and are probably not meant.

use super::{Preset, Provider, Settings};
use crate::archive::ContextField;
use std::time::Duration;

/// Something questionable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// The key that it is about.
    pub key: &'static str,
    /// What is questionable, in a sentence.
    pub text: String,
    /// What to do about it.
    pub advice: String,
}

/// What is questionable in settings that can be used.
pub fn doubts(settings: &Settings) -> Vec<Doubt> {
    let mut doubts = Vec::new();
    let mut add = |key, text: String, advice: &str| {
        let advice = advice.to_owned();
        doubts.push(Doubt { key, text, advice });
    };
    let run = &settings.run;
    let real = settings.site.preset != Preset::Embedded;
    let first = settings.used_models().next();
    let drawn = first.is_some_and(|entry| entry.provider == Provider::Embedded);
    if real && drawn && run.publish_embedded {
        let text = "the embedded model never looks at what a photo shows, and its texts are to \
                    be written to a real site";
        add(
            "run.publish_embedded",
            text.to_owned(),
            "remove it, and set `model` to one that sees",
        );
    } else if real && drawn {
        let text = "the embedded model never looks at what a photo shows, so its drafts for a \
                    real site are held";
        add(
            "model",
            text.to_owned(),
            "set `model` to one that sees: `altfill models`",
        );
    }
    let unlimited = run.max_cost.is_none() && run.max_cost_per_day.is_none();
    let cloud = settings.used_models().find(|entry| entry.cloud);
    if let (true, Some(entry)) = (unlimited, cloud) {
        let text = format!("nothing limits what {} may cost", entry.name);
        add(
            "run.max_cost",
            text,
            "set run.max_cost or run.max_cost_per_day, in US dollars",
        );
    }
    if let (Some(one), Some(day)) = (run.max_cost, run.max_cost_per_day)
        && one.0 > day.0
    {
        let text = format!("one run may cost {one}, all runs of a day only {day}");
        add(
            "run.max_cost_per_day",
            text,
            "the smaller limit is the one that counts",
        );
    }
    let folder = settings.site.preset == Preset::Folder;
    if settings.context.fields.contains(&ContextField::Place) && !folder {
        let text =
            "only photos in a folder have the name of a place, so it has no effect".to_owned();
        add("context.place", text, "remove the line");
    }
    if run.deadline.is_some_and(|time| time < run.drain) {
        let text = "the run is to end sooner than replies in flight are awaited".to_owned();
        add("run.deadline", text, "make it longer than run.drain");
    }
    if real && settings.site.timeout < Duration::from_secs(1) {
        let text = "few sites answer every request within that time".to_owned();
        add("site.timeout", text, "30s is the default");
    }
    doubts
}
