//! Lines for people, or one JSON object a line for scripts.

use securechat_engine::api::{
    AccountView, ChatItem, ContactItem, ConversationView, InviteLink, ItemBody, RecoveryKitView,
    SafetyNumberView, SearchHit, SendState, TimelineItem, Trust,
};
use securechat_proto::ContentId;
use serde_json::{Value, json};
use std::io::Write;

/// Where results go.
pub struct Printer {
    pub json: bool,
}

impl Printer {
    pub fn account(&self, account: &AccountView) {
        self.line(&json!({ "account": account }), || {
            format!(
                "{} ({}), {:?}, {} unread",
                account.handle, account.display_name, account.connection, account.unread
            )
        });
    }

    pub fn contact(&self, contact: &ContactItem) {
        self.line(&json!({ "contact": contact }), || {
            format!(
                "{}  {}  {}",
                contact.handle,
                contact.name,
                trust(&contact.trust)
            )
        });
    }

    pub fn request(&self, chat: &ChatItem, handle: &str) {
        self.line(&json!({ "request": chat, "handle": handle }), || {
            let text = chat
                .preview
                .as_ref()
                .map_or("", |preview| preview.text.as_str());
            format!("{} (@{handle}): {text}", chat.title)
        });
    }

    pub fn link(&self, link: &InviteLink, server: &str) {
        let url = format!("{}/#{}", server.trim_end_matches('/'), link.payload);
        self.line(&json!({ "link": link, "url": url }), || url.clone());
    }

    pub fn kit(&self, kit: &RecoveryKitView) {
        self.line(&json!({ "kit": kit }), || {
            if kit.taken {
                return "the kit was taken; it is no longer in this store".to_owned();
            }
            let places: Vec<String> = kit
                .check_positions
                .iter()
                .map(|position| (position + 1).to_string())
                .collect();
            format!(
                "{}\nwrite it down, then: kit --check with characters {} of it",
                kit.groups.join(" "),
                places.join(", ")
            )
        });
    }

    /// A command that has nothing to say but that it was carried out.
    pub fn done(&self) {
        if self.json {
            line(&json!({ "done": true }).to_string());
        }
    }

    pub fn sent(&self, message_id: ContentId, state: Option<&SendState>) {
        self.line(&json!({ "message_id": message_id, "state": state }), || {
            state.map_or_else(
                || "queued".to_owned(),
                |state| format!("{state:?}").to_lowercase(),
            )
        });
    }

    /// `chat` is what the contact calls itself; scripts go by `handle` and `conversation_id`, which nobody else can take.
    pub fn message(&self, chat: &str, conversation: &ConversationView, item: &TimelineItem) {
        let value = json!({
            "chat": chat,
            "handle": conversation.handle,
            "conversation_id": conversation.conversation_id,
            "message": item,
        });
        self.line(&value, || {
            let author = if item.from_me { "me" } else { chat };
            format!("{author}: {}", body(&item.body))
        });
    }

    pub fn hit(&self, hit: &SearchHit) {
        self.line(&json!({ "hit": hit }), || {
            let snippet: String = hit.snippet.iter().map(|part| part.text.as_str()).collect();
            format!("{}: {snippet}", hit.title)
        });
    }

    pub fn safety_number(&self, view: &SafetyNumberView) {
        self.line(&json!({ "safety_number": view }), || {
            format!("{}\n{}", view.groups.join(" "), trust(&view.trust))
        });
    }

    fn line(&self, value: &Value, text: impl FnOnce() -> String) {
        if self.json {
            line(&value.to_string());
        } else {
            line(&in_one(&without_controls(&text())));
        }
    }
}

/// One line of output. Whoever read it may be gone (`history bob | head`): then there is nobody left to work for.
pub fn line(text: &str) {
    if writeln!(std::io::stdout(), "{text}").is_err() {
        std::process::exit(0);
    }
}

/// What follows the first line stands further in, so that nobody writes a line that reads as somebody else's.
fn in_one(text: &str) -> String {
    text.replace('\n', "\n    ")
}

/// Terminals obey control characters; what others wrote must not be obeyed.
fn without_controls(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c != '\n' && is_unsafe(c) {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

/// Control characters, and those that turn the direction of what follows, so that a line reads as another one.
fn is_unsafe(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn trust(trust: &Trust) -> &'static str {
    match trust {
        Trust::Verified { .. } => "verified",
        Trust::Unverified => "encrypted, not checked",
        Trust::Establishing => "fetching keys",
        Trust::NewIdentity { .. } => "NEW IDENTITY: compare safety numbers",
        Trust::Frozen { .. } => "FROZEN: contradicting account logs",
    }
}

fn body(body: &ItemBody) -> String {
    match body {
        ItemBody::Text { text, edited, .. } => {
            if *edited {
                format!("{text} (edited)")
            } else {
                text.clone()
            }
        }
        ItemBody::Deleted => "(deleted)".to_owned(),
        ItemBody::Healing { .. } => "(could not be opened, asking again)".to_owned(),
        ItemBody::Lost => "(lost)".to_owned(),
        ItemBody::Unsupported => "(update to see this)".to_owned(),
        ItemBody::System { event } => format!("({event:?})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_get_no_control_characters_from_others() {
        let planted = "two\nlines \u{1b}[2J\u{7}\u{9b}31m\r\tand \u{202e}text";
        let printed = without_controls(planted);
        assert!(printed.starts_with("two\nlines "));
        assert!(
            !printed.chars().any(|c| c != '\n' && is_unsafe(c)),
            "{printed:?}"
        );
        assert!(printed.ends_with("text"));
    }
}
