//! Trap 14, what providers' batches do to calls: results come in any order,
//! counts stay zero for a long time, everything may be lost, and a request is
//! known by its `custom_id` alone. altfill hands in no batches; what they would
//! need of a call holds for every call, and is checked here.

use crate::support::{Act, FakeModel, FakePhoto, FakeSite, Reply, When, Workspace};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

const N: usize = 12;

/// Photos whose titles tell them apart, so that a reply can be made for each.
fn library(model: &FakeModel) -> (FakeSite, Workspace) {
    let site = FakeSite::start();
    for n in 0..N {
        let photo = FakePhoto::new(&format!("Lantern {n} of the fair"));
        site.add(&format!("fair/2019 night, {n}"), photo);
    }
    let mut workspace = Workspace::album(&site, model);
    workspace.set("run.concurrency", i64::try_from(N).expect("a few"));
    (site, workspace)
}

fn caption(n: usize) -> String {
    format!("A paper lantern with {n} painted birds hangs over a street.")
}

/// The first request is answered last, and every text reaches its own photo.
#[test]
fn replies_in_any_order_reach_their_own_photos() {
    for model in [
        FakeModel::openai(),
        FakeModel::anthropic(),
        FakeModel::gemini(),
        FakeModel::ollama(),
    ] {
        let (site, workspace) = library(&model);
        for n in 0..N {
            let late = Duration::from_secs(if n < 3 { 5 } else { 0 });
            let when = When::chat().text(&format!("Lantern {n} of"));
            model.script(when, Act::text(&caption(n)).after(late));
        }
        let _ = workspace.run(&["run", "--json"]).expect(0).counted();
        for n in 0..N {
            assert_eq!(site.alt(&format!("fair/2019 night, {n}")), caption(n));
        }
        let calls = model.calls();
        let last_first = calls.windows(2).filter(|two| two[0].ended > two[1].ended);
        assert!(last_first.count() > 0, "the replies came in order");
    }
}

/// Whatever happens to a request, its record says which photo it was for, and
/// under a name that every batch API takes for a `custom_id`: 1 to 64 letters,
/// digits, `-` and `_`, unique. The photo's own id would not do.
#[test]
fn before_a_request_leaves_its_record_ties_a_fit_name_to_its_photo() {
    let model = FakeModel::anthropic();
    let (_site, workspace) = library(&model);
    model.script(When::chat(), Act::late(Duration::from_secs(60)));
    let mut running = workspace.spawn(&["run"]);
    assert!(running.until(|| model.count() == N));
    let _ = running.kill();
    let calls = workspace.rows(
        "SELECT CAST(calls.id AS TEXT) AS name, photos.photo, calls.model, calls.key
         FROM calls JOIN slots ON slots.id = calls.slot JOIN photos ON photos.id = slots.photo
         WHERE calls.state = 'sent'",
    );
    assert_eq!(calls.len(), N, "{calls:?}");
    let text = |call: &serde_json::Map<String, Value>, key: &str| {
        call[key].as_str().expect("a text").to_owned()
    };
    let fit = |name: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        (1..=64).contains(&name.len()) && name.chars().all(plain)
    };
    let names: BTreeSet<String> = calls.iter().map(|call| text(call, "name")).collect();
    let photos: BTreeSet<String> = calls.iter().map(|call| text(call, "photo")).collect();
    assert_eq!((names.len(), photos.len()), (N, N), "{calls:?}");
    assert!(names.iter().all(|name| fit(name)), "{names:?}");
    assert!(!photos.iter().any(|photo| fit(photo)), "{photos:?}");
    assert!(calls.iter().all(|call| !text(call, "key").is_empty()));
}

/// Counts of zero are counts that are not there yet: what was spent stays
/// unknown to the server, and is booked at its estimate.
#[test]
fn counts_of_zero_are_no_free_call() {
    let model = FakeModel::anthropic();
    let (_site, mut workspace) = library(&model);
    workspace.set_model("fake", "price", json!({"input": 10.0, "output": 10.0}));
    let body = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m",
        "content": [{"type": "text", "text": "A row of paper lanterns over a street."}],
        "stop_reason": "end_turn", "usage": {"input_tokens": 0, "output_tokens": 0}});
    model.script(When::chat(), Act::reply(Reply::json(200, &body)));
    let output = workspace.run(&["run", "--json", "--limit", "3"]).expect(0);
    let calls = workspace.rows("SELECT cost, estimate, input_tokens FROM calls");
    assert_eq!(calls.len(), 3);
    for call in &calls {
        assert!(
            call["cost"].as_f64().is_some_and(|cost| cost > 0.0),
            "{call:?}"
        );
        assert_eq!(call["cost"], call["estimate"]);
        assert_eq!(call["input_tokens"], Value::Null, "{call:?}");
    }
    assert!(
        output.json()["cost_usd"]
            .as_f64()
            .is_some_and(|cost| cost > 0.0)
    );
}
