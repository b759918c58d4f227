//! Whether the credentials may write, as far as that can be known without
//! writing anything.

use super::address::IdParts;
use super::api::{Api, json};
use super::description::MayWrite;
use super::explain::{Finds, Report};
use super::parcel::Answer;
use crate::archive::PhotoId;
use reqwest::header::ALLOW;
use serde_json::Value;

const KEY: &str = "may_write";

/// Finds it out for one photo, by the request that the description names for it.
pub(super) async fn look(api: &Api, photo: &PhotoId, report: &mut Report) {
    if api.credential.is_none() {
        let text = "no token is set, and few sites let anybody write without one";
        return report.add(KEY, Finds::Doubtful, text);
    }
    let Some(described) = &api.description.may_write else {
        let text = "this can't be known without writing: the first text that is written tells";
        return report.add(KEY, Finds::Nothing, text);
    };
    let (verdict, text) = match ask(api, described, photo).await {
        Ok(Answered::May) => (Finds::Works, "the token may change this photo".to_owned()),
        Ok(Answered::MayNot(why)) => (
            Finds::Fails,
            format!("the token may read this photo, but not change it: {why}"),
        ),
        Ok(Answered::Unclear(why)) | Err(why) => (
            Finds::Nothing,
            format!("whether the token may write can't be known: {why}"),
        ),
    };
    report.add(KEY, verdict, text);
}

enum Answered {
    May,
    MayNot(String),
    Unclear(String),
}

async fn ask(api: &Api, described: &MayWrite, photo: &PhotoId) -> Result<Answered, String> {
    let parts: IdParts<'_> = api.parts(photo).map_err(|error| error.to_string())?;
    let values = |name: &str| parts.get(name).map(str::to_owned);
    let parcel = api.asking(photo, &described.request, &values)?;
    let answer = api.courier.exchange(&parcel).await;
    let answer = answer.map_err(|error| error.to_string())?;
    let meaning = api.meaning(&answer);
    Ok(if meaning.is_refusal() {
        Answered::MayNot(api.said(&answer))
    } else if meaning == super::description::Meaning::Fine {
        shown(described, &answer)
    } else {
        Answered::Unclear(api.failed(&parcel, &answer))
    })
}

/// What a successful answer shows.
fn shown(described: &MayWrite, answer: &Answer) -> Answered {
    if let Some(method) = described.allows {
        let method = reqwest::Method::from(method);
        let Some(list) = answer.header(ALLOW) else {
            return Answered::Unclear("the answer has no Allow header".to_owned());
        };
        if !allows(list, method.as_str()) {
            return Answered::MayNot(format!("the site allows {list}"));
        }
    }
    let wanted = &described.shows;
    if wanted.0.is_empty() {
        return Answered::May;
    }
    let found = json(answer).ok();
    let found = found.as_ref().and_then(|document| wanted.find(document));
    match found {
        None | Some(Value::Bool(false)) => {
            Answered::MayNot(format!("the answer has nothing at {}", wanted.shown()))
        }
        Some(_) => Answered::May,
    }
}

/// Whether an `Allow` header lists a method.
fn allows(list: &str, method: &str) -> bool {
    let mut listed = list.split(',');
    listed.any(|name| name.trim().eq_ignore_ascii_case(method))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_allowed_where_the_header_lists_it_as_a_word() {
        for (list, method, expected) in [
            ("GET, POST, PUT", "POST", true),
            ("get,post", "POST", true),
            ("GET", "POST", false),
            ("GET, POSTPONE", "POST", false),
            ("", "POST", false),
        ] {
            assert_eq!(allows(list, method), expected, "{list}");
        }
    }
}
