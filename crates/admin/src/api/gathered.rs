//! Events of all daemons in one list, newest first. Each daemon numbers its own, so a cursor says how far each has been read:
//! `:17~5f1c:4`, this process without an id. A daemon that is not in it has been read to its end.

use std::collections::{BTreeMap, HashMap};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::State;
use super::events::EventPage;
use super::refusal::Refusal;
use crate::access::Actor;
use crate::events::{self, Event};
use crate::federation::Other;

/// Where to go on, by daemon; `None`: at the newest of everybody.
pub(super) type Cursor = Option<BTreeMap<String, u64>>;

pub(super) fn parse(text: Option<&str>) -> Result<Cursor, Refusal> {
    let Some(text) = text else { return Ok(None) };
    let part = |part: &str| match part.rsplit_once(':') {
        Some((name, id)) => Some((name.to_owned(), id.parse().ok()?)),
        None => Some((String::new(), part.parse().ok()?)),
    };
    let parts: Option<BTreeMap<_, _>> = text.split('~').map(part).collect();
    parts.map(Some).ok_or_else(|| Refusal::parameter("cursor", "the `next` of the page before"))
}

/// One page. `query` is what was asked for, to be asked of the others as well.
pub(super) async fn page(
    state: &State,
    actor: &Actor,
    wanted: &events::Query,
    query: &HashMap<String, String>,
    cursor: &Cursor,
    limit: usize,
    others: &[Other],
) -> EventPage {
    let mut pages = Vec::new();
    if let Some(before) = place(cursor, "") {
        let wanted = events::Query { before, ..wanted.clone() };
        let (items, next) = state.admin.log().page(&wanted, limit);
        let items = items.iter().map(|event| Event::clone(event)).collect();
        pages.push((String::new(), before, items, next));
    }
    let asked = others.iter().filter_map(|other| Some((other, place(cursor, &other.id)?)));
    let federation = state.admin.federation();
    let asked = asked.map(|(other, before)| async move {
        let path = path(query, before, limit);
        let answer = federation.ask::<EventPage>(&state.admin, &other.url, actor, &path).await.ok()?;
        let next = answer.next.and_then(|next| next.trim_start_matches(':').parse().ok());
        Some((other.id.clone(), before, answer.items, next))
    });
    pages.extend(futures_util::future::join_all(asked).await.into_iter().flatten());
    merge(pages, limit)
}

/// `None`: nothing is left there.
#[expect(clippy::option_option, reason = "at the end, at the beginning, or after an event")]
fn place(cursor: &Cursor, name: &str) -> Option<Option<u64>> {
    match cursor {
        None => Some(None),
        Some(places) => places.get(name).map(|id| Some(*id)),
    }
}

fn path(query: &HashMap<String, String>, before: Option<u64>, limit: usize) -> String {
    let own = ["cursor", "limit", "format", "daemon"];
    let mut path = format!("/api/v1/events?limit={limit}");
    for (name, value) in query.iter().filter(|(name, _)| !own.contains(&name.as_str())) {
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        path.push_str(&format!("&{}={}", encoded(name), encoded(value)));
    }
    if let Some(before) = before {
        path.push_str(&format!("&cursor={before}"));
    }
    path
}

/// Its id, where its page began, its events, where its next page begins.
type Page = (String, Option<u64>, Vec<Event>, Option<u64>);

fn merge(pages: Vec<Page>, limit: usize) -> EventPage {
    let alone = pages.len() == 1 && pages.iter().all(|(name, ..)| name.is_empty());
    let mut all: Vec<(usize, Event)> = Vec::new();
    let mut sources = Vec::new();
    for (at, (name, before, items, next)) in pages.into_iter().enumerate() {
        sources.push((name, before, items.len(), next));
        all.extend(items.into_iter().map(|event| (at, event)));
    }
    all.sort_by_key(|(_, event)| std::cmp::Reverse((event.at, event.id)));
    all.truncate(limit);
    let mut places = Vec::new();
    for (at, (name, before, sent, next)) in sources.into_iter().enumerate() {
        let taken = all.iter().filter(|(source, _)| *source == at);
        let (count, last) = taken.fold((0, None), |(count, _), (_, event)| (count + 1, Some(event.id)));
        let place = if count == sent {
            next
        } else {
            // What was not shown is asked for again.
            Some(last.or(before).unwrap_or(u64::MAX))
        };
        if let Some(place) = place {
            places.push(if alone { place.to_string() } else { format!("{name}:{place}") });
        }
    }
    EventPage {
        items: all.into_iter().map(|(_, event)| event).collect(),
        next: (!places.is_empty()).then(|| places.join("~")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wellspring_wire::Millis;

    fn events(name: &str, ids: &[(u64, i64)], before: Option<u64>, limit: usize) -> Page {
        let older = |id: &u64| before.is_none_or(|before| *id < before);
        let fitting: Vec<_> = ids.iter().rev().filter(|(id, _)| older(id)).collect();
        let items: Vec<Event> = fitting
            .iter()
            .take(limit)
            .map(|(id, at)| Event { id: *id, at: Millis(*at), daemon: name.to_owned(), ..Event::default() })
            .collect();
        let next = (fitting.len() > items.len()).then(|| items.last().map(|event| event.id)).flatten();
        (name.to_owned(), before, items, next)
    }

    #[test]
    fn all_events_come_once_and_in_order_whatever_the_size_of_a_page() {
        let ours: Vec<(u64, i64)> = (1..=9).map(|id| (id, i64::try_from(id).unwrap() * 10)).collect();
        let theirs: Vec<(u64, i64)> = (1..=5).map(|id| (id, i64::try_from(id).unwrap() * 17)).collect();
        for limit in 1..=15 {
            let (mut seen, mut cursor) = (Vec::new(), None);
            loop {
                let pages = [("", &ours), ("gateway", &theirs)];
                let pages = pages
                    .into_iter()
                    .filter_map(|(name, ids)| Some(events(name, ids, place(&cursor, name)?, limit)));
                let page = merge(pages.collect(), limit);
                seen.extend(page.items.into_iter().map(|event| event.at.0));
                let Some(next) = page.next else { break };
                cursor = parse(Some(&next)).unwrap();
                assert!(seen.len() <= 14, "no end at {limit}");
            }
            let mut expected: Vec<i64> = ours.iter().chain(&theirs).map(|(_, at)| *at).collect();
            expected.sort_by(|a, b| b.cmp(a));
            assert_eq!(seen, expected, "{limit} a page");
        }
    }

    #[test]
    fn a_process_alone_has_plain_cursors() {
        let page = merge(vec![events("", &[(1, 1), (2, 2)], None, 1)], 1);
        assert_eq!(page.next.as_deref(), Some("2"));
        assert!(parse(Some("x")).is_err() && parse(Some("a:")).is_err());
    }
}
