//! The tables of a description as they are written, and the checks between them.

use super::super::address::IdShape;
use super::super::body::{self, Uses};
use super::super::cleaning::{Escape, Step};
use super::super::paging::Paging;
use super::fields::{Place, Pointer, Pointers, Sources};
use super::request::{Headers, Keys, Method, Query, Request};
use super::{Auth, Description, Errors, Faulty, Image, TagMap};
use crate::config;
use serde::Deserialize;
use serde_json::Value;
use std::borrow::Cow;
use std::time::Duration;

/// Variables of a request for a page of the listing, beside none of a photo.
const OF_A_PAGE: [&str; 5] = ["page", "offset", "limit", "cursor", "since"];

/// Declares a table that holds the keys of a request, and others.
macro_rules! table_with_request {
    ($name:ident { $($(#[$meta:meta])* $field:ident: $type:ty,)* }) => {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $name {
            method: Option<Method>,
            url: Option<super::super::address::Template>,
            #[serde(default)]
            query: Query,
            #[serde(default)]
            headers: Headers,
            content_type: Option<String>,
            body: Option<Value>,
            $($(#[$meta])* $field: $type,)*
        }

        impl $name {
            fn request(
                &mut self,
                table: &str,
                usual: Method,
                known: &[&str],
            ) -> Result<Request, Faulty> {
                let url = self.url.take();
                let url = url.ok_or_else(|| "url is missing: where is it sent to?".to_owned());
                let keys = url.map(|url| Keys {
                    method: self.method,
                    url,
                    query: std::mem::take(&mut self.query),
                    headers: std::mem::take(&mut self.headers),
                    content_type: self.content_type.take(),
                    body: self.body.take(),
                });
                keys.and_then(|keys| Request::new(keys, usual, known))
                    .map_err(Faulty::at(table))
            }
        }
    };
}

table_with_request!(RawProbe {
    #[serde(default)]
    shows: Pointers,
});
table_with_request!(RawMayWrite {
    allows: Option<Method>,
    #[serde(default)]
    shows: Pointers,
});
table_with_request!(RawList {
    paging: Paging,
    #[serde(default = "one")]
    first: u64,
    #[serde(default = "hundred")]
    limit: u64,
    #[serde(default)]
    items: Option<Pointers>,
    id: Option<IdPointers>,
    next: Option<Place>,
    total: Option<Place>,
    pages: Option<Place>,
    overlap: Option<String>,
});
table_with_request!(RawRead {
    #[serde(default)]
    item: Option<Pointers>,
});
table_with_request!(RawUpdate {
    #[serde(default)]
    item: Option<Pointers>,
    #[serde(default)]
    confirm: Confirm,
    #[serde(default)]
    escape: Vec<Escape>,
    #[serde(default)]
    cleaning: Vec<Step>,
});

fn one() -> u64 {
    1
}

fn hundred() -> u64 {
    100
}

/// A request that works only with good credentials.
#[derive(Debug)]
pub(in super::super) struct Probe {
    /// The request.
    pub(in super::super) request: Request,
    /// What its reply shows only to those who are logged in.
    pub(in super::super) shows: Pointers,
}

/// A request that tells whether the credentials may write, and changes nothing.
#[derive(Debug)]
pub(in super::super) struct MayWrite {
    /// The request.
    pub(in super::super) request: Request,
    /// The method that its reply's `Allow` header lists for those who may.
    pub(in super::super) allows: Option<Method>,
    /// What its reply has, and not as `false`, for those who may.
    pub(in super::super) shows: Pointers,
}

/// The request that lists photos.
#[derive(Debug)]
pub(in super::super) struct List {
    /// How it is cut into pages.
    pub(in super::super) paging: Paging,
    /// The request for a page; `None` where ids come from outside.
    pub(in super::super) request: Option<Request>,
    /// The number of the first page.
    pub(in super::super) first: u64,
    /// Items a page at most.
    pub(in super::super) limit: u64,
    /// Where the items are.
    pub(in super::super) items: Pointers,
    /// Where the parts of an item's id are, in the order of the id.
    pub(in super::super) id: Vec<Pointers>,
    /// Where the next page's address or cursor is.
    pub(in super::super) next: Option<Place>,
    /// Where the number of all items is.
    pub(in super::super) total: Option<Place>,
    /// Where the number of all pages is.
    pub(in super::super) pages: Option<Place>,
    /// How much earlier than the last listing an incremental one begins.
    pub(in super::super) overlap: Duration,
}

/// The request that shows one photo.
#[derive(Debug)]
pub(in super::super) struct Read {
    /// The request.
    pub(in super::super) request: Request,
    /// Where the photo is in the reply.
    pub(in super::super) item: Pointers,
}

/// The request that changes one photo.
#[derive(Debug)]
pub(in super::super) struct Update {
    /// The request.
    pub(in super::super) request: Request,
    /// Where the photo is in the reply.
    pub(in super::super) item: Pointers,
    /// What shows that it was stored.
    pub(in super::super) confirm: Confirm,
    /// What is done to a text before it is sent.
    pub(in super::super) escape: Vec<Escape>,
    /// What the site does to a text before it stores it.
    pub(in super::super) cleaning: Vec<Step>,
}

/// What shows that an update was stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in super::super) enum Confirm {
    /// Its reply, where that shows the photo; otherwise a read.
    #[default]
    Reply,
    /// A read, whatever its reply shows.
    Read,
}

/// Where the texts are.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Fields {
    /// The alt text.
    pub(in super::super) alt: Sources,
    /// The title.
    #[serde(default)]
    pub(in super::super) title: Sources,
    /// The caption.
    #[serde(default)]
    pub(in super::super) caption: Sources,
    /// The album's name.
    #[serde(default)]
    pub(in super::super) album: Sources,
    /// When the photo was changed last.
    #[serde(default)]
    pub(in super::super) changed: Pointers,
    /// What kind of file it is; what is no image is passed over.
    #[serde(default)]
    pub(in super::super) mime: Pointers,
}

/// Where an item's id is: one pointer, or one for each part.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Value")]
enum IdPointers {
    Whole(Pointers),
    Parts(std::collections::BTreeMap<String, Pointers>),
}

impl TryFrom<Value> for IdPointers {
    type Error = String;

    fn try_from(raw: Value) -> Result<Self, String> {
        let Value::Object(parts) = raw else {
            return Pointers::try_from(raw).map(Self::Whole);
        };
        let pointers = |(name, value)| Ok((name, Pointers::try_from(value)?));
        let parts: Result<_, String> = parts.into_iter().map(pointers).collect();
        parts.map(Self::Parts)
    }
}

impl IdPointers {
    fn in_order(self, shape: &IdShape) -> Result<Vec<Pointers>, String> {
        let wanted = || format!("must have a pointer for each part of {}", shape.shown());
        match self {
            Self::Whole(pointers) if shape.parts() == 1 => Ok(vec![pointers]),
            Self::Whole(_) => Err(wanted()),
            Self::Parts(mut parts) => {
                let found: Option<Vec<Pointers>> =
                    shape.names().map(|name| parts.remove(name)).collect();
                found.filter(|_| parts.is_empty()).ok_or_else(wanted)
            }
        }
    }
}

/// Another list of the same reply, whose items belong to the photos.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Join {
    /// Where that list is.
    list: Pointer,
    /// Inside a photo: what names its partner.
    here: Pointer,
    /// Inside the partner: what it is named by.
    there: Pointer,
    /// The name under which the photo has its partner from then on.
    #[serde(rename = "as")]
    name: String,
}

impl Join {
    /// The item with its partner, where it has one.
    pub(super) fn add<'v>(&self, item: &'v Value, document: &Value) -> Cow<'v, Value> {
        let partner = self.here.find(item).and_then(|key| {
            let mut others = self.list.find(document)?.as_array()?.iter();
            others.find(|other| self.there.find(other) == Some(key))
        });
        match (partner, item) {
            (Some(partner), Value::Object(fields)) => {
                let mut whole = fields.clone();
                whole.insert(self.name.clone(), partner.clone());
                Cow::Owned(Value::Object(whole))
            }
            _ => Cow::Borrowed(item),
        }
    }
}

/// The whole description as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    #[serde(default)]
    id: IdShape,
    #[serde(default)]
    auth: Auth,
    probe: Option<RawProbe>,
    may_write: Option<RawMayWrite>,
    list: RawList,
    read: RawRead,
    update: RawUpdate,
    fields: Fields,
    image: Option<Image>,
    tag: Option<TagMap>,
    join: Option<Join>,
    #[serde(default)]
    errors: Errors,
}

impl Raw {
    pub(super) fn check(self) -> Result<Description, Faulty> {
        let Self {
            id,
            auth,
            probe,
            may_write,
            list,
            mut read,
            update,
            fields,
            image,
            tag,
            join,
            errors,
        } = self;
        auth.check().map_err(Faulty::at("auth"))?;
        let parts: Vec<&str> = id.variables().collect();
        let probe = match probe {
            Some(mut raw) => Some(Probe {
                request: raw.request("probe", Method::Get, &[])?,
                shows: raw.shows,
            }),
            None => None,
        };
        let may_write = match may_write {
            Some(mut raw) => Some(MayWrite {
                request: raw.request("may_write", Method::Get, &parts)?,
                allows: raw.allows,
                shows: raw.shows,
            }),
            None => None,
        };
        let read_request = read.request("read", Method::Get, &parts)?;
        check_fields(&fields, &parts)?;
        let (update, echoed) = check_update(update, &parts, tag.as_ref())?;
        let list = check_list(list, &id)?;
        for (key, request) in [
            ("probe", probe.as_ref().map(|probe| &probe.request)),
            ("may_write", may_write.as_ref().map(|look| &look.request)),
            ("list", list.request.as_ref()),
            ("read", Some(&read_request)),
        ] {
            check_body(request, key, &parts)?;
        }
        Ok(Description {
            auth,
            probe,
            may_write,
            list,
            read: Read {
                request: read_request,
                item: read.item.unwrap_or_else(whole),
            },
            update,
            fields,
            image,
            tag,
            errors,
            join,
            echoed,
            id,
        })
    }
}

/// The whole document.
fn whole() -> Pointers {
    Pointers(vec![Pointer::default()])
}

fn check_fields(fields: &Fields, parts: &[&str]) -> Result<(), Faulty> {
    for (key, sources) in [
        ("alt", &fields.alt),
        ("title", &fields.title),
        ("caption", &fields.caption),
        ("album", &fields.album),
    ] {
        let checked = sources.check(parts);
        checked.map_err(Faulty::at(&format!("fields.{key}")))?;
    }
    let at = Faulty::at("fields.alt");
    if fields.alt.pointers().next().is_none() {
        return Err(at("names no place inside the photo".to_owned()));
    }
    if fields.alt.has_html() {
        let why = "can't be HTML: what stands there is compared to the letter with what was \
                   written";
        return Err(at(why.to_owned()));
    }
    Ok(())
}

fn check_body(request: Option<&Request>, key: &str, parts: &[&str]) -> Result<(), Faulty> {
    let body = request.and_then(|request| request.body.as_ref());
    body.map_or(Ok(()), |body| {
        let known = [parts, &OF_A_PAGE].concat();
        let checked = body::check(body, &known, &[], &mut Uses::default());
        checked.map_err(Faulty::at(&format!("{key}.body")))
    })
}

fn check_update(
    mut raw: RawUpdate,
    parts: &[&str],
    tag: Option<&TagMap>,
) -> Result<(Update, Vec<Pointer>), Faulty> {
    let request = raw.request("update", Method::Patch, parts)?;
    let at = Faulty::at("update.body");
    let mut uses = Uses::default();
    let Some(body) = &request.body else {
        let why = "is missing: it says what is sent, such as { alt = \"{alt}\" }";
        return Err(at(why.to_owned()));
    };
    body::check(body, parts, &["alt", "tag"], &mut uses).map_err(&at)?;
    let has = |name: &str| uses.variables.iter().any(|other| other == name);
    if !has("alt") {
        return Err(at("says {alt} nowhere, so nothing would be written".into()));
    }
    match (has("tag"), tag.is_some()) {
        (false, true) => return Err(at("doesn't say {tag}, though there is a [tag] table".into())),
        (true, false) => return Err(at("says {tag}, and there is no [tag] table".into())),
        _ => {}
    }
    let pointers = uses.pointers.into_iter().map(Pointer::try_from);
    let echoed = pointers.collect::<Result<Vec<_>, _>>().map_err(at)?;
    let update = Update {
        request,
        item: raw.item.unwrap_or_else(whole),
        confirm: raw.confirm,
        escape: raw.escape,
        cleaning: raw.cleaning,
    };
    Ok((update, echoed))
}

fn check_list(mut raw: RawList, shape: &IdShape) -> Result<List, Faulty> {
    let lists = raw.paging != Paging::Manifest;
    let request = match raw.url {
        Some(_) if lists => Some(raw.request("list", Method::Get, &OF_A_PAGE)?),
        None if lists => {
            return Err(Faulty::at("list.url")("is missing".to_owned()));
        }
        _ => None,
    };
    let needs = |variable: &str| {
        let uses = |request: &Request| request.uses(variable);
        if request.as_ref().is_none_or(uses) {
            return Ok(());
        }
        let why = format!("needs {{{variable}}} in the query, the address or the body");
        Err(Faulty::at("list.paging")(why))
    };
    match raw.paging {
        Paging::Page => needs("page")?,
        Paging::Offset => needs("offset")?,
        Paging::Cursor => needs("cursor")?,
        _ => {}
    }
    if matches!(raw.paging, Paging::Next | Paging::Cursor) && raw.next.is_none() {
        let why = "is missing: where does a reply name the next page?";
        return Err(Faulty::at("list.next")(why.to_owned()));
    }
    let id = match raw.id {
        Some(id) => id.in_order(shape).map_err(Faulty::at("list.id"))?,
        None if lists => return Err(Faulty::at("list.id")("is missing".to_owned())),
        None => Vec::new(),
    };
    let overlap = raw.overlap.as_deref().map_or(Ok(Duration::ZERO), |text| {
        config::duration(text).map_err(Faulty::at("list.overlap"))
    })?;
    Ok(List {
        paging: raw.paging,
        request,
        first: raw.first,
        limit: raw.limit.max(1),
        items: raw.items.unwrap_or_else(whole),
        id,
        next: raw.next,
        total: raw.total,
        pages: raw.pages,
        overlap,
    })
}
