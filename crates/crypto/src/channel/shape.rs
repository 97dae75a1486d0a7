//! The bounds of every field of a content. Numbers stay below 2^63, because SQLite's integers are signed.

use securechat_proto::limits::{
    CONTENT_TARGETS_MAX, DISPLAY_NAME_CHARS_MAX, EMOJI_BYTES_MAX, HANDLE_CHARS_MAX,
    LOG_ENTRIES_PER_CONTENT_MAX, LOG_ENTRY_BYTES_MAX, REPAIR_HASHES_MAX, TEXT_BYTES_MAX,
};
use securechat_proto::wire::content::content::Body;
use securechat_proto::wire::content::{Content, LogHead, Text};

const ID_BYTES: usize = 16;
const HASH_BYTES: usize = 32;
const TOKEN_BYTES: usize = 16;
const NUMBER_MAX: u64 = i64::MAX as u64;

pub(super) fn is_within_bounds(content: &Content, body: &Body) -> bool {
    content.conversation_id.len() == ID_BYTES
        && content.content_id.len() == ID_BYTES
        && content.sequence <= NUMBER_MAX
        && content.sent_at_ms <= NUMBER_MAX
        && content.own_head.as_ref().is_none_or(is_head)
        && content.peer_head.as_ref().is_none_or(is_head)
        && content.log_entries.len() <= LOG_ENTRIES_PER_CONTENT_MAX
        && content
            .log_entries
            .iter()
            .all(|entry| (1..=LOG_ENTRY_BYTES_MAX).contains(&entry.len()))
        && is_body(body)
}

fn is_body(body: &Body) -> bool {
    match body {
        Body::Text(text) => is_text(text),
        Body::Edit(edit) => edit.target.len() == ID_BYTES && is_text_body(&edit.body),
        Body::Delete(delete) => are_ids(&delete.targets),
        Body::Reaction(reaction) => {
            reaction.target.len() == ID_BYTES && reaction.emoji.len() <= EMOJI_BYTES_MAX
        }
        Body::Receipt(receipt) => (0..=1).contains(&receipt.kind) && are_ids(&receipt.targets),
        Body::Typing(_) | Body::LogNotice(_) => true,
        Body::Introduction(introduction) => {
            is_name(&introduction.display_name)
                && is_handle(&introduction.handle)
                && introduction.answer_token.len() == TOKEN_BYTES
                && introduction.first_message.as_ref().is_none_or(is_text)
        }
        Body::Acceptance(acceptance) => {
            is_name(&acceptance.display_name)
                && is_handle(&acceptance.handle)
                && acceptance.delivery_token.len() == TOKEN_BYTES
        }
        Body::Profile(profile) => is_name(&profile.display_name),
        Body::Repair(repair) => {
            (1..=REPAIR_HASHES_MAX).contains(&repair.envelope_hashes.len())
                && repair
                    .envelope_hashes
                    .iter()
                    .all(|hash| hash.len() == HASH_BYTES)
        }
        Body::Resend(resend) => {
            resend.broken_envelope_hash.len() == HASH_BYTES && !resend.content.is_empty()
        }
        Body::Gone(gone) => {
            gone.broken_envelope_hash.len() == HASH_BYTES && gone.sequence <= NUMBER_MAX
        }
        Body::TokenGrant(grant) => {
            grant.delivery_token.len() == TOKEN_BYTES && grant.sequence_restarts_at <= NUMBER_MAX
        }
    }
}

fn is_head(head: &LogHead) -> bool {
    head.hash.len() == HASH_BYTES && head.sequence <= NUMBER_MAX
}

fn is_text(text: &Text) -> bool {
    is_text_body(&text.body) && (text.reply_to.is_empty() || text.reply_to.len() == ID_BYTES)
}

fn is_text_body(body: &str) -> bool {
    (1..=TEXT_BYTES_MAX).contains(&body.len())
}

fn are_ids(ids: &[Vec<u8>]) -> bool {
    (1..=CONTENT_TARGETS_MAX).contains(&ids.len()) && ids.iter().all(|id| id.len() == ID_BYTES)
}

/// May be empty: the handle stands in then.
fn is_name(name: &str) -> bool {
    name.chars().count() <= DISPLAY_NAME_CHARS_MAX
}

/// May be empty: not everybody has one to show.
fn is_handle(handle: &str) -> bool {
    handle.len() <= HANDLE_CHARS_MAX
        && (handle.is_empty() || securechat_proto::handle::is_valid(handle))
}
