//! Through the pages of a listing: which one to ask for next, and when the last
//! one was read. Pure; nothing is sent from here.
//!
//! A short page never ends a listing, since a site may leave out of a page what
//! the reader may not see. It ends with an empty page, a missing link, the total
//! that the site names, or an error that the description calls the end.

use serde::Deserialize;
use std::collections::HashSet;

/// How a listing is cut into pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Paging {
    /// By number: `{page}`.
    Page,
    /// By the number of items before it: `{offset}`.
    Offset,
    /// Each reply has the address of the next one.
    Next,
    /// Each reply has it in its `Link` header.
    Link,
    /// Each reply has a word that stands for the next one: `{cursor}`.
    Cursor,
    /// One reply has everything.
    None,
    /// The site lists nothing: ids come from outside.
    Manifest,
}

/// What the next request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ask {
    /// The number of the page.
    pub(super) page: u64,
    /// Items before it.
    pub(super) offset: u64,
    /// The word for it, or its address, where a reply gave one.
    pub(super) token: Option<String>,
}

/// What a page showed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    /// Items on it, unusable ones included.
    pub(super) items: u64,
    /// Stands for its content: equal for two pages with the same ids.
    pub(super) content: u64,
    /// Items of the whole listing.
    pub(super) total: Option<u64>,
    /// Pages of the whole listing.
    pub(super) pages: Option<u64>,
    /// The word for the next page, or its address.
    pub(super) next: Option<String>,
}

/// Where a listing stands.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    paging: Paging,
    first: u64,
    limit: u64,
    page: u64,
    offset: u64,
    token: Option<String>,
    /// Items on the fullest page so far.
    size: u64,
    total: Option<u64>,
    /// Pages up to this one are read for a second time.
    again_until: u64,
    /// How often the listing ended before its time.
    cut_short: u32,
    contents: HashSet<u64>,
    tokens: HashSet<String>,
}

/// How often a listing that ends before its time is gone back in.
const CUT_SHORT: u32 = 3;

/// What to do after a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Ask for another one.
    More,
    /// That was all.
    End,
}

impl Progress {
    /// Before the first page, which has the number `first`; a page is asked to
    /// have `limit` items.
    pub(super) fn new(paging: Paging, first: u64, limit: u64) -> Self {
        Self {
            paging,
            first,
            limit: limit.max(1),
            page: first,
            offset: 0,
            token: None,
            size: 0,
            total: None,
            again_until: 0,
            cut_short: 0,
            contents: HashSet::new(),
            tokens: HashSet::new(),
        }
    }

    /// What to ask for.
    pub(super) fn ask(&self) -> Ask {
        Ask {
            page: self.page,
            offset: self.offset,
            token: self.token.clone(),
        }
    }

    /// How the page that is asked for is called, for messages.
    pub(super) fn shown(&self) -> String {
        match self.paging {
            Paging::Offset => format!("the page at offset {}", self.offset),
            Paging::Page => format!("page {}", self.page),
            _ => format!("page {}", self.tokens.len() + 1),
        }
    }

    /// Takes note of a page.
    ///
    /// # Errors
    /// Why the listing can't be what it should be: it goes in circles.
    pub(super) fn after(&mut self, page: Page) -> Result<Next, String> {
        let numbered = matches!(self.paging, Paging::Page | Paging::Offset);
        if numbered && page.items > 0 {
            let position = self.position();
            let again = position <= self.again_until;
            if !self.contents.insert(page.content) && !again {
                return Err(format!(
                    "{} has the same items as an earlier one: the site takes no notice of what \
                     is asked for",
                    self.shown()
                ));
            }
        }
        self.size = self.size.max(page.items);
        match self.paging {
            Paging::None | Paging::Manifest => Ok(Next::End),
            Paging::Next | Paging::Link | Paging::Cursor => self.follow(page.next),
            Paging::Page | Paging::Offset => Ok(self.count(&page)),
        }
    }

    /// Takes note that the site calls what was asked for beyond its end. If it
    /// had promised more, items were deleted, and others moved forward onto pages
    /// that were read already: the last one is read again, to see how many.
    pub(super) fn beyond(&mut self) -> Next {
        let position = self.position();
        let promised = self.total.is_some_and(|total| match self.paging {
            Paging::Offset => self.offset < total,
            _ => (position - 1) * self.size.max(1) < total,
        });
        if !promised || position <= 1 || self.cut_short >= CUT_SHORT {
            return Next::End;
        }
        self.cut_short += 1;
        self.again_until = self.again_until.max(position);
        match self.paging {
            Paging::Offset => self.offset = self.offset.saturating_sub(self.size),
            _ => self.page -= 1,
        }
        Next::More
    }

    fn follow(&mut self, next: Option<String>) -> Result<Next, String> {
        let Some(next) = next.filter(|next| !next.is_empty()) else {
            return Ok(Next::End);
        };
        if !self.tokens.insert(next.clone()) {
            return Err(format!("{} leads back to an earlier one", self.shown()));
        }
        self.token = Some(next);
        Ok(Next::More)
    }

    /// Items up to and with the page that was read.
    fn position(&self) -> u64 {
        match self.paging {
            Paging::Offset => self.offset,
            _ => self.page - self.first + 1,
        }
    }

    fn count(&mut self, page: &Page) -> Next {
        let gone = match (self.total, page.total) {
            (Some(before), Some(now)) => before.saturating_sub(now),
            _ => 0,
        };
        self.total = page.total;
        if gone > 0 {
            // Items behind the deleted ones moved forward, onto pages that were
            // read already.
            self.go_back(gone);
            return Next::More;
        }
        let end = match self.paging {
            Paging::Offset => self.count_items(page),
            _ => self.count_pages(page),
        };
        if end { Next::End } else { Next::More }
    }

    fn go_back(&mut self, gone: u64) {
        self.again_until = self.again_until.max(self.position());
        if self.paging == Paging::Offset {
            self.offset = self.offset.saturating_sub(gone);
        } else {
            let back = gone.div_ceil(self.size.max(1));
            self.page = self.page.saturating_sub(back).max(self.first);
        }
    }

    fn count_items(&mut self, page: &Page) -> bool {
        let step = if page.items == 0 {
            self.limit
        } else {
            page.items
        };
        self.offset += step;
        page.total
            .map_or(page.items == 0, |total| self.offset >= total)
    }

    fn count_pages(&mut self, page: &Page) -> bool {
        let read = self.position();
        self.page += 1;
        if let Some(pages) = page.pages {
            return read >= pages;
        }
        // A site may give fewer items a page than it is asked for.
        let size = if page.items == 0 {
            self.limit
        } else {
            self.size
        };
        page.total
            .map_or(page.items == 0, |total| read * size >= total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::hash::{DefaultHasher, Hash, Hasher};

    /// A site whose list changes while it is read.
    struct Site {
        ids: Vec<u64>,
        most: usize,
        says: Says,
        /// Whether asking beyond the end is an error.
        strict: bool,
    }

    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Says {
        Nothing,
        Total,
        Pages,
    }

    impl Site {
        fn page(&self, from: usize, limit: usize) -> (Vec<u64>, Page) {
            let limit = limit.min(self.most);
            let ids: Vec<u64> = self.ids.iter().skip(from).take(limit).copied().collect();
            let mut hasher = DefaultHasher::new();
            ids.hash(&mut hasher);
            let page = Page {
                items: ids.len() as u64,
                content: hasher.finish(),
                total: (self.says != Says::Nothing).then_some(self.ids.len() as u64),
                pages: (self.says == Says::Pages).then(|| self.ids.len().div_ceil(limit) as u64),
                next: None,
            };
            (ids, page)
        }
    }

    fn walk(
        site: &mut Site,
        paging: Paging,
        limit: usize,
        mut change: impl FnMut(usize, &mut Vec<u64>),
    ) -> (Vec<u64>, usize) {
        let mut progress = Progress::new(paging, 1, limit as u64);
        let (mut found, mut requests) = (Vec::new(), 0);
        loop {
            assert!(requests < 1000, "a listing ends");
            let ask = progress.ask();
            let from = match paging {
                Paging::Page => (ask.page as usize - 1) * limit.min(site.most),
                _ => ask.offset as usize,
            };
            let (ids, page) = site.page(from, limit);
            requests += 1;
            let beyond = site.strict && ids.is_empty() && from > 0;
            found.extend(ids);
            change(requests, &mut site.ids);
            if beyond {
                if progress.beyond() == Next::End {
                    return (found, requests);
                }
                continue;
            }
            if progress.after(page).unwrap() == Next::End {
                return (found, requests);
            }
        }
    }

    fn site(n: u64, says: Says) -> Site {
        Site {
            ids: (1..=n).collect(),
            most: 50,
            says,
            strict: false,
        }
    }

    #[test]
    fn a_total_spares_the_request_behind_the_end() {
        for paging in [Paging::Page, Paging::Offset] {
            for (says, requests) in [(Says::Total, 3), (Says::Pages, 3), (Says::Nothing, 4)] {
                let (found, asked) = walk(&mut site(120, says), paging, 50, |_, _| {});
                assert_eq!(found, (1..=120).collect::<Vec<u64>>());
                assert_eq!(asked, requests, "{paging:?} {says:?}");
            }
        }
    }

    #[test]
    fn a_page_that_is_shorter_than_asked_for_ends_nothing() {
        for says in [Says::Nothing, Says::Total] {
            for paging in [Paging::Page, Paging::Offset] {
                let (found, _) = walk(&mut site(120, says), paging, 100, |_, _| {});
                assert_eq!(found.len(), 120, "{paging:?} {says:?}");
            }
        }
    }

    #[test]
    fn an_empty_page_in_the_middle_ends_nothing_where_the_total_is_known() {
        let mut progress = Progress::new(Paging::Page, 1, 10);
        let page = |items, content| Page {
            items,
            content,
            total: Some(30),
            ..Page::default()
        };
        assert_eq!(progress.after(page(10, 1)), Ok(Next::More));
        assert_eq!(progress.after(page(0, 2)), Ok(Next::More));
        assert_eq!(progress.after(page(10, 3)), Ok(Next::End));
    }

    #[test]
    fn a_site_that_ignores_the_page_is_told() {
        let mut progress = Progress::new(Paging::Page, 1, 10);
        let page = Page {
            items: 10,
            content: 7,
            ..Page::default()
        };
        assert_eq!(progress.after(page.clone()), Ok(Next::More));
        let error = progress.after(page).unwrap_err();
        assert!(error.starts_with("page 2 has the same items"), "{error}");
    }

    #[test]
    fn links_are_followed_until_there_is_none_and_never_in_circles() {
        for paging in [Paging::Next, Paging::Link, Paging::Cursor] {
            let mut progress = Progress::new(paging, 1, 10);
            let to = |next: Option<&str>| Page {
                next: next.map(str::to_owned),
                ..Page::default()
            };
            assert_eq!(progress.after(to(Some("a"))), Ok(Next::More));
            assert_eq!(progress.ask().token.as_deref(), Some("a"));
            let mut ended = progress.clone();
            assert_eq!(ended.after(to(None)), Ok(Next::End));
            assert!(progress.after(to(Some("a"))).is_err());
        }
    }

    proptest! {
        #[test]
        fn no_photo_that_stays_is_lost_when_others_are_deleted(
            n in 1_u64..300,
            limit in 1_usize..60,
            deleted in proptest::collection::vec((1_usize..10, 0_usize..300), 0..5),
            offset: bool,
            strict: bool,
        ) {
            let paging = if offset { Paging::Offset } else { Paging::Page };
            let mut archive = site(n, Says::Total);
            archive.strict = strict;
            let (found, _) = walk(&mut archive, paging, limit, |request, ids| {
                for (at, which) in &deleted {
                    if *at == request && !ids.is_empty() {
                        ids.remove(which % ids.len());
                    }
                }
            });
            // What is deleted after the last page was read can't matter.
            for id in &archive.ids {
                prop_assert!(found.contains(id), "{id} is lost");
            }
        }
    }
}
