//! Full-text search over what is shown; the index is kept in the same transaction as the rows.

use crate::api::{SearchHit, SearchView, SnippetPart};
use crate::contacts;
use crate::error::Outcome;
use crate::store::rows::{Db, uint};
use rusqlite::params;
use securechat_proto::{ContentId, ConversationId, Timestamp, limits};
use std::cmp::Reverse;

/// Marks around a match in a snippet; no text that people type holds them.
const OPEN: char = '\u{2}';
const CLOSE: char = '\u{3}';
/// Contacts shown above the messages.
const CONTACTS_MAX: usize = 8;
/// Words of one query.
const WORDS_MAX: usize = 8;

pub(crate) fn search(
    db: Db<'_>,
    text: &str,
    within: Option<&ConversationId>,
    limit: u32,
) -> Outcome<SearchView> {
    let text: String = text.chars().take(limits::SEARCH_QUERY_CHARS_MAX).collect();
    let Some(expression) = expression(&text) else {
        return Ok(SearchView {
            hits: Vec::new(),
            contacts: Vec::new(),
            more: false,
        });
    };
    let limit = limit.clamp(1, limits::SEARCH_HITS_MAX);
    let within = within.map(|id| id.to_vec());
    // The index walks backwards through its rows and stops at the limit, so that a word of every second message costs no
    // more than a rare one. What came last is taken; a message that came late stands in its place among them.
    let mut rows = db.all(
        "SELECT m.conversation_id, m.message_id, m.from_me, m.order_at,
                snippet(history_texts, 0, char(2), char(3), '…', 16)
         FROM history_texts JOIN messages_rows m ON m.row = history_texts.rowid
         WHERE history_texts MATCH ?1 AND (?2 IS NULL OR m.conversation_id = ?2)
         ORDER BY history_texts.rowid DESC LIMIT ?3",
        params![expression, within, limit + 1],
        |row| {
            Ok((
                ConversationId(row.get(0)?),
                ContentId(row.get(1)?),
                row.get::<_, bool>(2)?,
                Timestamp(uint(row.get(3)?)),
                row.get::<_, String>(4)?,
            ))
        },
    )?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    rows.sort_by_key(|(_, message_id, _, at, _)| Reverse((*at, *message_id)));
    let mut hits = Vec::with_capacity(rows.len());
    for (conversation_id, message_id, from_me, at_ms, snippet) in rows {
        let contact = contacts::of_conversation(db, &conversation_id)?;
        hits.push(SearchHit {
            conversation_id,
            message_id,
            title: contact
                .as_ref()
                .map(contacts::Contact::title)
                .unwrap_or_default(),
            colour_seed: contact
                .as_ref()
                .map(contacts::Contact::colour_seed)
                .unwrap_or_default(),
            from_me,
            at_ms,
            snippet: parts(&snippet),
        });
    }
    let mut found = if within.is_none() {
        contacts::views::matching(db, &text)?.contacts
    } else {
        Vec::new()
    };
    found.truncate(CONTACTS_MAX);
    Ok(SearchView {
        hits,
        contacts: found,
        more,
    })
}

/// Every word must be there; the last one may be a beginning. Quoted, so that no typed character is an operator.
fn expression(text: &str) -> Option<String> {
    let words: Vec<String> = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(WORDS_MAX)
        .map(|word| format!("\"{word}\""))
        .collect();
    if words.is_empty() {
        None
    } else {
        Some(format!("{}*", words.join(" ")))
    }
}

fn parts(snippet: &str) -> Vec<SnippetPart> {
    let mut parts = Vec::new();
    let mut matched = false;
    for piece in snippet.split_inclusive([OPEN, CLOSE]) {
        let text = piece.trim_end_matches([OPEN, CLOSE]);
        if !text.is_empty() {
            parts.push(SnippetPart {
                text: text.to_owned(),
                matched,
            });
        }
        matched = piece.ends_with(OPEN);
    }
    parts
}
