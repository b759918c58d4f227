//! As someone who listens to a page I hear a plain description, and nothing
//! that a model says beside it.

use crate::support::{Act, FakeModel, FakePhoto, FakeSite, Output, Say, When, Workspace};
use serde_json::Value;

/// What becomes of a reply.
enum Fate {
    /// Published, as this text.
    Published(&'static str),
    /// Held, for this reason as the checkpoint names it.
    Held(&'static str),
}
use Fate::{Held, Published};

fn text(text: &str) -> Say {
    Say::Text(text.to_owned())
}

/// Runs one photo per reply, and checks what became of each.
fn check(model: &FakeModel, cases: &[(Say, Fate)]) -> Output {
    let site = FakeSite::start();
    for (n, (say, _)) in cases.iter().enumerate() {
        let title = format!("Summer walk {n:03}");
        site.add(&format!("walks/p{n:03}"), FakePhoto::new(&title));
        model.script(When::chat().text(&title), Act::say(say.clone()));
    }
    let workspace = Workspace::album(&site, model);
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    let reasons = workspace.rows(
        "SELECT photos.photo, drafts.reasons FROM drafts
         JOIN slots ON slots.id = drafts.slot JOIN photos ON photos.id = slots.photo",
    );
    for (n, (say, fate)) in cases.iter().enumerate() {
        let id = format!("walks/p{n:03}");
        match fate {
            Published(wanted) => assert_eq!(site.alt(&id), *wanted, "{say:?}"),
            Held(reason) => {
                assert_eq!(site.alt(&id), "", "{say:?} was published");
                let given = reasons
                    .iter()
                    .filter(|row| row["photo"] == id)
                    .filter_map(|row| row["reasons"].as_str());
                let given: Vec<&str> = given.collect();
                assert!(
                    given.iter().any(|all| all.contains(reason)),
                    "{say:?}: {given:?}"
                );
            }
        }
    }
    let held = cases
        .iter()
        .filter(|(_, fate)| matches!(fate, Held(_)))
        .count();
    assert_eq!(output.number("/held"), held as u64);
    // Held drafts are not made again, and don't fail a run.
    let before = model.count();
    let again = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(model.count(), before);
    assert_eq!(again.number("/skipped/held"), held as u64);
    output
}

#[test]
fn what_surrounds_a_caption_is_removed() {
    let dogs = "Two dogs run along a wet beach.";
    let around = [
        "\"Two dogs run along a wet beach.\"",
        "“Two dogs run along a wet beach.”",
        "Alt text: Two dogs run along a wet beach.",
        "Here is the alt text:\n\nTwo dogs run along a wet beach.",
        "**Two dogs run along a wet beach.**",
        "<think>The user wants alt text. Two dogs.</think>\n\nTwo dogs run along a wet beach.",
        "  Two dogs run\n along a   wet beach. ",
    ];
    let cases: Vec<(Say, Fate)> = around
        .iter()
        .map(|reply| (text(reply), Published(dogs)))
        .collect();
    check(&FakeModel::openai(), &cases);
}

#[test]
fn abbreviations_do_not_end_a_sentence_and_an_error_is_only_a_word() {
    let whole = [
        "The church of St. Magdalena stands below grey peaks.",
        "A poster for Dr. No hangs beside bus No. 5.",
        "A statue of J. S. Bach faces a tram stop.",
        "A screen shows the word error in red letters.",
    ];
    let cases: Vec<(Say, Fate)> = whole
        .iter()
        .map(|caption| (text(caption), Published(caption)))
        .collect();
    check(&FakeModel::openai(), &cases);
}

#[test]
fn what_must_not_be_published_is_held_with_its_reason() {
    let repeated = "A red boat lies on the sand. ".repeat(12);
    let cases = [
        (
            Say::Length("A long view over the bay with a number of".to_owned()),
            Held("cut_off"),
        ),
        (
            Say::Refusal("I can't help with that.".to_owned()),
            Held("refusal"),
        ),
        (
            text("I'm sorry, but I can't describe people in images."),
            Held("refusal"),
        ),
        (Say::Filtered, Held("refusal")),
        (Say::Empty, Held("empty")),
        (text("   \n "), Held("empty")),
        (
            text("A boat at https://example.org/boats on the water."),
            Held("url"),
        ),
        (
            text("A boat near 51.2194 N, 4.4025 E at sunset."),
            Held("coordinates"),
        ),
        (
            text("A <b>red</b> boat <img src=x onerror=alert(1)> on the water."),
            Held("markup"),
        ),
        (text(&repeated), Held("repetition")),
        (text("IMG_2041.JPG"), Held("placeholder")),
        (text("ERROR"), Held("placeholder")),
        (text("N/A"), Held("placeholder")),
        (text("None"), Held("placeholder")),
        (text("Untitled"), Held("placeholder")),
        (text("image"), Held("placeholder")),
        (
            text("A quiet harbour at dawn."),
            Published("A quiet harbour at dawn."),
        ),
    ];
    check(&FakeModel::openai(), &cases);
}

#[test]
fn several_options_are_not_guessed_between() {
    let options = "Option 1: A red boat on the sand.\nOption 2: A small boat lies on a beach.\nOption 3: A boat.";
    check(
        &FakeModel::openai(),
        &[(text(options), Held("several_options"))],
    );
}

#[test]
fn the_same_holds_for_every_wire_format() {
    for model in [
        FakeModel::ollama(),
        FakeModel::anthropic(),
        FakeModel::gemini(),
    ] {
        let cases = [
            (
                Say::Length("A long view over the".to_owned()),
                Held("cut_off"),
            ),
            (Say::Empty, Held("empty")),
            (
                text("A quiet harbour at dawn."),
                Published("A quiet harbour at dawn."),
            ),
        ];
        let output = check(&model, &cases);
        let used = output.number("/tokens/output");
        assert!(used > 0, "tokens are counted for drafts that are held, too");
        assert_eq!(
            output.json()["cost_usd"],
            Value::Null,
            "an unknown price is not zero"
        );
    }
}

#[test]
fn a_prompt_that_comes_back_is_not_published() {
    let (site, model) = (FakeSite::with_photos(1), FakeModel::openai());
    let workspace = Workspace::album(&site, &model);
    let _ = workspace.run(&["run", "--preview", "--json"]).expect(0);
    let prompt = model.calls()[0].prompt.clone();
    let site = FakeSite::with_photos(1);
    let workspace = Workspace::album(&site, &model);
    model.script(When::chat(), Act::text(&prompt));
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/held"), 1);
    assert_eq!(site.alts()[0].1, "");
}
