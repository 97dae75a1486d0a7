//! Lines for people, or one JSON object a line for scripts.

use securechat_engine::api::{
    AccountView, ChatItem, ContactItem, InviteLink, ItemBody, SafetyNumberView, SearchHit,
    SendState, TimelineItem, Trust,
};
use securechat_proto::ContentId;
use serde_json::{Value, json};

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

    pub fn request(&self, chat: &ChatItem) {
        self.line(&json!({ "request": chat }), || {
            let text = chat
                .preview
                .as_ref()
                .map_or("", |preview| preview.text.as_str());
            format!("{}: {text}", chat.title)
        });
    }

    pub fn link(&self, link: &InviteLink) {
        self.line(&json!({ "link": link }), || link.payload.clone());
    }

    pub fn sent(&self, message_id: ContentId, state: Option<&SendState>) {
        self.line(&json!({ "message_id": message_id, "state": state }), || {
            state.map_or_else(
                || "queued".to_owned(),
                |state| format!("{state:?}").to_lowercase(),
            )
        });
    }

    pub fn message(&self, chat: &str, item: &TimelineItem) {
        self.line(&json!({ "chat": chat, "message": item }), || {
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
            println!("{value}");
        } else {
            println!("{}", without_controls(&text()));
        }
    }
}

/// Terminals obey control characters; what others wrote must not.
fn without_controls(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() && c != '\n' {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
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
