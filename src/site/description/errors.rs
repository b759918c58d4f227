//! What an answer means: by its status, by the code in its body, and by what the
//! description says of both.

use super::fields::{Pointer, Pointers, one_line};
use serde::Deserialize;
use serde_json::Value;

/// Where sites usually say in words what is wrong.
const USUAL_MESSAGES: [&str; 7] = [
    "/message",
    "/error/message",
    "/error",
    "/errors/0/message",
    "/errors/0/detail",
    "/detail",
    "/errors/0",
];

/// How a site says what is wrong.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Errors {
    /// Where it says so in words.
    #[serde(default)]
    message: Pointers,
    /// Where it says so in a code.
    #[serde(default)]
    code: Pointers,
    /// Where there is something only if a request failed, whatever the status
    /// says: GraphQL answers 200 with `errors`.
    #[serde(default)]
    present: Pointers,
    /// Answers that mean something else than their status.
    #[serde(default)]
    means: Vec<Override>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Override {
    status: Option<u16>,
    code: Option<Value>,
    is: Meaning,
}

/// What an answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in super::super) enum Meaning {
    /// It is what was asked for.
    Fine,
    /// It speaks of the credentials, or of this photo: to be found out.
    Refused,
    /// The credentials are missing or wrong.
    Auth,
    /// The credentials are good, and this is not allowed.
    Forbidden,
    /// There is no such photo.
    Missing,
    /// The request is refused for what it says.
    Invalid,
    /// It was not carried out, and may be tried again.
    Retry,
    /// The photo changed since it was read.
    Conflict,
    /// The page asked for lies behind the last one.
    End,
}

impl Meaning {
    /// Whether it speaks of what the credentials may do.
    pub(in super::super) fn is_refusal(self) -> bool {
        matches!(self, Self::Refused | Self::Auth | Self::Forbidden)
    }
}

impl Errors {
    /// What an answer with this status and body means.
    pub(in super::super) fn meaning(&self, status: u16, body: Option<&Value>) -> Meaning {
        if let Some(found) = self.overridden(status, body) {
            return found;
        }
        match status {
            200..=299 if body.is_some_and(|body| self.is_present(body)) => Meaning::Invalid,
            200..=299 => Meaning::Fine,
            401 | 403 => Meaning::Refused,
            404 | 410 => Meaning::Missing,
            409 | 412 => Meaning::Conflict,
            _ => Meaning::Invalid,
        }
    }

    /// Whether any answer can mean that it is to be asked for again, beyond what
    /// its status says.
    pub(in super::super) fn may_ask_again(&self) -> bool {
        self.means.iter().any(|rule| rule.is == Meaning::Retry)
    }

    /// What an error reply says in words, on one line.
    pub(in super::super) fn words(&self, reply: &Value) -> Option<String> {
        let mut described = self.message.0.iter().map(Pointer::as_str);
        let mut usual = USUAL_MESSAGES.into_iter();
        let find = |pointer: &str| reply.pointer(pointer)?.as_str().map(str::to_owned);
        let text = described.find_map(find).or_else(|| usual.find_map(find))?;
        let text = text.as_str();
        one_line(&super::super::html::to_text(text))
    }

    fn overridden(&self, status: u16, body: Option<&Value>) -> Option<Meaning> {
        let code = body.and_then(|body| self.code.find(body));
        let fits = |rule: &&Override| {
            let about = rule.status.is_some() || rule.code.is_some();
            about
                && rule.status.is_none_or(|wanted| wanted == status)
                && rule.code.as_ref().is_none_or(|wanted| code == Some(wanted))
        };
        self.means.iter().find(fits).map(|rule| rule.is)
    }

    fn is_present(&self, body: &Value) -> bool {
        let says = |pointer: &Pointer| match pointer.find(body) {
            None | Some(Value::Bool(false) | Value::Null) => false,
            Some(Value::Array(items)) => !items.is_empty(),
            Some(Value::Object(fields)) => !fields.is_empty(),
            Some(Value::String(text)) => !text.is_empty(),
            Some(_) => true,
        };
        self.present.0.iter().any(says)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn errors() -> Errors {
        serde_json::from_value(json!({
            "message": ["/errors/0/message", "/message"],
            "code": "/code",
            "present": "/errors",
            "means": [
                {"status": 400, "code": "past_the_end", "is": "end"},
                {"code": "busy", "is": "retry"},
                {"status": 418, "is": "auth"},
            ],
        }))
        .unwrap()
    }

    #[test]
    fn an_answer_means_what_its_status_says_unless_the_description_knows_better() {
        let errors = errors();
        let meaning = |status, body: Value| errors.meaning(status, Some(&body));
        for (status, expected) in [
            (200, Meaning::Fine),
            (204, Meaning::Fine),
            (400, Meaning::Invalid),
            (401, Meaning::Refused),
            (403, Meaning::Refused),
            (404, Meaning::Missing),
            (410, Meaning::Missing),
            (409, Meaning::Conflict),
            (413, Meaning::Invalid),
            (418, Meaning::Auth),
        ] {
            assert_eq!(meaning(status, json!({})), expected, "{status}");
            assert_eq!(errors.meaning(status, None), expected, "{status}");
        }
        assert_eq!(meaning(400, json!({"code": "past_the_end"})), Meaning::End);
        assert_eq!(
            meaning(404, json!({"code": "past_the_end"})),
            Meaning::Missing
        );
        assert_eq!(meaning(200, json!({"code": "busy"})), Meaning::Retry);
    }

    #[test]
    fn a_success_with_errors_in_it_is_none() {
        let errors = errors();
        let meaning = |body: Value| errors.meaning(200, Some(&body));
        assert_eq!(
            meaning(json!({"data": null, "errors": [{"message": "no"}]})),
            Meaning::Invalid
        );
        for body in [
            json!({"errors": []}),
            json!({"errors": null}),
            json!({"data": {}}),
        ] {
            assert_eq!(meaning(body.clone()), Meaning::Fine, "{body}");
        }
    }

    #[test]
    fn the_words_are_one_line_without_markup() {
        let words = |body: Value| errors().words(&body);
        assert_eq!(
            words(json!({"message": "<b>Sorry</b>,\n no &amp; no"})).as_deref(),
            Some("Sorry, no & no")
        );
        assert_eq!(words(json!({"message": true})), None);
    }
}
