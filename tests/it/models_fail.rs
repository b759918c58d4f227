//! As an owner I let altfill run through the night, whatever the model does:
//! it waits, goes on, or stops with a clear word, and no photo pays for it.

use crate::support::{Act, Delivery, Fail, FakeModel, FakeSite, MODEL_KEY, Reply, When, Workspace};
use serde_json::json;
use std::time::Duration;

const N: usize = 18;

fn library(model: &FakeModel) -> (FakeSite, Workspace) {
    let site = FakeSite::with_photos(N);
    let mut workspace = Workspace::album(&site, model);
    workspace.set("run.concurrency", 4);
    (site, workspace)
}

/// Fails unless every photo has one of the model's texts.
fn all_filled(site: &FakeSite, model: &FakeModel) {
    let captions = model.captions();
    for (id, alt) in site.alts() {
        assert!(captions.contains(&alt), "{id}: {alt:?}");
    }
    assert_eq!(site.writes().len(), N);
}

#[test]
fn a_model_that_asks_for_patience_gets_it() {
    for model in [FakeModel::openai(), FakeModel::ollama()] {
        let (site, workspace) = library(&model);
        let busy = Fail::RateLimit(Some("1".to_owned()));
        model.script(When::chat().every(3), Act::fail(busy));
        let output = workspace.run(&["run", "--json"]).expect(0).counted();
        assert_eq!(output.ended(), "complete");
        all_filled(&site, &model);
        assert_eq!(workspace.tries(), 0);
        assert!(
            output.took >= Duration::from_secs(1),
            "it did not wait: {output}"
        );
    }
}

#[test]
fn an_outage_is_waited_out() {
    let refused: fn(&FakeModel) = |model| model.down_for(Duration::from_secs(3));
    let busy: fn(&FakeModel) = |model| {
        let window = When::chat().between(Duration::ZERO, Duration::from_secs(3));
        model.script(window, Act::fail(Fail::Overloaded));
    };
    for outage in [refused, busy] {
        let model = FakeModel::openai();
        let (site, workspace) = library(&model);
        model.latency(Duration::from_millis(100));
        let mut running = workspace.spawn(&["run", "--json"]);
        assert!(running.until(|| model.captions().len() >= 4));
        outage(&model);
        let output = running.wait().expect(0).counted();
        assert_eq!(output.ended(), "complete");
        all_filled(&site, &model);
        assert_eq!(workspace.tries(), 0);
    }
}

#[test]
fn an_outage_beyond_our_patience_ends_the_run_and_the_next_one_goes_on() {
    let model = FakeModel::openai();
    let (site, mut workspace) = library(&model);
    workspace.set("run.outage_patience", "2s");
    model.script(When::chat().from(6), Act::fail(Fail::Overloaded));
    let output = workspace.run(&["run", "--json"]).expect(4).counted();
    assert_eq!(output.ended(), "outage");
    assert_eq!(output.number("/failed"), 0);
    assert_eq!(output.number("/written"), 5);
    assert_eq!(output.number("/not_reached"), N as u64 - 5);
    assert_eq!(workspace.tries(), 0);
    model.behave();
    model.forget();
    let _ = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(model.count(), N - 5, "what was paid for is not asked again");
    assert_eq!(site.writes().len(), N);
}

#[test]
fn a_used_up_quota_ends_the_run_with_exit_4() {
    for model in [
        FakeModel::openai(),
        FakeModel::anthropic(),
        FakeModel::gemini(),
    ] {
        let (site, workspace) = library(&model);
        model.script(When::chat().from(6), Act::fail(Fail::Quota));
        let output = workspace.run(&["run", "--json"]).expect(4).counted();
        assert_eq!(output.ended(), "quota");
        assert_eq!(output.number("/written"), 5);
        assert_eq!(workspace.tries(), 0);
        assert!(
            model.count() <= 5 + 4,
            "a quota is not asked again and again"
        );
        model.behave();
        let _ = workspace.run(&["run", "--json"]).expect(0).counted();
        assert_eq!(site.writes().len(), N);
    }
}

#[test]
fn a_wrong_key_stops_the_run_at_once() {
    for model in [
        FakeModel::openai(),
        FakeModel::anthropic(),
        FakeModel::gemini(),
    ] {
        let (site, workspace) = library(&model);
        model.key("sk-another");
        let output = workspace.run(&["run", "--json"]).expect(1).counted();
        assert_eq!(output.ended(), "stopped");
        assert_eq!(output.number("/written"), 0);
        output.says(&["MODEL_KEY", "fake"]);
        assert!(!output.stderr.contains(MODEL_KEY));
        assert!(
            model.violations().len() <= 4,
            "every photo was tried with a bad key"
        );
        assert_eq!(workspace.tries(), 0);
        assert!(site.writes().is_empty());
    }
}

#[test]
fn a_model_that_is_not_there_stops_the_run_at_once() {
    for model in [FakeModel::openai(), FakeModel::ollama()] {
        let (_site, workspace) = library(&model);
        model.script(When::chat(), Act::fail(Fail::NoModel));
        let output = workspace.run(&["run", "--json"]).expect(1).counted();
        output.says(&["fake-vision"]);
        assert!(model.count() <= 4);
        assert_eq!(workspace.tries(), 0);
    }
}

#[test]
fn one_photo_that_a_model_cannot_read_does_not_stop_the_others() {
    let model = FakeModel::openai();
    let (site, workspace) = library(&model);
    let bad = site.ids()[7].clone();
    model.script(When::chat().text("page 0007"), Act::fail(Fail::BadImage));
    let output = workspace.run(&["run", "--json"]).expect(3).counted();
    assert_eq!(output.number("/failed"), 1);
    assert_eq!(output.number("/written"), N as u64 - 1);
    assert_eq!(site.alt(&bad), "");
    model.forget();
    let again = workspace.run(&["run", "--json"]).counted();
    let waits = again.number("/skipped/not_due") + again.number("/skipped/parked");
    assert_eq!(waits, 1, "{again}");
    assert_eq!(model.count(), 0);
}

#[test]
fn one_broken_reply_is_asked_again() {
    let breaks = [
        Act::reset(),
        Act::cut_in_headers(),
        Act::cut_in_body(),
        Act::default().by(Delivery::EndInBody),
        Act::half_body(),
        Act::fail(Fail::Internal),
        Act::reply(Reply::html(502)),
        Act::reply(Reply::html(200)),
        Act::reply(Reply::empty(504)),
    ];
    for act in breaks {
        let model = FakeModel::openai();
        let (site, workspace) = library(&model);
        model.script(When::chat().nth(3), act.clone());
        let output = workspace.run(&["run", "--json"]).counted();
        assert_eq!(output.code, Some(0), "{act:?}: {output}");
        all_filled(&site, &model);
        assert_eq!(model.count(), N + 1, "{act:?}");
    }
}

#[test]
fn a_model_that_never_answers_is_left_after_its_timeout() {
    for act in [Act::never(), Act::default().by(Delivery::StallInBody)] {
        let model = FakeModel::openai();
        let (site, mut workspace) = library(&model);
        workspace.set_model("fake", "limits", json!({"timeout": "6s"}));
        model.script(When::chat().nth(3), act);
        let _ = workspace.run(&["run", "--json"]).expect(0).counted();
        all_filled(&site, &model);
    }
}

#[test]
fn a_run_stays_within_its_budget() {
    let model = FakeModel::openai();
    let (site, mut workspace) = library(&model);
    // Some 600 tokens a call: a little over half a cent each.
    workspace.set_model("fake", "price", json!({"input": 10.0, "output": 10.0}));
    workspace.set("run.max_cost", 0.06);
    let output = workspace.run(&["run", "--json"]).expect(4).counted();
    assert_eq!(output.ended(), "budget");
    let cost = output.json()["cost_usd"]
        .as_f64()
        .expect("a priced model has a cost");
    assert!(cost > 0.0 && cost <= 0.06 + 4.0 * 0.02, "{cost}");
    assert!(!site.writes().is_empty() && site.writes().len() < N);
    assert_eq!(workspace.tries(), 0);
}

#[test]
fn a_deadline_ends_a_run_cleanly() {
    let model = FakeModel::openai();
    let (site, workspace) = library(&model);
    model.latency(Duration::from_millis(400));
    let output = workspace
        .run(&["run", "--json", "--deadline", "1s"])
        .expect(4)
        .counted();
    assert_eq!(output.ended(), "deadline");
    assert_eq!(
        model.captions().len(),
        model.count(),
        "replies in flight are awaited"
    );
    model.forget();
    model.latency(Duration::ZERO);
    let _ = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(
        model.count() as u64,
        N as u64 - output.number("/model_calls")
    );
    assert_eq!(site.writes().len(), N);
}
