//! Guesses how an API is to be described from one of its lists. Pure. Whatever
//! is not sure stays open: a person fills it in.

use super::walk::{
    ALTS, CAPTIONS, CHANGES, IDS, IMAGES, MIMES, TITLES, escaped, is_image, is_text, items, leaves,
    named,
};
use serde_json::{Map, Value};
use url::Url;

/// What a list of an API tells of it. Pointers are JSON pointers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guess {
    /// The path of the list, with the query but for what turns pages.
    pub path: String,
    /// The query but for what turns pages.
    pub query: Vec<(String, String)>,
    /// How it is cut into pages; `None` where nothing tells.
    pub paging: Option<Numbering>,
    /// Where the items are.
    pub items: String,
    /// Where an item's id is.
    pub id: Option<String>,
    /// The first item's id.
    pub first: Option<String>,
    /// Where the number of all items is.
    pub total: Option<String>,
    /// Where the alt text is.
    pub alt: Option<String>,
    /// Where the title is.
    pub title: Option<String>,
    /// Where the caption is.
    pub caption: Option<String>,
    /// Where the image's address is.
    pub image: Option<String>,
    /// Where the time of the last change is.
    pub changed: Option<String>,
    /// Where the kind of file is.
    pub mime: Option<String>,
    /// Whether title and caption are HTML.
    pub html: bool,
    /// Where a photo stands in a reply to a request for it; `None` where no such
    /// reply was seen.
    pub item: Option<String>,
}

/// How a list is cut into pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Numbering {
    /// By number, in these parameters of the query.
    Page {
        /// The number's.
        page: String,
        /// That of the items on a page.
        limit: Option<String>,
    },
    /// By the number of items before it.
    Offset {
        /// That number's.
        offset: String,
        /// That of the items on a page.
        limit: Option<String>,
    },
    /// Each reply has the address of the next one at this pointer.
    Next(String),
    /// Each reply has it in its `Link` header.
    Link,
    /// One reply has everything.
    None,
}

const PAGES: [&str; 4] = ["page", "p", "page_number", "pageNumber"];
const OFFSETS: [&str; 3] = ["offset", "skip", "start"];
const LIMITS: [&str; 8] = [
    "limit",
    "per_page",
    "perPage",
    "page_size",
    "pageSize",
    "size",
    "count",
    "take",
];
const NEXTS: [&str; 7] = [
    "/links/next/href",
    "/links/next",
    "/next",
    "/_links/next/href",
    "/meta/next",
    "/paging/next",
    "/pagination/next",
];
const TOTALS: [&str; 7] = [
    "/meta/pagination/total",
    "/meta/total",
    "/total",
    "/totalCount",
    "/total_count",
    "/pagination/total",
    "/count",
];

/// Reads a list; `None` where the document holds none.
pub(super) fn guess(url: &Url, document: &Value, link: Option<&str>) -> Option<Guess> {
    let (items, list) = items(document)?;
    let first = list.first()?;
    let leaves = leaves(first);
    let mut guess = Guess {
        path: url.path().to_owned(),
        items,
        ..Guess::default()
    };
    guess.learn_fields(&leaves);
    guess.learn_query(url, document, link);
    if guess
        .total
        .as_deref()
        .and_then(|at| document.pointer(at)?.as_u64())
        == Some(list.len() as u64)
        && guess.paging.is_none()
    {
        guess.paging = Some(Numbering::None);
    }
    Some(guess)
}

impl Guess {
    /// What could be guessed and what not, for a table.
    pub fn known(&self) -> Vec<(&'static str, Option<&str>)> {
        let paging = self.paging.as_ref().map(|paging| match paging {
            Numbering::Page { .. } => "by number",
            Numbering::Offset { .. } => "by offset",
            Numbering::Next(at) => at.as_str(),
            Numbering::Link => "in the Link header",
            Numbering::None => "one reply has all",
        });
        let one = self.item.as_deref().map(|_| "below the list, by its id");
        vec![
            (
                "items",
                Some(if self.items.is_empty() {
                    "the reply itself"
                } else {
                    &self.items
                }),
            ),
            ("pages", paging),
            ("id", self.id.as_deref()),
            ("one photo", one),
            ("alt text", self.alt.as_deref()),
            ("title", self.title.as_deref()),
            ("image", self.image.as_deref()),
        ]
    }

    fn learn_fields(&mut self, leaves: &[(String, &Value)]) {
        let at = |found: Option<&(String, &Value)>| found.map(|(at, _)| at.clone());
        let id = named(leaves, &IDS, |value| value.is_string() || value.is_u64());
        self.first = id.and_then(|(_, value)| match value {
            Value::String(text) => Some(text.clone()),
            other => other.as_u64().map(|number| number.to_string()),
        });
        self.id = at(id);
        self.alt = at(named(leaves, &ALTS, is_text));
        self.changed = at(named(leaves, &CHANGES, Value::is_string));
        self.mime = at(named(leaves, &MIMES, |value| {
            value
                .as_str()
                .is_some_and(|text| text.starts_with("image/"))
        }));
        self.image = at(named(leaves, &IMAGES, is_image))
            .or_else(|| at(leaves.iter().find(|(_, value)| is_image(value))));
        let title = named(leaves, &TITLES, is_text).filter(|(at, _)| Some(at) != self.alt.as_ref());
        let caption = named(leaves, &CAPTIONS, is_text);
        let is_html = |found: Option<&(String, &Value)>| {
            found
                .and_then(|(_, value)| value.as_str())
                .is_some_and(|text| text.contains("</"))
        };
        self.html = is_html(title) || is_html(caption);
        self.title = at(title);
        self.caption = at(caption);
    }

    fn learn_query(&mut self, url: &Url, document: &Value, link: Option<&str>) {
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let found = |names: &[&str]| {
            let mut pairs = pairs.iter().map(|(name, _)| name);
            pairs.find(|name| names.contains(&name.as_str())).cloned()
        };
        let limit = found(&LIMITS);
        self.total = TOTALS
            .iter()
            .find(|at| document.pointer(at).is_some_and(Value::is_u64))
            .map(ToString::to_string);
        let next = NEXTS.iter().find(|at| {
            document.pointer(at).is_some_and(|next| {
                next.as_str()
                    .is_some_and(|next| next.contains('/') || next.contains('?'))
            })
        });
        self.paging = if let Some(next) = next {
            Some(Numbering::Next((*next).to_owned()))
        } else if link
            .is_some_and(|link| link.contains("rel=\"next\"") || link.contains("rel=next"))
        {
            Some(Numbering::Link)
        } else if let Some(page) = found(&PAGES) {
            Some(Numbering::Page {
                page,
                limit: limit.clone(),
            })
        } else {
            found(&OFFSETS).map(|offset| Numbering::Offset {
                offset,
                limit: limit.clone(),
            })
        };
        let turns = |name: &String| match &self.paging {
            Some(Numbering::Page { page, limit }) => name == page || Some(name) == limit.as_ref(),
            Some(Numbering::Offset { offset, limit }) => {
                name == offset || Some(name) == limit.as_ref()
            }
            _ => false,
        };
        self.query = pairs
            .iter()
            .filter(|(name, _)| !turns(name))
            .cloned()
            .collect();
    }

    /// Learns from a request for the second page whether pages have numbers: a
    /// server that passes `page` over shows the same again.
    pub(super) fn learn_paging(&mut self, first: &Value, second: &Value) {
        let total = self
            .total
            .as_deref()
            .and_then(|at| first.pointer(at)?.as_u64());
        let here = first
            .pointer(&self.items)
            .and_then(Value::as_array)
            .map_or(0, Vec::len);
        let is_all = total.is_none_or(|total| total <= here as u64);
        if first == second {
            // There is more, and it is asked for in a way that nothing tells.
            self.paging = is_all.then_some(Numbering::None);
            return;
        }
        let list = second.pointer(&self.items).and_then(Value::as_array);
        let ids = |list: &[Value]| -> Vec<Value> {
            let id = self.id.as_deref().unwrap_or_default();
            list.iter()
                .filter_map(|item| item.pointer(id).cloned())
                .collect()
        };
        let before = first.pointer(&self.items).and_then(Value::as_array);
        if let (Some(list), Some(before)) = (list, before)
            && ids(list) != ids(before)
        {
            self.paging = Some(Numbering::Page {
                page: "page".to_owned(),
                limit: None,
            });
        } else if list.is_some() && is_all {
            self.paging = Some(Numbering::None);
        }
    }

    /// Where most APIs have one photo: below their list.
    pub(super) fn item_url(&self, base: &Url) -> Option<Url> {
        let first = self.first.as_deref()?;
        let mut url = base.clone();
        url.set_path(&self.path);
        url.set_query(None);
        url.path_segments_mut().ok()?.pop_if_empty().push(first);
        Some(url)
    }

    /// Learns from a reply for the first photo where it stands there.
    pub(super) fn learn_item(&mut self, document: &Value) {
        let Some(id) = &self.id else { return };
        let same = |value: &Value| match (value, &self.first) {
            (Value::String(text), Some(first)) => text == first,
            (Value::Number(number), Some(first)) => number.to_string() == *first,
            _ => false,
        };
        let at = |at: &str| document.pointer(&format!("{at}{id}")).is_some_and(same);
        let wraps = document.as_object().into_iter().flat_map(Map::keys);
        let mut places =
            std::iter::once(String::new()).chain(wraps.map(|name| format!("/{}", escaped(name))));
        let Some(place) = places.find(|place| at(place)) else {
            return;
        };
        // A photo by itself may tell more than its item in a list.
        if let Some(photo) = document.pointer(&place) {
            let known = self.clone();
            self.learn_fields(&leaves(photo));
            self.id = known.id;
            self.first = known.first;
            // The same pointers serve both.
            let both = |own: &mut Option<String>, listed: Option<String>| {
                if listed.is_some() {
                    *own = listed;
                }
            };
            both(&mut self.alt, known.alt);
            both(&mut self.title, known.title);
            both(&mut self.caption, known.caption);
            both(&mut self.image, known.image);
            both(&mut self.changed, known.changed);
            both(&mut self.mime, known.mime);
            self.html |= known.html;
        }
        self.item = Some(place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(url: &str, document: &Value) -> Guess {
        guess(&Url::parse(url).unwrap(), document, None).unwrap()
    }

    #[test]
    fn a_list_tells_where_things_are() {
        let document = json!({"result": {"items": [
            {"key": "k1", "file": {"href": "img/1.jpg"},
             "texts": {"heading": "<b>A</b> walk", "alternative": "", "by": "nobody"}}]}});
        let guess = read(
            "https://x.org/api/items?page=1&limit=25&kind=image",
            &document,
        );
        assert_eq!(guess.items, "/result/items");
        assert_eq!(guess.id.as_deref(), Some("/key"));
        assert_eq!(guess.first.as_deref(), Some("k1"));
        assert_eq!(guess.alt.as_deref(), Some("/texts/alternative"));
        assert_eq!(guess.title.as_deref(), Some("/texts/heading"));
        assert_eq!(guess.image.as_deref(), Some("/file/href"));
        assert!(guess.html);
        assert_eq!(guess.query, [("kind".to_owned(), "image".to_owned())]);
        assert_eq!(
            guess.paging,
            Some(Numbering::Page {
                page: "page".to_owned(),
                limit: Some("limit".to_owned())
            })
        );
    }

    #[test]
    fn what_is_not_there_stays_open() {
        let guess = read("https://x.org/photos", &json!([{"nr": 1, "label": "x"}]));
        assert_eq!(
            (guess.items.as_str(), guess.id, guess.alt, guess.image),
            ("", None, None, None)
        );
        assert_eq!(guess.paging, None);
        let none = super::guess(
            &Url::parse("https://x.org").unwrap(),
            &json!({"a": [1, 2]}),
            None,
        );
        assert_eq!(none, None);
    }

    #[test]
    fn pages_are_told_by_links_totals_or_a_second_page() {
        let list = json!([{"id": 1}]);
        for (document, paging) in [
            (
                json!({"data": list, "links": {"next": "/api?page=2"}}),
                Some(Numbering::Next("/links/next".to_owned())),
            ),
            (json!({"data": list, "total": 1}), Some(Numbering::None)),
            (json!({"data": list, "total": 9}), None),
        ] {
            assert_eq!(
                read("https://x.org/api", &document).paging,
                paging,
                "{document}"
            );
        }
        let more = json!({"data": list, "total": 9});
        let mut guess = read("https://x.org/api", &more);
        guess.learn_paging(&more, &more);
        assert_eq!(guess.paging, None, "there is more than this");
        let mut guess = read("https://x.org/api", &list);
        guess.learn_paging(&list, &list);
        assert_eq!(guess.paging, Some(Numbering::None));
        for second in [json!([{"id": 2}]), json!([])] {
            guess.learn_paging(&list, &second);
            let page = Numbering::Page {
                page: "page".to_owned(),
                limit: None,
            };
            assert_eq!(guess.paging, Some(page), "{second}");
        }
    }

    #[test]
    fn a_photo_by_itself_may_be_wrapped_and_tell_more() {
        let mut guess = read(
            "https://x.org/api/items/",
            &json!([{"id": 7, "title": "T"}]),
        );
        let base = Url::parse("https://x.org/").unwrap();
        assert_eq!(
            guess.item_url(&base).unwrap().as_str(),
            "https://x.org/api/items/7"
        );
        guess.learn_item(&json!({"data": {"id": 7, "title": "T", "alt": null}}));
        assert_eq!(guess.item.as_deref(), Some("/data"));
        assert_eq!(guess.alt.as_deref(), Some("/alt"));
        let mut other = read("https://x.org/api/items", &json!([{"id": 7}]));
        other.learn_item(&json!({"id": 8, "alt": "x"}));
        assert_eq!(other.item, None);
    }
}
