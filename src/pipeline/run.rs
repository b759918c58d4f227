//! One run: connects the stages, watches the clock, and closes the books.

use super::chain::Chain;
use super::fresh::Quickest;
use super::limit::Limit;
use super::proof::Proof;
use super::shared::{Shared, Strange, megabytes};
use super::stage::stage;
use super::throttle::Throttle;
use super::{Action, Event, Fatal, Observer, Plan, Stop, Summary, Why};
use super::{caption, list, look, prepare, recover, write};
use crate::archive::{Ended, Fingerprint, Mode, Moment, RunId, SlotKind};
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::model::bodies::Bodies;
use crate::policy::{Budget, UtcDay};
use crate::site::{Hardship, Site};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// How long the stages may take to end once nothing is awaited any more.
const LAST_MOMENT: Duration = Duration::from_secs(4);

/// How often the wall clock is looked at while a time of day is waited for.
const LOOK_AT_CLOCK: Duration = Duration::from_secs(20);

/// What a run is made of.
pub struct Parts {
    /// What to do.
    pub plan: Plan,
    /// The archive.
    pub site: Arc<dyn Site>,
    /// The checkpoint, locked for this run unless it is a scratch copy.
    pub checkpoint: Checkpoint,
    /// The models.
    pub chain: Arc<Chain>,
    /// How the run is stopped from outside.
    pub stop: Stop,
    /// Whoever watches.
    pub observer: Arc<dyn Observer>,
    /// Keeps requests and replies, where the owner asked for it.
    pub bodies: Option<Arc<Bodies>>,
}

/// A run that is over.
#[derive(Debug)]
pub struct Finished {
    /// What it did.
    pub summary: Summary,
    /// Why it stopped early, if it did.
    pub why: Option<Why>,
}

/// Why a run could not even begin.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The state file failed.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// Runs a plan to its end. Trouble on the way is in the result; an error means
/// that nothing was begun.
pub async fn run(parts: Parts) -> Result<Finished, RunError> {
    execute(parts, async |shared| work(shared).await).await
}

/// Opens a run, settles what an earlier one left open, does the work, and closes
/// the books.
pub(super) async fn execute(
    parts: Parts,
    work: impl AsyncFnOnce(&Arc<Shared>),
) -> Result<Finished, RunError> {
    let started = Instant::now();
    let shared = begin(parts).await?;
    let watch = tokio::spawn(watch(Arc::clone(&shared), started));
    let hardship = tokio::spawn(hardship(Arc::clone(&shared)));
    match recover::recover(&shared).await {
        Ok(()) if shared.stop.asked() => {}
        Ok(()) => work(&shared).await,
        Err(error) => shared.stop.broken_state(&error),
    }
    watch.abort();
    hardship.abort();
    // Each has a share of the state file, which closes with the last one of them.
    let _ = tokio::join!(watch, hardship);
    Ok(finish(&shared, started).await)
}

async fn begin(parts: Parts) -> Result<Arc<Shared>, RunError> {
    let Parts {
        plan,
        site,
        checkpoint,
        chain,
        stop,
        observer,
        bodies,
    } = parts;
    let recipes = chain.recipes(&plan.language, &plan.context);
    let mut settings = Fingerprint::new("run");
    for recipe in &recipes {
        settings = settings.part("recipe", recipe.as_str().as_bytes());
    }
    let id = RunId::new(uuid::Uuid::now_v7().to_string());
    // Runs that are still open in the file were killed, since this one has the
    // lock; they are closed before its own row is there.
    let open = checkpoint.close_killed_runs(Moment::now()).await?;
    if !site.traits().languages {
        let (kind, language) = (SlotKind::Alt, &plan.language);
        checkpoint.one_text_is_meant(kind, language).await?;
    }
    let budget = budget(&plan, &checkpoint).await?;
    let proof = Proof::new(checkpoint.has_written().await?);
    let run = checkpoint
        .begin_run(id.clone(), plan.mode, settings.finish(), Moment::now())
        .await?;
    let mut summary = Summary::new(run, &id, plan.mode);
    if plan.action == Action::DryRun {
        summary.dry_run = Some(super::DryRun::default());
    }
    let processors = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let shared = Arc::new(Shared {
        limit: Limit::new(plan.limit),
        budget: Mutex::new(budget),
        budget_changed: Notify::new(),
        bodies,
        decoding: Semaphore::new(processors),
        memory: Semaphore::new(megabytes(plan.photo.max_memory) as usize),
        summary: Mutex::new(summary),
        strange: Strange::default(),
        proof,
        throttle: Throttle::new(plan.run.outage_patience),
        quickest: Quickest::default(),
        plan,
        run,
        site,
        checkpoint,
        chain,
        recipes,
        stop,
        observer,
    });
    shared.emit(&Event::Started {
        run,
        id,
        mode: shared.plan.mode,
    });
    // A dry run looks at a copy, perhaps beside a run that is well alive.
    if shared.plan.action != Action::DryRun {
        recover::tell(&shared, open);
    }
    Ok(shared)
}

/// What the run may spend. The day's limit is for all runs of the day together,
/// so it begins with what the earlier ones spent.
async fn budget(plan: &Plan, checkpoint: &Checkpoint) -> Result<Budget, CheckpointError> {
    let budget = Budget::new(plan.run.max_cost);
    let Some(limit) = plan.run.max_cost_per_day else {
        return Ok(budget);
    };
    let today = UtcDay::of(Moment::now());
    let spent = checkpoint.spent(today.start(), today.end()).await?;
    Ok(budget.with_day(limit, today, spent.cost))
}

/// Tells whoever watches when the site is waited for, and when no longer.
async fn hardship(shared: Arc<Shared>) {
    let Some(mut hardship) = shared.site.hardship() else {
        return;
    };
    let whom = || "the site".to_owned();
    while hardship.changed().await.is_ok() {
        let known = hardship.borrow_and_update().clone();
        match known {
            Some(Hardship { wait, why }) => {
                let whom = whom();
                shared.emit(&Event::Waiting { whom, wait, why });
            }
            None => shared.emit(&Event::Resumed { whom: whom() }),
        }
    }
}

/// Resolves when the wall clock shows this moment. It looks again and again,
/// since clocks are set and machines sleep.
async fn wall_clock(moment: Moment) {
    loop {
        let left = moment.0.saturating_sub(Moment::now().0);
        let Ok(left @ 1..) = u64::try_from(left) else {
            return;
        };
        tokio::time::sleep(Duration::from_millis(left).min(LOOK_AT_CLOCK)).await;
    }
}

/// The deadline, and the end of patience once the run is being stopped.
async fn watch(shared: Arc<Shared>, started: Instant) {
    let plan = &shared.plan.run;
    let deadline = async {
        match plan.deadline {
            Some(deadline) => tokio::time::sleep_until(started + deadline).await,
            None => std::future::pending().await,
        }
    };
    let until = async {
        match plan.until {
            Some(moment) => wall_clock(moment).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = until => shared.stop.ask(Why::Early(Ended::Deadline)),
        () = deadline => shared.stop.ask(Why::Early(Ended::Deadline)),
        () = shared.stop.soft().cancelled() => {}
    }
    if let Some(why) = shared.stop.why().filter(|why| *why != Why::Limit) {
        shared.emit(&Event::Stopping(why.ended()));
    }
    tokio::time::sleep(plan.drain).await;
    shared.stop.now();
}

/// Starts the stages and waits for them.
pub(super) async fn work(shared: &Arc<Shared>) {
    let sizes = Sizes::of(&shared.plan);
    let (to_look, looking) = mpsc::channel(sizes.look);
    let (to_prepare, preparing) = mpsc::channel(sizes.prepare);
    let (to_caption, captioning) = mpsc::channel(sizes.prepared);
    let (to_write, writing) = mpsc::channel(sizes.write);
    let mut stages = JoinSet::new();
    stages.spawn({
        let shared = Arc::clone(shared);
        async move {
            list::list(shared, to_look).await;
            Ok(())
        }
    });
    stages.spawn({
        let shared = Arc::clone(shared);
        stage(looking, sizes.look, move |photo| {
            look::look(Arc::clone(&shared), photo, to_prepare.clone())
        })
    });
    stages.spawn({
        let (shared, to_write) = (Arc::clone(shared), to_write.clone());
        stage(preparing, sizes.prepare, move |looked| {
            prepare::prepare(
                Arc::clone(&shared),
                looked,
                to_caption.clone(),
                to_write.clone(),
            )
        })
    });
    stages.spawn({
        let shared = Arc::clone(shared);
        stage(captioning, sizes.caption, move |prepared| {
            caption::caption(Arc::clone(&shared), prepared, to_write.clone())
        })
    });
    stages.spawn({
        let shared = Arc::clone(shared);
        stage(writing, sizes.write, move |captioned| {
            write::write(Arc::clone(&shared), captioned)
        })
    });
    let finished = async {
        while let Some(ended) = stages.join_next().await {
            if let Ok(Err(bug)) | Err(bug) = ended {
                let message = format!("internal error: {bug}");
                let hint = "please report this; what was recorded is kept".to_owned();
                shared.stop.fatal(Fatal {
                    message,
                    hint: Some(hint),
                });
                shared.stop.now();
            }
        }
    };
    let too_late = async {
        shared.stop.hard().cancelled().await;
        tokio::time::sleep(LAST_MOMENT).await;
    };
    tokio::select! {
        () = finished => {}
        () = too_late => {}
    }
}

/// How many photos each stage has at once. The model never waits for the rest:
/// there are a few more prepared photos than calls in flight, and no more, so
/// that memory stays flat.
struct Sizes {
    look: usize,
    prepare: usize,
    prepared: usize,
    caption: usize,
    write: usize,
}

impl Sizes {
    fn of(plan: &Plan) -> Self {
        let calls = plan.run.concurrency.max(1);
        let site = plan.site_concurrency.max(1);
        Self {
            look: site.clamp(2, 64),
            prepare: calls.clamp(4, 16),
            prepared: (calls / 2).clamp(2, 16),
            caption: calls + calls.clamp(2, 8),
            write: site.clamp(2, 64),
        }
    }
}

/// Texts that a backfill leaves as they are, and that an upgrade would make anew.
async fn outdated(shared: &Shared) -> Result<Option<u64>, CheckpointError> {
    if shared.plan.mode != Mode::Backfill {
        return Ok(None);
    }
    let (plan, checkpoint) = (&shared.plan, &shared.checkpoint);
    let count = checkpoint
        .outdated(plan.kind, &plan.language, &shared.recipes)
        .await?;
    Ok(Some(count).filter(|count| *count > 0))
}

/// Closes the books.
async fn finish(shared: &Shared, started: Instant) -> Finished {
    let ended = shared.stop.why().map_or(Ended::Complete, |why| why.ended());
    let outdated = match outdated(shared).await {
        Ok(outdated) => outdated,
        Err(error) => {
            shared.stop.broken_state(&error);
            None
        }
    };
    let summary = {
        let mut summary = shared.summary();
        summary.outdated = outdated;
        summary.close(ended, shared.site.traffic(), started.elapsed());
        summary.clone()
    };
    let json = serde_json::to_string(&summary).expect("a summary is plain data");
    let closed = shared
        .checkpoint
        .end_run(shared.run, ended, json, Moment::now())
        .await;
    if let Err(error) = closed {
        shared.stop.broken_state(&error);
    }
    Finished {
        summary,
        why: shared.stop.why(),
    }
}
