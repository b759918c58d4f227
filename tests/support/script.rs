//! What a server is told to do wrong, and when.

use super::http::{Delivery, Reply};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Which kind of request is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    /// The site: reading one photo.
    Get,
    /// The site: changing one photo.
    Patch,
    /// The site: an image.
    Pixels,
    /// A model: one caption.
    Chat,
    /// Anything else.
    Other,
}

/// One request, as far as a script looks at it.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'a> {
    /// Its kind.
    pub(crate) place: Place,
    /// The photo it is about, where the address says so.
    pub(crate) photo: Option<&'a str>,
    /// Its text: a model's prompt, or the body of a change.
    pub(crate) text: &'a str,
    /// When it arrived.
    pub(crate) at: Instant,
}

/// Which requests a rule is for. Requests are counted from the moment the rule
/// was added, and only those that fit its place, photo, text and time.
#[derive(Clone, Debug, Default)]
pub(crate) struct When {
    place: Option<Place>,
    photo: Option<String>,
    text: Option<String>,
    window: Option<(Instant, Instant)>,
    first: Option<u64>,
    every: Option<u64>,
    nth_of_each_photo: Option<u64>,
    times: Option<u64>,
}

impl When {
    /// Every request.
    pub(crate) fn any() -> Self {
        Self::default()
    }

    /// Reading a photo's texts.
    pub(crate) fn get() -> Self {
        Self::at(Place::Get)
    }

    /// Changing a photo's texts.
    pub(crate) fn patch() -> Self {
        Self::at(Place::Patch)
    }

    /// Fetching an image.
    pub(crate) fn pixels() -> Self {
        Self::at(Place::Pixels)
    }

    /// Asking a model.
    pub(crate) fn chat() -> Self {
        Self::at(Place::Chat)
    }

    fn at(place: Place) -> Self {
        Self {
            place: Some(place),
            ..Self::default()
        }
    }

    /// Only this photo.
    #[must_use]
    pub(crate) fn photo(mut self, id: &str) -> Self {
        self.photo = Some(id.to_owned());
        self
    }

    /// Only requests whose prompt or body contains this.
    #[must_use]
    pub(crate) fn text(mut self, part: &str) -> Self {
        self.text = Some(part.to_owned());
        self
    }

    /// Only the n-th of them, from 1.
    #[must_use]
    pub(crate) fn nth(self, n: u64) -> Self {
        self.from(n).times(1)
    }

    /// The n-th and all that follow.
    #[must_use]
    pub(crate) fn from(mut self, n: u64) -> Self {
        self.first = Some(n);
        self
    }

    /// Every n-th of them.
    #[must_use]
    pub(crate) fn every(mut self, n: u64) -> Self {
        self.every = Some(n);
        self
    }

    /// The n-th request of each photo for itself.
    #[must_use]
    pub(crate) fn nth_of_each_photo(mut self, n: u64) -> Self {
        self.nth_of_each_photo = Some(n);
        self
    }

    /// At most so often.
    #[must_use]
    pub(crate) fn times(mut self, n: u64) -> Self {
        self.times = Some(n);
        self
    }

    /// Only in the time between `start` and `end`, both counted from now.
    #[must_use]
    pub(crate) fn between(mut self, start: Duration, end: Duration) -> Self {
        let now = Instant::now();
        self.window = Some((now + start, now + end));
        self
    }

    fn fits(&self, seen: &Seen<'_>) -> bool {
        self.place.is_none_or(|place| place == seen.place)
            && self
                .photo
                .as_deref()
                .is_none_or(|id| seen.photo == Some(id))
            && self
                .text
                .as_deref()
                .is_none_or(|part| seen.text.contains(part))
            && self
                .window
                .is_none_or(|(start, end)| start <= seen.at && seen.at < end)
    }
}

struct Rule<T> {
    when: When,
    what: T,
    fitting: u64,
    fitting_by_photo: HashMap<String, u64>,
    used: u64,
}

impl<T> Rule<T> {
    fn takes(&mut self, seen: &Seen<'_>) -> bool {
        if !self.when.fits(seen) {
            return false;
        }
        self.fitting += 1;
        let photo = seen.photo.unwrap_or_default().to_owned();
        let of_photo = self.fitting_by_photo.entry(photo).or_default();
        *of_photo += 1;
        let when = &self.when;
        let hit = when.first.is_none_or(|first| self.fitting >= first)
            && when
                .every
                .is_none_or(|every| self.fitting.is_multiple_of(every))
            && when.nth_of_each_photo.is_none_or(|nth| *of_photo == nth)
            && when.times.is_none_or(|times| self.used < times);
        self.used += u64::from(hit);
        hit
    }
}

/// Rules in the order in which they were added.
pub(crate) struct Rules<T>(Vec<Rule<T>>);

impl<T> Default for Rules<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Rules<T> {
    /// Adds a rule.
    pub(crate) fn add(&mut self, when: When, what: T) {
        self.0.push(Rule {
            when,
            what,
            fitting: 0,
            fitting_by_photo: HashMap::new(),
            used: 0,
        });
    }

    /// Forgets all rules.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The rules that take this request; every rule counts it.
    pub(crate) fn taken_by(&mut self, seen: &Seen<'_>) -> Vec<&mut T> {
        self.0
            .iter_mut()
            .filter_map(|rule| rule.takes(seen).then_some(&mut rule.what))
            .collect()
    }
}

/// What a model says in a reply that is no error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Say {
    /// This text, and that it is done.
    Text(String),
    /// This text, cut off by the output limit.
    Length(String),
    /// A refusal in the form the service has for it.
    Refusal(String),
    /// The provider's filter stopped it.
    Filtered,
    /// No text at all, although it is done.
    Empty,
}

/// An error that services document, in each service's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fail {
    /// Too many requests; the value of `retry-after`, where there is one.
    RateLimit(Option<String>),
    /// The money or the day's quota is used up.
    Quota,
    /// The key is wrong.
    BadKey,
    /// There is no such model.
    NoModel,
    /// The picture can't be read.
    BadImage,
    /// A setting is not supported.
    BadSetting(String),
    /// Too much to do (503, 529).
    Overloaded,
    /// Something broke inside (500).
    Internal,
}

/// What happens in place of a reply's usual content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Instead {
    /// Nothing: the request is handled as usual.
    #[default]
    Nothing,
    /// The request is not looked at.
    Unheard,
    /// This reply is sent, and nothing else happens.
    Reply(Reply),
    /// The usual reply's body is cut to half, in well-formed HTTP.
    HalfBody,
    /// A site accepts a change and doesn't make it.
    KeepOld,
    /// A model says this.
    Say(Say),
    /// A model fails like this.
    Fail(Fail),
}

/// What a server does with one request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Act {
    /// How long it waits first.
    pub(crate) delay: Duration,
    /// What it says in place of the usual.
    pub(crate) instead: Instead,
    /// How that travels.
    pub(crate) delivery: Delivery,
}

impl Act {
    fn instead(instead: Instead) -> Self {
        Self {
            instead,
            ..Self::default()
        }
    }

    fn delivered(delivery: Delivery) -> Self {
        Self {
            delivery,
            ..Self::default()
        }
    }

    /// As usual, only later.
    pub(crate) fn late(delay: Duration) -> Self {
        Self::default().after(delay)
    }

    /// This reply.
    pub(crate) fn reply(reply: Reply) -> Self {
        Self::instead(Instead::Reply(reply))
    }

    /// A model says this.
    pub(crate) fn say(say: Say) -> Self {
        Self::instead(Instead::Say(say))
    }

    /// A model says this text and is done.
    pub(crate) fn text(text: &str) -> Self {
        Self::say(Say::Text(text.to_owned()))
    }

    /// A model fails like this.
    pub(crate) fn fail(fail: Fail) -> Self {
        Self::instead(Instead::Fail(fail))
    }

    /// A site says yes and changes nothing.
    pub(crate) fn keep_old() -> Self {
        Self::instead(Instead::KeepOld)
    }

    /// Half of the usual JSON.
    pub(crate) fn half_body() -> Self {
        Self::instead(Instead::HalfBody)
    }

    /// The connection is reset before the request was looked at.
    pub(crate) fn reset() -> Self {
        Self {
            instead: Instead::Unheard,
            ..Self::delivered(Delivery::Reset)
        }
    }

    /// The request is done as usual, and then the connection is reset: the
    /// client can't know.
    pub(crate) fn lose_reply() -> Self {
        Self::delivered(Delivery::Reset)
    }

    /// Nothing ever comes.
    pub(crate) fn never() -> Self {
        Self {
            instead: Instead::Unheard,
            ..Self::delivered(Delivery::Never)
        }
    }

    /// The usual reply, cut in the headers.
    pub(crate) fn cut_in_headers() -> Self {
        Self::delivered(Delivery::CutInHeaders)
    }

    /// The usual reply, cut in the body.
    pub(crate) fn cut_in_body() -> Self {
        Self::delivered(Delivery::CutInBody)
    }

    /// The same after a wait.
    #[must_use]
    pub(crate) fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// The same, travelling in another way.
    #[must_use]
    pub(crate) fn by(mut self, delivery: Delivery) -> Self {
        self.delivery = delivery;
        self
    }
}
