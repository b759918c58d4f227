//! `altfill fix ID`: one photo, now.

use super::args::{self, Global};
use super::exit::{Exit, Usage};
use super::output::Output;
use super::setup::{Access, Setup};
use super::vigil::{Duty, Vigil, watched};
use crate::archive::{Mode, PhotoId, Skip};
use crate::pipeline::{self, Action, Finished, Given, Plan};
use crate::policy::Freshness;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

pub(super) async fn fix(global: &Global, args: args::Fix, output: &Output) -> anyhow::Result<Exit> {
    let watch = args.watch.clone();
    let duty = Duty::by_hand(args.with.json);
    let job = async |vigil: &Vigil| attended(global, args, vigil, output).await;
    watched(&watch, duty, output, job).await
}

async fn attended(
    global: &Global,
    args: args::Fix,
    vigil: &Vigil,
    output: &Output,
) -> anyhow::Result<Exit> {
    let given = given(&args)?;
    let setup = Setup::watched(global, Some(&args.with), vigil, output).await?;
    let plan = Plan {
        ids: vec![PhotoId::new(args.id.clone())],
        replace_human: args.replace_human,
        note: args.note.clone(),
        given: given.clone(),
        ..Plan::new(Mode::Fix, &setup.settings)
    };
    if !args.replace_human || args.yes {
        let refused = AtomicBool::new(false);
        let job = async |parts| {
            let finished = pipeline::run(parts).await?;
            refused.store(explain(&finished, &args.id, output), Ordering::Relaxed);
            Ok(finished)
        };
        let exit = setup
            .carry_out(plan, Access::Record, args.with.json, output, job)
            .await?;
        // The photo that was asked for was not done, and a script should know.
        let refused = refused.load(Ordering::Relaxed) && exit == Exit::Done;
        return Ok(if refused { Exit::SomeFailed } else { exit });
    }
    let Some((before, after)) = preview(&setup, &plan, output).await? else {
        return Ok(Exit::SomeFailed);
    };
    output.say(&format!("before: {before}\nafter:  {after}"));
    if !output.confirm(&format!("Replace the text of {}?", args.id))? {
        output.say("nothing was written; the draft is kept");
        return Ok(Exit::Done);
    }
    // The draft that was shown is the one that is written.
    let plan = Plan {
        freshness: Freshness::Reuse,
        expected: Some(before),
        ..plan
    };
    setup
        .carry_out(plan, Access::Record, args.with.json, output, pipeline::run)
        .await
}

fn given(args: &args::Fix) -> anyhow::Result<Option<Given>> {
    if args.decorative {
        return Ok(Some(Given::Decorative));
    }
    let Some(text) = &args.text else {
        return Ok(None);
    };
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.is_empty() {
        let hint = "give the text, or --decorative for a photo that is to have none";
        return Err(Usage::new("--text is empty", hint).into());
    }
    Ok(Some(Given::Text(text)))
}

/// What would be replaced by what; makes the draft if a model is to write it.
async fn preview(
    setup: &Setup,
    plan: &Plan,
    output: &Output,
) -> anyhow::Result<Option<(String, String)>> {
    let photo = &plan.ids[0];
    let before = setup.site.read(photo).await?.alt.unwrap_or_default();
    let after = match &plan.given {
        Some(Given::Text(text)) => text.clone(),
        Some(Given::Decorative) => "(no text: decorative)".to_owned(),
        None => {
            let plan = Plan {
                action: Action::Preview,
                ..plan.clone()
            };
            let drafts = Arc::new(Mutex::new(None));
            let kept = Arc::clone(&drafts);
            let job = async move |mut parts: pipeline::Parts| {
                parts.observer = Arc::new(Keep {
                    kept,
                    next: parts.observer,
                });
                pipeline::run(parts).await
            };
            setup.execute(plan, Access::Record, output, job).await?;
            let draft = drafts.lock().unwrap_or_else(PoisonError::into_inner).take();
            let Some(draft) = draft else { return Ok(None) };
            draft
        }
    };
    Ok(Some((before, after)))
}

/// Passes events on, and keeps the draft's text.
struct Keep {
    kept: Arc<Mutex<Option<String>>>,
    next: Arc<dyn pipeline::Observer>,
}

impl pipeline::Observer for Keep {
    fn event(&self, event: &pipeline::Event) {
        if let pipeline::Event::Settled(settled) = event
            && let pipeline::Outcome::Waiting { text } = &settled.outcome
        {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            *kept = Some(text.clone());
        }
        self.next.event(event);
    }
}

/// Says why nothing was done, where nothing was done; and whether that is so.
fn explain(finished: &Finished, id: &str, output: &Output) -> bool {
    let skipped = finished.summary.skipped;
    if skipped.get(Skip::Person) > 0 {
        output.say(&format!(
            "{id} has a text by a person; --replace-human replaces it"
        ));
    } else if skipped.get(Skip::Unproven) > 0 {
        output.say(&format!(
            "{id} is tagged machine-made, but not by our record; `altfill adopt` makes such texts \
             ours, --replace-human replaces this one"
        ));
    }
    skipped.total() > 0
}
