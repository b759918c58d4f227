//! As an owner I name a second model, so that a night in which the first one is
//! down, used up or broken is not lost.

use crate::support::{Act, Fail, FakeModel, FakeSite, Output, When, Workspace};
use serde_json::{Value, json};
use std::time::Duration;

const N: usize = 24;

/// A library with a model `fake` and a `spare` one behind it.
fn library(spare: &FakeModel) -> (FakeSite, FakeModel, Workspace) {
    let (site, model) = (FakeSite::with_photos(N), FakeModel::openai());
    let mut workspace = Workspace::album(&site, &model);
    workspace.add_model("spare", spare);
    workspace.set("fallback", vec!["spare"]);
    workspace.set("run.concurrency", 4);
    workspace.set("run.outage_patience", "2s");
    (site, model, workspace)
}

/// Who wrote the texts that stand on the site, by photo.
fn writers(workspace: &Workspace) -> Vec<(String, String)> {
    let rows = workspace.rows(
        "SELECT photos.photo, writes.model FROM writes
         JOIN slots ON slots.id = writes.slot JOIN photos ON photos.id = slots.photo
         WHERE writes.state = 'confirmed' ORDER BY photos.photo",
    );
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    rows.iter()
        .map(|row| (text(&row["photo"]), text(&row["model"])))
        .collect()
}

fn share(output: &Output, model: &str) -> u64 {
    output.number(&format!("/models/{model}/generated"))
}

/// Nothing is left to do, and neither model is asked to find that out.
fn nothing_is_redone(workspace: &Workspace, site: &FakeSite, models: [&FakeModel; 2]) {
    site.forget();
    let before = models.map(FakeModel::count);
    for command in ["upgrade", "run"] {
        let output = workspace.run(&[command, "--json"]).expect(0).counted();
        assert_eq!(output.number("/model_calls"), 0, "{command}: {output}");
        assert!(site.writes().is_empty(), "{command}: {output}");
    }
    assert_eq!(models.map(FakeModel::count), before);
}

/// Twenty minutes against a patience of ten, in seconds.
#[test]
fn a_run_goes_on_with_the_fallback_when_an_outage_outlasts_our_patience() {
    for name in ["refused", "busy", "reset"] {
        let spare = FakeModel::ollama();
        let (site, model, workspace) = library(&spare);
        let outage = match name {
            "refused" => Act::late(Duration::from_secs(60)),
            "busy" => Act::fail(Fail::Overloaded),
            _ => Act::reset(),
        };
        model.script(When::chat().from(9), outage);
        let mut running = workspace.spawn(&["run", "--json"]);
        assert!(running.until(|| site.writes().len() >= 4 && model.count() >= 9));
        let down = model.calls()[8].started;
        if name == "refused" {
            model.down_for(Duration::from_secs(300));
        }
        let output = running.wait().expect(0).counted();
        assert_eq!(output.ended(), "complete", "{name}: {output}");
        assert_eq!(output.number("/written"), N as u64, "{name}: {output}");
        // The patience is 2 s; what comes on top is the machine's.
        let first = spare.calls()[0].started;
        let waited = first.saturating_duration_since(down);
        assert!(waited >= Duration::from_secs(1), "{name}: {waited:?}");
        assert!(waited < Duration::from_secs(20), "{name}: {waited:?}");
        // Both models' shares, in both forms of the summary and in the journal.
        let (own, others) = (share(&output, "fake"), share(&output, "spare"));
        assert!(own >= 4 && others > 0, "{name}: {output}");
        assert_eq!(own + others, N as u64, "{name}: {output}");
        let writers = writers(&workspace);
        let by_spare = writers.iter().filter(|(_, writer)| writer == "spare");
        assert_eq!(by_spare.count() as u64, others, "{name}");
        assert_eq!(workspace.tries(), 0, "{name}: no photo pays for an outage");
        let told = output.stderr.matches("giving up on fake").count();
        assert_eq!(told, 1, "{name}: once is enough: {output}");
        nothing_is_redone(&workspace, &site, [&model, &spare]);
    }
}

#[test]
fn the_first_model_is_used_again_by_the_next_run_and_not_before() {
    let spare = FakeModel::openai();
    let (site, model, workspace) = library(&spare);
    model.script(When::chat().times(16), Act::fail(Fail::Overloaded));
    spare.latency(Duration::from_millis(50));
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(share(&output, "spare"), N as u64, "{output}");
    let late = workspace.rows(
        "SELECT id FROM calls WHERE model = 'fake' AND sent_at > 1000 +
         (SELECT min(sent_at) FROM calls WHERE model = 'spare')",
    );
    assert!(
        late.is_empty(),
        "a model that was given up is not asked again in the same run: {late:?}"
    );
    model.behave();
    site.add_many(6);
    workspace.list(&site);
    let (old, new) = (model.count(), spare.count());
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/written"), 6);
    assert_eq!((model.count(), spare.count()), (old + 6, new));
    nothing_is_redone(&workspace, &site, [&model, &spare]);
}

#[test]
fn the_summary_for_people_tells_what_each_model_did() {
    let spare = FakeModel::openai();
    let (_site, model, workspace) = library(&spare);
    model.script(When::chat().from(6), Act::fail(Fail::Quota));
    let output = workspace.run(&["run"]).expect(0);
    let told = &output.stdout;
    assert!(told.contains(&format!("fake: 5 of {N} texts")), "{output}");
    let rest = N - 5;
    assert!(
        told.contains(&format!("spare: {rest} of {N} texts")),
        "{output}"
    );
}

#[test]
fn a_used_up_quota_goes_on_with_the_fallback_at_once() {
    for (model, name) in [
        (FakeModel::openai(), "openai"),
        (FakeModel::anthropic(), "anthropic"),
        (FakeModel::gemini(), "gemini"),
    ] {
        let (site, spare) = (FakeSite::with_photos(N), FakeModel::ollama());
        let mut workspace = Workspace::album(&site, &model);
        workspace.add_model("spare", &spare);
        workspace.set("fallback", vec!["spare"]);
        workspace.set("run.concurrency", 4);
        model.script(When::chat().from(6), Act::fail(Fail::Quota));
        let output = workspace.run(&["run", "--json"]).expect(0).counted();
        assert_eq!(share(&output, "fake"), 5, "{name}: {output}");
        assert_eq!(share(&output, "spare"), N as u64 - 5, "{name}: {output}");
        // Those in flight when the first one was refused; nobody after that.
        assert!(model.count() <= 5 + 4, "{name}: {} calls", model.count());
        assert_eq!(workspace.tries(), 0, "{name}");
        nothing_is_redone(&workspace, &site, [&model, &spare]);
    }
}

#[test]
fn a_chain_goes_on_to_its_last_model_and_then_stops_cleanly() {
    let (spare, last) = (FakeModel::ollama(), FakeModel::gemini());
    let (site, model, mut workspace) = library(&spare);
    workspace.add_model("last", &last);
    workspace.set("fallback", vec!["spare", "last"]);
    workspace.set("run.outage_patience", "1s");
    model.script(When::chat(), Act::fail(Fail::Overloaded));
    spare.script(When::chat().from(4), Act::fail(Fail::Internal));
    last.script(When::chat().from(7), Act::fail(Fail::Overloaded));
    let output = workspace.run(&["run", "--json"]).expect(4).counted();
    assert_eq!(output.ended(), "outage");
    assert_eq!(share(&output, "fake"), 0, "{output}");
    assert_eq!(share(&output, "spare"), 3, "{output}");
    assert_eq!(share(&output, "last"), 6, "{output}");
    assert_eq!(output.number("/failed"), 0, "{output}");
    assert_eq!(workspace.tries(), 0);
    for model in [&model, &spare, &last] {
        model.behave();
    }
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(share(&output, "fake"), N as u64 - 9, "{output}");
    assert_eq!(site.writes().len(), N);
}

/// A wait that is longer than the patience is not begun.
#[test]
fn a_model_that_asks_for_more_patience_than_there_is_is_left_at_once() {
    let spare = FakeModel::ollama();
    let (_site, model, mut workspace) = library(&spare);
    workspace.set("run.outage_patience", "1m");
    workspace.set_model("fake", "limits", json!({"concurrency": 1}));
    let busy = Fail::RateLimit(Some("3600".to_owned()));
    model.script(When::chat().from(4), Act::fail(busy));
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(share(&output, "fake"), 3, "{output}");
    assert_eq!(share(&output, "spare"), N as u64 - 3, "{output}");
    assert!(output.took < Duration::from_secs(40), "it waited: {output}");
    // One more may have been on its way when that was heard.
    assert!(matches!(model.count(), 4 | 5), "{}", model.count());
}
