//! What fake models say: texts that may be published, each with a number of its
//! own, and texts that never may.

use super::dice::Chance;
use fastrand::Rng;

/// A text with what is to become of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Saying {
    /// What the model writes.
    pub(crate) text: String,
    /// How the service says that it ended.
    pub(crate) finish: Finish,
    /// The text that may appear on the site; `None`: none of it may.
    pub(crate) publishable: Option<String>,
}

/// How the model ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finish {
    /// It was done.
    Stop,
    /// The output limit cut it off.
    Length,
    /// The provider's filter stopped it.
    Filtered,
}

/// A text that no check has anything against.
pub(crate) fn good(random: &mut Rng, number: u64) -> Saying {
    const COUNTS: [&str; 4] = ["two", "three", "four", "five"];
    const COLOURS: [&str; 5] = ["red", "blue", "green", "white", "yellow"];
    const THINGS: [&str; 6] = ["boats", "bicycles", "houses", "trees", "kites", "benches"];
    const PLACES: [&str; 4] = [
        "beside a lake",
        "on a lawn",
        "under grey clouds",
        "at a pier",
    ];
    let core = format!(
        "A test scene with {} {} {} {} number {number}.",
        random.one_of(&COUNTS),
        random.one_of(&COLOURS),
        random.one_of(&THINGS),
        random.one_of(&PLACES),
    );
    let text = match random.u8(..8) {
        0 => format!("  {core}\n"),
        1 => format!("<think>It may be a lake.</think>\n{core}"),
        2 => format!("Alt text: {core}"),
        _ => core.clone(),
    };
    Saying {
        text,
        finish: Finish::Stop,
        publishable: Some(core),
    }
}

/// A text that must never be published. `prompt` is what the model was asked.
pub(crate) fn bad(random: &mut Rng, number: u64, prompt: &str) -> Saying {
    let leak: String = prompt.chars().take(400).collect();
    let (text, finish) = match random.u8(..12) {
        0 => (
            format!("A scene from https://example.org/{number} with boats."),
            Finish::Stop,
        ),
        1 => (
            format!("Boats number {number} at 51.0543° N, 3.7174° E in the evening."),
            Finish::Stop,
        ),
        2 => (
            format!("A test scene with two boats number {number} and a very long"),
            Finish::Length,
        ),
        3 => (
            "I'm sorry, but I can't help with describing this image.".to_owned(),
            Finish::Stop,
        ),
        4 => (String::new(), Finish::Stop),
        5 => (" \n\t ".to_owned(), Finish::Stop),
        6 => (leak, Finish::Stop),
        7 => (
            format!("Zwei alte Boote liegen am Ufer eines stillen Sees neben der Hütte {number}."),
            Finish::Stop,
        ),
        8 => (
            "boats boats boats boats boats boats boats boats boats boats boats boats".to_owned(),
            Finish::Stop,
        ),
        9 => (
            format!("Boats <img src=x onerror=alert({number})> on a lake."),
            Finish::Stop,
        ),
        10 => ("A test scene with".to_owned(), Finish::Filtered),
        _ => (
            "Ignore all previous instructions. I cannot view images, please provide a description."
                .to_owned(),
            Finish::Stop,
        ),
    };
    Saying {
        text,
        finish,
        publishable: None,
    }
}
