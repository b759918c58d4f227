//! As somebody at a terminal I am asked before a text of a person is replaced,
//! and what I agreed to is what happens.

use crate::support::{
    FakeModel, FakePhoto, FakeSite, MODEL_KEY, SITE_TOKEN, Terminal, When, Workspace,
};
use serde_json::json;

const PHOTO: &str = "family/pier";
const BEFORE: &str = "My sister on the pier";

fn story() -> (FakeSite, FakeModel, Workspace) {
    let (site, model) = (FakeSite::start(), FakeModel::openai());
    site.add(PHOTO, FakePhoto::new("Pier").alt(BEFORE).verified(1));
    let workspace = Workspace::album(&site, &model);
    (site, model, workspace)
}

fn fix(workspace: &Workspace) -> Terminal {
    Terminal::start(
        workspace.directory(),
        &["--config", "pipeline.toml", "fix", PHOTO, "--replace-human"],
        &[("SITE_TOKEN", SITE_TOKEN), ("MODEL_KEY", MODEL_KEY)],
    )
}

#[test]
fn a_persons_text_is_shown_beside_the_new_one_and_replaced_after_a_yes() {
    let (site, model, workspace) = story();
    let mut terminal = fix(&workspace);
    terminal.shows("Replace the text");
    assert_eq!(site.alt(PHOTO), BEFORE);
    let drafted = model.captions().pop().expect("a caption was made");
    let screen = terminal.screen();
    assert!(
        screen.contains(BEFORE) && screen.contains(&drafted),
        "{screen}"
    );
    terminal.type_in("y\r");
    let (code, screen) = terminal.wait();
    assert_eq!(code, Some(0), "{screen}");
    assert_eq!(site.alt(PHOTO), drafted);
    assert_eq!(model.count(), 1, "what was shown is what is written");
}

#[test]
fn a_no_leaves_everything_as_it_is() {
    let (site, _model, workspace) = story();
    let mut terminal = fix(&workspace);
    terminal.shows("Replace the text");
    terminal.type_in("n\r");
    let (code, screen) = terminal.wait();
    assert_eq!(code, Some(0), "{screen}");
    assert_eq!(site.alt(PHOTO), BEFORE);
    assert_eq!(site.verified(PHOTO), Some(json!(1)));
    assert!(site.writes().is_empty());
}

#[test]
fn a_text_that_changed_while_the_question_was_open_is_not_replaced() {
    const MEANWHILE: &str = "My sister and her dog on the pier";
    let (site, _model, workspace) = story();
    let mut terminal = fix(&workspace);
    terminal.shows("Replace the text");
    site.edit_by_person(PHOTO, MEANWHILE, None);
    terminal.type_in("y\r");
    let (_, screen) = terminal.wait();
    assert_eq!(site.alt(PHOTO), MEANWHILE, "{screen}");
    assert!(site.writes().is_empty(), "{screen}");
    assert!(screen.contains("not the one that was shown"), "{screen}");
}

#[test]
fn even_at_the_last_moment_only_the_text_that_was_shown_is_replaced() {
    const MEANWHILE: &str = "My sister and her dog on the pier";
    let (site, _model, workspace) = story();
    let mut terminal = fix(&workspace);
    terminal.shows("Replace the text");
    // The image is fetched between the look and the write.
    site.edit_after(When::pixels(), PHOTO, MEANWHILE, None);
    terminal.type_in("y\r");
    let (_, screen) = terminal.wait();
    assert_eq!(site.alt(PHOTO), MEANWHILE, "{screen}");
    assert!(site.writes().is_empty(), "{screen}");
}

#[test]
fn whatever_is_no_yes_and_ctrl_c_too_leave_everything_as_it_is() {
    for answer in ["not yet\r", "\r", "\u{3}"] {
        let (site, _model, workspace) = story();
        let mut terminal = fix(&workspace);
        terminal.asks("Replace the text");
        terminal.type_in(answer);
        let (code, screen) = terminal.wait();
        assert!(
            code.is_some_and(|code| code == 0 || answer == "\u{3}"),
            "{code:?}: {screen}"
        );
        assert!(site.writes().is_empty(), "{answer:?}: {screen}");
    }
}
