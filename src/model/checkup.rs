//! Trying one model with one picture, outside of any run.

use super::fault::one_line;
use super::settings::output_cap;
use super::{Conversation, connect};
use crate::archive::{Ending, Finish, Reply, Unanswered, Usage, Usd};
use crate::config::{ModelEntry, Provider};
use std::time::Duration;
use tokio::time::Instant;

/// What came of trying a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkup {
    /// What the model said of the picture, or what is wrong and what to do.
    pub found: Result<String, String>,
    /// What a person should know although it answered.
    pub notes: Vec<String>,
    /// The model that answered, where the reply names it.
    pub answered: Option<String>,
    /// How long the answer took, loading included; zero where nothing was sent.
    pub took: Duration,
    /// Tokens, where the reply counts them.
    pub usage: Option<Usage>,
    /// What it cost as far as that is known. `None` where a call was made that
    /// has no known price; nothing sent costs nothing.
    pub cost: Option<Usd>,
}

impl Checkup {
    fn unsent(why: String) -> Self {
        Self {
            found: Err(why),
            notes: Vec::new(),
            answered: None,
            took: Duration::ZERO,
            usage: None,
            cost: Some(Usd::default()),
        }
    }

    fn ended(ending: Ending) -> Result<Reply, String> {
        match ending {
            Ending::Done(reply) => Ok(reply),
            Ending::RetryAfter(Some(wait), why) => {
                let seconds = wait.as_secs_f64().ceil();
                Err(format!("{why}; it wants to be asked again in {seconds} s"))
            }
            Ending::RetryAfter(None, why) => {
                Err(format!("{why}; it is busy: try again in a minute"))
            }
            Ending::Outage(why) | Ending::Photo(why) | Ending::Settings(why) => Err(why),
            Ending::Quota(why) => Err(format!("{why}; check the account's balance and limits")),
        }
    }
}

/// Asks an entry's model once. Its key is assumed to be set where it needs one;
/// nothing is recorded.
pub async fn checkup(entry: &ModelEntry, conversation: &Conversation) -> Checkup {
    let model = match connect(entry) {
        Ok(model) => model,
        Err(error) => return Checkup::unsent(error.to_string()),
    };
    let start = Instant::now();
    if let Err(ending) = model.warm_up().await {
        let why = Checkup::ended(ending).err().unwrap_or_default();
        return Checkup {
            took: start.elapsed(),
            ..Checkup::unsent(why)
        };
    }
    let price = |usage: Usage| entry.price.map(|price| price.of(usage));
    let reply = match model.send(conversation).await {
        Ok(reply) => reply,
        Err(unanswered) => {
            let cost = match &unanswered {
                Unanswered::NotSent(_) => Some(Usd::default()),
                // It may have been paid for.
                Unanswered::Lost(_) => price(model.estimate(conversation)),
            };
            return Checkup {
                took: start.elapsed(),
                cost,
                ..Checkup::unsent(unanswered.to_string())
            };
        }
    };
    let took = start.elapsed();
    match Checkup::ended(model.judge(&reply)) {
        Ok(reply) => Checkup {
            cost: reply.usage.and_then(price),
            notes: notes(entry, &reply),
            found: judged(entry, &reply),
            answered: reply.model.clone(),
            took,
            usage: reply.usage,
        },
        Err(why) => Checkup {
            took,
            ..Checkup::unsent(why)
        },
    }
}

/// An answer without a word in it is none.
fn judged(entry: &ModelEntry, reply: &Reply) -> Result<String, String> {
    let text = one_line(reply.text.trim());
    if text.chars().any(char::is_alphanumeric) {
        return Ok(text);
    }
    let name = &entry.name;
    Err(match reply.finish {
        Finish::Length => out_of_tokens(entry, None),
        Finish::Refused => "it refused to describe a drawn house on a meadow".to_owned(),
        Finish::Stop => format!("its answer is empty; is `model` of `{name}` a vision model?"),
    })
}

/// What is said of a reply that ended at its cap before the first word.
/// `cap` is that of the call, where it is another than the entry's.
pub fn out_of_tokens(entry: &ModelEntry, cap: Option<u32>) -> String {
    let cap = cap.unwrap_or_else(|| output_cap(entry));
    format!(
        "it used all of its {cap} tokens and said nothing; raise `max_tokens` in `settings` of \
         `{}`, or switch its thinking off",
        entry.name
    )
}

/// Things that the test picture shows, a red house on a meadow under the sun,
/// as any model that sees would call one of them.
const SHOWN: &[&str] = &[
    "house", "home", "building", "barn", "cottage", "cabin", "hut", "roof", "door", "window",
    "sun", "sky", "grass", "meadow", "lawn", "field", "hill", "red", "green", "blue",
];

fn notes(entry: &ModelEntry, reply: &Reply) -> Vec<String> {
    let mut notes = Vec::new();
    if reply.finish == Finish::Length {
        notes.push(format!(
            "cut off at its cap of {} tokens: raise `max_tokens`",
            output_cap(entry)
        ));
    }
    let text = reply.text.to_lowercase();
    let told = SHOWN.iter().any(|thing| text.contains(thing));
    // An own prompt may ask for another language, or for anything else.
    if entry.prompt.is_none() && entry.provider != Provider::Embedded && !told {
        notes.push(
            "it names nothing of the test picture, a red house on a meadow: does it see?"
                .to_owned(),
        );
    }
    notes
}
