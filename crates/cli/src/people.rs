//! Who is meant by a word on the command line.
//!
//! A handle names one account everywhere. A nickname was chosen by this person. A shown name was chosen by the other
//! side, so it stands for somebody only where it cannot be taken for a handle.

use crate::driver::Driver;
use crate::failure::{Failure, not_found};
use anyhow::Result;
use securechat_engine::api::{
    ChatFilter, ChatItem, ContactId, ContactItem, ContactView, Query, View,
};
use securechat_proto::handle;

/// A contact, or somebody who asked to become one.
pub fn find(driver: &Driver, who: &str) -> Result<ContactItem> {
    let mut views = contacts(driver);
    let known = choose(who, &views)?;
    match known {
        Some(index) => Ok(views.swap_remove(index).item),
        None => find_request(driver, who),
    }
}

/// Somebody whose request is open. The name in the list of requests will do, when only one bears it.
pub fn find_request(driver: &Driver, who: &str) -> Result<ContactItem> {
    let mut views: Vec<ContactView> = requests(driver)
        .into_iter()
        .map(|(_, contact)| contact)
        .collect();
    let index = match choose(who, &views)? {
        Some(index) => Some(index),
        None => only(&views, |view| view.item.name == who)?,
    };
    let index = index.ok_or_else(not_found)?;
    Ok(views.swap_remove(index).item)
}

/// Open requests, each with who made it.
pub fn requests(driver: &Driver) -> Vec<(ChatItem, ContactView)> {
    let View::Chats(chats) = driver.query(Query::Chats {
        filter: ChatFilter::Requests,
    }) else {
        return Vec::new();
    };
    let with_contact = |chat: ChatItem| {
        let contact = contact(driver, chat.contact_id)?;
        Some((chat, contact))
    };
    chats.items.into_iter().filter_map(with_contact).collect()
}

pub fn contact(driver: &Driver, contact_id: ContactId) -> Option<ContactView> {
    match driver.query(Query::Contact { contact_id }) {
        View::Contact(contact) => Some(contact),
        _ => None,
    }
}

/// How a line of text calls somebody. It starts with what nobody else can take, the handle or the first characters of
/// the identity; the name, which the other side may have chosen, only follows.
pub fn label(contact: &ContactView) -> String {
    let (handle, name) = (&contact.item.handle, &contact.item.name);
    let sure = if handle.is_empty() {
        format!("?{}", contact.identity_short)
    } else {
        format!("@{handle}")
    };
    if name.is_empty() || name == handle {
        sure
    } else {
        format!("{sure} ({name})")
    }
}

/// Contacts, the blocked ones last.
fn contacts(driver: &Driver) -> Vec<ContactView> {
    let all = Query::Contacts {
        text: String::new(),
    };
    let items = [all, Query::Blocked].map(|query| match driver.query(query) {
        View::Contacts(view) | View::Blocked(view) => view.contacts,
        _ => Vec::new(),
    });
    let items = items.into_iter().flatten();
    items
        .filter_map(|item| contact(driver, item.contact_id))
        .collect()
}

fn choose(who: &str, views: &[ContactView]) -> Result<Option<usize>, Failure> {
    // An unset variable of a script is nobody, not everybody without a nickname.
    if who.is_empty() {
        return Ok(None);
    }
    let typed = handle::parse(who);
    if let Some(typed) = &typed
        && let Some(index) = views.iter().position(|view| view.item.handle == *typed)
    {
        return Ok(Some(index));
    }
    if let Some(index) = only(views, |view| view.nickname == who)? {
        return Ok(Some(index));
    }
    only(views, |view| {
        view.item.name == who && (typed.is_none() || view.item.handle.is_empty())
    })
}

/// The one that fits; more than one is nobody's meaning.
fn only(
    views: &[ContactView],
    fits: impl Fn(&ContactView) -> bool,
) -> Result<Option<usize>, Failure> {
    let mut fitting = (0..views.len()).filter(|index| fits(&views[*index]));
    let first = fitting.next();
    match fitting.next() {
        None => Ok(first),
        Some(_) => Err(Failure::Ambiguous),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use securechat_engine::api::{RequestState, Trust};
    use securechat_proto::{ConversationId, Timestamp};

    fn contact(handle: &str, display_name: &str, nickname: &str) -> ContactView {
        let names = [nickname, display_name, handle];
        let name = names.into_iter().find(|name| !name.is_empty());
        ContactView {
            item: ContactItem {
                contact_id: ContactId(ConversationId([1; 16])),
                conversation_id: None,
                name: name.unwrap_or_default().to_owned(),
                handle: handle.to_owned(),
                colour_seed: 0,
                favourite: false,
                blocked: false,
                trust: Trust::Unverified,
                request: RequestState::None,
            },
            display_name: display_name.to_owned(),
            nickname: nickname.to_owned(),
            devices: 1,
            added_at_ms: Timestamp(0),
            identity_short: "3f0a91bc".to_owned(),
        }
    }

    #[test]
    fn a_shown_name_never_stands_for_a_handle() {
        let people = [
            contact("mallory", "carol", ""),
            contact("bob", "Bob of the Hill", ""),
            contact("dave", "Dave", "boss"),
            contact("", "Erin", ""),
        ];
        let chosen = |who: &str| choose(who, &people).expect("nobody twice");
        assert_eq!(chosen("carol"), None, "carol is somebody else's handle");
        for (who, index) in [
            ("mallory", 0),
            ("@Bob", 1),
            ("Bob of the Hill", 1),
            ("boss", 2),
            ("DAVE", 2),
            ("Erin", 3),
        ] {
            assert_eq!(chosen(who), Some(index), "{who}");
        }
    }

    #[test]
    fn a_label_starts_with_what_nobody_else_can_take() {
        for (person, label) in [
            (contact("bob", "Bob", ""), "@bob (Bob)"),
            (contact("bob", "bob", ""), "@bob"),
            (contact("bob", "", ""), "@bob"),
            (contact("bob", "Bob", "boss"), "@bob (boss)"),
            (contact("mallory", "me", ""), "@mallory (me)"),
            (contact("", "@bob", ""), "?3f0a91bc (@bob)"),
        ] {
            assert_eq!(super::label(&person), label);
        }
    }

    #[test]
    fn a_name_that_two_bear_is_refused() {
        let twins = [
            contact("one", "Sam Smith", ""),
            contact("two", "Sam Smith", ""),
        ];
        assert!(matches!(
            choose("Sam Smith", &twins),
            Err(Failure::Ambiguous)
        ));
        assert!(matches!(choose("two", &twins), Ok(Some(1))));
    }
}
