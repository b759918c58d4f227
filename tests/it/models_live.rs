//! As an owner I let a run keep within what my models can do: their limits,
//! their memory, their room for an answer.

use crate::support::{
    Act, Call, Fail, FakeModel, FakeSite, Limit, MODEL_KEY, SITE_TOKEN, Say, Terminal, When,
    Workspace,
};
use serde_json::json;
use std::time::{Duration, Instant};

const N: usize = 12;

fn library(model: &FakeModel) -> (FakeSite, Workspace) {
    let site = FakeSite::with_photos(N);
    let workspace = Workspace::album(&site, model);
    (site, workspace)
}

const MS: fn(u64) -> Duration = Duration::from_millis;

#[test]
fn a_limit_of_requests_a_minute_is_kept_and_the_wait_is_told() {
    let model = FakeModel::openai();
    let (site, mut workspace) = library(&model);
    workspace.set_model("fake", "limits", json!({"requests_per_minute": 120}));
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    // At this pace they take more than 5 s, otherwise less than one.
    let span = workspace.rows("SELECT max(sent_at) - min(sent_at) AS ms FROM calls");
    let span = span[0]["ms"].as_u64().expect("milliseconds");
    assert!(span > 3000, "{span} ms: {output}");
    assert_eq!(site.writes().len(), N);
    output.says(&["waiting for fake (120 requests a minute)"]);
    let told = output.stderr.matches("waiting for fake").count();
    assert_eq!(told, 1, "one line does for all that wait: {output}");
}

#[test]
fn nobody_waits_for_the_turn_of_a_model_that_was_given_up() {
    let (model, spare) = (FakeModel::openai(), FakeModel::openai());
    let (site, mut workspace) = library(&model);
    workspace.set_model("fake", "limits", json!({"requests_per_minute": 1}));
    workspace.add_model("spare", &spare);
    workspace.set("fallback", vec!["spare"]);
    model.script(When::chat(), Act::fail(Fail::Quota));
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(site.writes().len(), N);
    assert!(output.took < Duration::from_secs(50), "{output}");
    assert_eq!((model.count(), spare.count()), (1, N));
}

#[test]
fn the_bar_says_what_a_run_waits_for() {
    let model = FakeModel::openai();
    let (site, mut workspace) = library(&model);
    workspace.set_model("fake", "limits", json!({"requests_per_minute": 60}));
    let terminal = Terminal::start(
        workspace.directory(),
        &["--config", "pipeline.toml", "run", "--limit", "4"],
        &[("SITE_TOKEN", SITE_TOKEN), ("MODEL_KEY", MODEL_KEY)],
    );
    terminal.shows("waiting for fake (60 requests a minute)");
    let (code, screen) = terminal.wait();
    assert_eq!(code, Some(0), "{screen}");
    assert_eq!(site.writes().len(), 4);
}

#[test]
fn what_replies_say_is_left_slows_a_run_before_it_is_refused() {
    let limits: [fn() -> Limit; 2] = [
        || Limit::told_requests(3, MS(700)),
        // Three requests with a cap of 200 and some 700 tokens of input.
        || Limit::told_tokens(4000, MS(700)),
    ];
    for start in [FakeModel::openai as fn() -> FakeModel, FakeModel::anthropic] {
        for limit in limits {
            let model = start();
            let (site, mut workspace) = library(&model);
            workspace.set("run.concurrency", 2);
            model.limit(limit());
            let output = workspace.run(&["run", "--json"]).expect(0).counted();
            assert_eq!(model.refused(), 0, "{:?}: {output}", limit());
            assert_eq!(site.writes().len(), N);
        }
    }
    // A wait that is long enough to be told.
    let model = FakeModel::openai();
    let (_site, mut workspace) = library(&model);
    workspace.set("run.concurrency", 2);
    model.limit(Limit::told_requests(3, MS(6000)));
    let output = workspace.run(&["run", "--json", "--limit", "5"]).expect(0);
    assert_eq!(model.refused(), 0, "{output}");
    output.says(&["waiting for fake (its requests are used up for now)"]);
}

#[test]
fn a_reply_that_ran_out_of_room_is_asked_for_once_more_with_more_room() {
    for model in [
        FakeModel::openai(),
        FakeModel::ollama(),
        FakeModel::anthropic(),
        FakeModel::gemini(),
    ] {
        let (site, mut workspace) = library(&model);
        workspace.set_model("fake", "price", json!({"input": 10.0, "output": 10.0}));
        let cut = Say::Length("A long view over the bay with".to_owned());
        let page = When::chat().text("page 0003");
        model.script(page.nth(1), Act::say(cut));
        let output = workspace.run(&["run", "--json"]).expect(0).counted();
        assert_eq!(output.number("/held"), 0, "{output}");
        assert_eq!(site.writes().len(), N);
        assert_eq!(model.count(), N + 1);
        let caps = caps_of(&model.calls(), "page 0003");
        assert_eq!(caps, [200, 1024], "{output}");
        output.says(&["ended at its cap of 200 tokens", "max_tokens"]);
        // Both calls are recorded, and both are paid for.
        let rows = workspace.rows(
            "SELECT purpose, cost FROM calls WHERE slot IN
             (SELECT slot FROM calls WHERE purpose = 'longer') ORDER BY id",
        );
        let purposes: Vec<_> = rows.iter().map(|row| row["purpose"].clone()).collect();
        assert_eq!(purposes, ["caption", "longer"]);
        assert!(rows.iter().all(|row| row["cost"].as_f64() > Some(0.0)));
        let spent = workspace.rows("SELECT sum(cost) AS sum FROM calls")[0]["sum"].clone();
        let said = output.json()["cost_usd"].as_f64().expect("a cost");
        assert!((spent.as_f64().expect("a sum") - said).abs() < 1e-6);
        model.forget();
        let again = workspace.run(&["run", "--json"]).expect(0).counted();
        assert_eq!(model.count(), 0, "{again}");
    }
}

#[test]
fn a_reply_that_ends_for_length_twice_is_held_and_never_asked_for_again() {
    let model = FakeModel::openai();
    let (site, workspace) = library(&model);
    let cut = Say::Length("A long view over the bay with".to_owned());
    model.script(When::chat().text("page 0003"), Act::say(cut));
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/held"), 1);
    assert_eq!(site.writes().len(), N - 1);
    assert_eq!(caps_of(&model.calls(), "page 0003"), [200, 1024]);
    for _ in 0..2 {
        let again = workspace.run(&["run", "--json"]).expect(0).counted();
        assert_eq!(again.number("/skipped/held"), 1);
        assert_eq!(model.count(), N + 1);
    }
}

#[test]
fn a_larger_cap_that_is_refused_leaves_the_first_reply_to_be_held() {
    let model = FakeModel::openai();
    let (_site, workspace) = library(&model);
    let page = || When::chat().text("page 0003");
    let cut = Say::Length("A long view over the bay with".to_owned());
    model.script(page().nth(1), Act::say(cut));
    let refusal = Fail::BadSetting("max_completion_tokens".to_owned());
    model.script(page().from(2), Act::fail(refusal));
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/held"), 1, "{output}");
    assert_eq!(output.number("/written"), N as u64 - 1);
    assert_eq!(model.count(), N + 1);
    let again = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(again.number("/skipped/held"), 1);
    assert_eq!(model.count(), N + 1);
}

#[test]
fn a_run_that_is_killed_between_both_calls_makes_only_the_second_one_again() {
    let model = FakeModel::openai();
    let site = FakeSite::with_photos(1);
    let mut workspace = Workspace::album(&site, &model);
    workspace.set_model("fake", "price", json!({"input": 10.0, "output": 10.0}));
    let cut = Say::Length("A long view over the bay with".to_owned());
    model.script(When::chat().nth(1), Act::say(cut));
    model.script(When::chat().nth(2), Act::never());
    let mut running = workspace.spawn(&["run", "--json"]);
    assert!(running.until(|| model.count() == 2));
    let _ = running.kill();
    let _ = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(caps_of(&model.calls(), "page"), [200, 1024, 1024]);
    assert_eq!(site.writes().len(), 1);
    let rows = workspace.rows("SELECT purpose, state, cost FROM calls ORDER BY id");
    let paid = rows.iter().all(|row| row["cost"].as_f64() > Some(0.0));
    assert!(
        paid,
        "the first reply and the lost one are booked too: {rows:?}"
    );
}

fn caps_of(calls: &[Call], page: &str) -> Vec<u64> {
    let calls = calls.iter().filter(|call| call.prompt.contains(page));
    calls.filter_map(|call| call.cap).collect()
}

#[test]
fn a_local_model_is_loaded_before_the_first_photo_is_sent() {
    let model = FakeModel::ollama();
    let (site, mut workspace) = library(&model);
    // Loading takes longer than a call may.
    workspace.set_model("fake", "limits", json!({"timeout": "1500ms"}));
    model.loading(MS(2500));
    let loaded = Instant::now() + MS(2500);
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    // A call may be lost later, while the machine stands still.
    let calls = model.calls();
    assert!(
        calls.iter().all(|call| call.started >= loaded),
        "a call waited for the loading: {output}"
    );
    assert_eq!(site.writes().len(), N);
    assert_eq!(model.loads(), ["fake-vision"]);
    output.says(&["waiting for fake (it is being loaded)"]);
    for call in model.calls() {
        assert_eq!(call.keep_alive, Some(json!("30m")));
    }
    model.forget();
    let _ = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(model.loads().len(), 1, "nothing to do, nothing loaded");

    // The owner may want another time.
    let model = FakeModel::ollama();
    let (_site, mut workspace) = library(&model);
    workspace.set_model("fake", "settings", json!({"keep_alive": "2h"}));
    let _ = workspace.run(&["run", "--json"]).expect(0).counted();
    let kept = model.calls().into_iter().map(|call| call.keep_alive);
    assert!(kept.into_iter().all(|time| time == Some(json!("2h"))));
}

#[test]
fn a_local_model_that_cannot_see_is_never_sent_a_photo() {
    let model = FakeModel::ollama();
    let (site, workspace) = library(&model);
    model.blind();
    let output = workspace.run(&["run", "--json"]).expect(1).counted();
    output.says(&["fake-vision", "can't see images"]);
    assert_eq!(model.count(), 0);
    assert!(site.writes().is_empty());
    assert_eq!(workspace.tries(), 0);
    let missing = FakeModel::ollama();
    let (_site, workspace) = library(&missing);
    missing.lacks("fake-vision");
    let output = workspace.run(&["run", "--json"]).expect(1).counted();
    output.says(&["ollama pull fake-vision"]);
    assert_eq!(missing.count(), 0);
}

#[test]
fn two_models_of_one_local_server_do_not_drive_each_other_out_of_memory() {
    let model = FakeModel::ollama();
    let (site, mut workspace) = library(&model);
    workspace.add_model("second", &model);
    workspace.set("fallback", vec!["second"]);
    workspace.set("run.outage_patience", "1s");
    model.latency(MS(100));
    workspace.set_model("second", "prompt", json!("Say what you see."));
    // The first model breaks down with a slow call in flight.
    let first = || When::chat().text("You write alt text");
    let broken = Act::fail(Fail::Internal);
    model.script(first().nth(5), broken.clone().after(MS(6000)));
    model.script(first().from(5), broken);
    let output = workspace.run(&["run", "--json"]).counted();
    assert_eq!(site.writes().len(), N, "{output}");
    assert_eq!(model.loads().len(), 2, "{:?}: {output}", model.loads());
    let calls = model.calls();
    let (first, second): (Vec<_>, Vec<_>) =
        calls.iter().partition(|call| call.model == "fake-vision");
    assert!(!second.is_empty(), "{output}");
    let last = first.iter().filter_map(|call| call.ended).max();
    let next = second.iter().map(|call| call.started).min();
    assert!(
        last <= next,
        "the second was asked while the first was in use"
    );
}
