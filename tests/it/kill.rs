//! As an owner I may pull the plug at any moment: nothing is lost, nothing is
//! paid for twice, and stopping politely is quick.

use crate::support::{Act, Call, FakeModel, FakePhoto, FakeSite, When, Workspace};
use nix::sys::signal::Signal;
use std::collections::HashMap;
use std::time::Duration;

const N: usize = 60;
const MINE: &str = "The old lighthouse, seen from our boat";

fn library() -> (FakeSite, FakeModel, Workspace) {
    let (site, model) = (FakeSite::with_photos(N), FakeModel::openai());
    site.add("coast/mine", FakePhoto::new("Mine").alt(MINE).verified(1));
    let workspace = Workspace::album(&site, &model);
    (site, model, workspace)
}

/// The prompts whose reply is in the state database now.
fn stored(workspace: &Workspace, calls: &[Call]) -> Vec<String> {
    let replies = workspace.replies().join("\n");
    let calls = calls.iter().filter(|call| {
        let caption = call.caption.as_deref();
        caption.is_some_and(|caption| replies.contains(caption))
    });
    calls.map(|call| call.prompt.clone()).collect()
}

#[test]
fn killed_again_and_again_it_pays_once_and_writes_once() {
    let (site, model, mut workspace) = library();
    workspace.set("run.concurrency", 3);
    model.latency(Duration::from_millis(30));
    let seed = fastrand::u64(..);
    let mut random = fastrand::Rng::with_seed(seed);
    let mut kills = 0;
    // How many calls there were at each kill, and which of them were stored.
    let mut paid = Vec::new();
    for _ in 0..20 {
        let enough = model.count() + random.usize(1..6);
        let pause = Duration::from_millis(random.u64(0..40));
        let mut running = workspace.spawn(&["run", "--json"]);
        if !running.until(|| model.count() >= enough) {
            break;
        }
        // A random moment is the point of this test.
        std::thread::sleep(pause);
        running.kill();
        site.catch_up();
        kills += 1;
        let calls = model.calls();
        paid.push((calls.len(), stored(&workspace, &calls)));
    }
    assert!(kills > 0, "the library is too small for this test");
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.ended(), "complete", "seed {seed}");
    let calls = model.calls();
    for (count, prompts) in paid {
        for call in &calls[count..] {
            let again = prompts.contains(&call.prompt);
            assert!(!again, "paid twice, seed {seed}: {}", call.prompt);
        }
    }
    let mut writes: HashMap<String, usize> = HashMap::new();
    for write in site.writes() {
        *writes.entry(write.photo).or_default() += 1;
    }
    assert_eq!(writes.len(), N, "seed {seed}");
    assert!(
        writes.values().all(|times| *times == 1),
        "seed {seed}: {writes:?}"
    );
    assert_eq!(site.alt("coast/mine"), MINE);
    let captions = model.captions();
    for (id, alt) in site.alts().iter().filter(|(id, _)| id != "coast/mine") {
        assert!(captions.contains(alt), "{id}: {alt:?}, seed {seed}");
    }
    let twice = workspace.rows(
        "SELECT slot, key, count(*) AS times FROM calls
         WHERE state = 'answered' AND purpose = 'caption' GROUP BY slot, key HAVING times > 1",
    );
    assert!(twice.is_empty(), "seed {seed}: {twice:?}");
}

#[test]
fn a_first_signal_awaits_the_replies_in_flight() {
    for (signal, code) in [
        (Signal::SIGINT, 130),
        (Signal::SIGTERM, 143),
        (Signal::SIGHUP, 129),
    ] {
        let (site, model, workspace) = library();
        // The run can't be over before it hears the signal.
        model.script(When::chat().from(9), Act::late(Duration::from_secs(5)));
        // Whoever started the tests may have them ignore a closed terminal.
        let heard = "exec env --default-signal=HUP \"$0\" \"$@\"";
        let mut running = workspace.altfill(&["run", "--json"]).after(heard).spawn();
        assert!(running.until(|| model.count() >= 10));
        running.signal(signal);
        let output = running.wait().expect(code).counted();
        assert_eq!(output.ended(), "interrupted");
        assert_eq!(model.captions().len(), model.count());
        assert_eq!(
            workspace.replies().len(),
            model.count(),
            "a paid reply was dropped"
        );
        let first = model.count();
        assert!(first < N);
        model.behave();
        let _ = workspace.run(&["run", "--json"]).expect(0).counted();
        assert_eq!(model.count(), N, "nothing was asked twice");
        assert_eq!(site.writes().len(), N);
    }
}

#[test]
fn a_closed_terminal_is_nothing_to_a_run_that_was_started_with_nohup() {
    let (_site, model, workspace) = library();
    model.latency(Duration::from_millis(50));
    let program = workspace.altfill(&["run", "--json"]);
    let mut running = program.after("trap '' HUP").spawn();
    assert!(running.until(|| model.count() >= 5));
    running.signal(Signal::SIGHUP);
    let output = running.wait().expect(0).counted();
    assert_eq!(output.ended(), "complete");
}

#[test]
fn a_file_that_may_not_grow_is_a_disk_that_is_full() {
    let (_site, _model, workspace) = library();
    let program = workspace.altfill(&["run"]);
    let output = program.after("ulimit -f 20").run();
    assert_eq!((output.code, output.signal), (Some(1), None), "{output}");
    output.says(&["error: ", "altfill.db"]);
}

#[test]
fn a_second_signal_waits_for_no_reply() {
    let (_site, model, mut workspace) = library();
    workspace.set("run.drain", "10m");
    model.script(When::chat().from(5), Act::never());
    let mut running = workspace.spawn(&["run", "--json", "--events", "events.jsonl"]);
    assert!(running.until(|| model.count() >= 6));
    running.signal(Signal::SIGINT);
    // Two equal signals are one until the first was taken.
    assert!(running.until(|| workspace.told("stopping")));
    let moment = std::time::Instant::now();
    running.signal(Signal::SIGINT);
    let output = running.wait();
    // At once; what comes on top is the machine's.
    assert!(moment.elapsed() < Duration::from_secs(60), "{output}");
    assert_eq!(output.code, Some(130), "{output}");
    model.behave();
    let _ = workspace.run(&["run", "--json"]).expect(0).counted();
}

#[test]
fn two_runs_at_once_are_refused() {
    let (_site, model, workspace) = library();
    // Time for the others while the first run is on.
    model.latency(Duration::from_secs(3));
    let mut running = workspace.spawn(&["run", "--json"]);
    assert!(running.until(|| model.count() >= 1));
    let second = workspace.run(&["run", "--json"]).expect(5);
    second.says(&["altfill.db"]);
    // By whatever name: it is one state.
    let link = workspace.path("state/link.db");
    std::os::unix::fs::symlink("altfill.db", link).expect("a link");
    let third = ["--state", "state/link.db", "run", "--json"];
    workspace.run(&third).expect(5).says(&["link.db"]);
    let _ = workspace.run(&["status"]).expect(0);
    model.latency(Duration::ZERO);
    let _ = running.wait().expect(0);
}
