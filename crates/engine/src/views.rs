//! Which room answers which query: plain reads of this device's store.

use crate::account::{self, kit, sessions_list};
use crate::api::{Query, SettingsView, StorageView, View};
use crate::contacts::{link, views};
use crate::context::Live;
use crate::error::Outcome;
use crate::messages::timeline::{self, Window};
use crate::store::rows::{Db, uint};
use crate::{conversations, search, server_info, settings};
use securechat_proto::Timestamp;

pub(crate) fn answer(db: Db<'_>, live: &Live, now: Timestamp, query: Query) -> Outcome<View> {
    fn or_not_found<T>(found: Option<T>, wrap: impl FnOnce(T) -> View) -> View {
        found.map_or(View::NotFound, wrap)
    }
    Ok(match query {
        Query::Account => View::Account(account::view(db, live, now)?),
        Query::Chats { filter } => View::Chats(conversations::chats(db, live, now, filter)?),
        Query::Conversation { conversation_id } => or_not_found(
            conversations::one(db, live, now, &conversation_id)?,
            View::Conversation,
        ),
        Query::Timeline {
            conversation_id,
            before,
            after,
            around,
            limit,
        } => {
            let window = Window {
                before,
                after,
                around,
                limit,
            };
            or_not_found(
                timeline::timeline(db, &conversation_id, &window)?,
                View::Timeline,
            )
        }
        Query::MessageDetails { message_id } => {
            or_not_found(timeline::details(db, &message_id)?, View::MessageDetails)
        }
        Query::Contacts { text } => View::Contacts(views::matching(db, &text)?),
        Query::Contact { contact_id } => or_not_found(views::one(db, &contact_id)?, View::Contact),
        Query::SafetyNumber { contact_id } => {
            or_not_found(views::safety_number(db, &contact_id)?, View::SafetyNumber)
        }
        Query::Blocked => View::Blocked(views::blocked(db)?),
        Query::InviteLink => View::InviteLink(link::view(db, now)?),
        Query::Search {
            text,
            conversation_id,
            limit,
        } => View::Search(search::search(db, &text, conversation_id.as_ref(), limit)?),
        Query::Settings => View::Settings(SettingsView {
            settings: settings::read(db)?,
        }),
        Query::Sessions => View::Sessions(sessions_list::view(db)?),
        Query::RecoveryKit => View::RecoveryKit(kit::view(db)?),
        Query::Server => View::Server(server_info::view(db)?),
        Query::Storage => View::Storage(storage(db, live)?),
    })
}

fn storage(db: Db<'_>, live: &Live) -> Outcome<StorageView> {
    // SQLCipher answers `PRAGMA page_size` with a text; in an expression it is a number again.
    let database_bytes = db.number(
        "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
        [],
    )?;
    Ok(StorageView {
        messages: uint(db.number(
            "SELECT count(*) FROM messages_rows WHERE kind <> 'system'",
            [],
        )?),
        conversations: uint(db.number(
            "SELECT count(*) FROM conversations_list WHERE shown = 1",
            [],
        )?),
        database_bytes: uint(database_bytes),
        read_only: live.read_only,
    })
}
