//! Lines for people, or one JSON object a line for scripts.
//!
//! A line of text starts with who wrote it: `me:`, `@handle (name):`, or `--` for what the app itself says. Handles hold
//! neither spaces nor colons, so no name reads as somebody else's line.

use crate::failure;
use crate::people;
use securechat_engine::api::{
    AccountState, AccountView, ChatItem, Connection, ContactView, ConversationView, InviteLink,
    ItemBody, RecoveryKitView, Refusal, SafetyNumberView, SearchHit, SendState, SystemEvent,
    TimelineItem, Trust,
};
use securechat_proto::ContentId;
use serde_json::{Value, json};
use std::io::{self, ErrorKind, Write};

/// Where results go.
pub struct Printer {
    pub json: bool,
}

impl Printer {
    pub fn account(&self, account: &AccountView) -> Written {
        self.line(&json!({ "account": account }), || {
            let name = if account.display_name == account.handle {
                String::new()
            } else {
                format!(" ({})", account.display_name)
            };
            let requests = if account.requests == 1 {
                "request"
            } else {
                "requests"
            };
            format!(
                "@{}{name}, {}, {} unread, {} {requests}",
                account.handle,
                standing(account),
                account.unread,
                account.requests
            )
        })
    }

    pub fn contact(&self, contact: &ContactView) -> Written {
        self.line(&json!({ "contact": contact.item }), || {
            format!("{}  {}", people::label(contact), trust(&contact.item.trust))
        })
    }

    pub fn request(&self, chat: &ChatItem, contact: &ContactView) -> Written {
        let value = json!({
            "request": chat,
            "handle": contact.item.handle,
            "conversation_id": chat.conversation_id,
        });
        self.line(&value, || {
            let preview = chat.preview.as_ref();
            let text = preview.map_or("", |preview| preview.text.as_str());
            format!("{}: {text}", people::label(contact))
        })
    }

    pub fn link(&self, link: &InviteLink, server: &str) -> Written {
        let url = format!("{}/#{}", server.trim_end_matches('/'), link.payload);
        self.line(&json!({ "link": link, "url": url }), || url.clone())
    }

    pub fn kit(&self, kit: &RecoveryKitView) -> Written {
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
        })
    }

    /// A command that has nothing to say but that it was carried out.
    pub fn done(&self) -> Written {
        if self.json {
            return line(&json!({ "done": true }).to_string());
        }
        Ok(())
    }

    pub fn sent(&self, message_id: ContentId, state: Option<&SendState>) -> Written {
        self.line(&json!({ "message_id": message_id, "state": state }), || {
            state.map_or_else(|| "queued".to_owned(), send_state)
        })
    }

    /// `who`: [`people::label`] of the other side. Scripts go by `handle` and `conversation_id`, which nobody else can take.
    pub fn message(
        &self,
        who: &str,
        conversation: &ConversationView,
        item: &TimelineItem,
    ) -> Written {
        let value = json!({
            "chat": conversation.title,
            "handle": conversation.handle,
            "conversation_id": conversation.conversation_id,
            "message": item,
        });
        self.line(&value, || row(item, who))
    }

    pub fn hit(&self, who: &str, handle: &str, hit: &SearchHit) -> Written {
        self.line(&json!({ "hit": hit, "handle": handle }), || {
            let snippet: String = hit.snippet.iter().map(|part| part.text.as_str()).collect();
            let to = if hit.from_me { "me to " } else { "" };
            format!("{to}{who}: {snippet}")
        })
    }

    pub fn safety_number(&self, view: &SafetyNumberView) -> Written {
        self.line(&json!({ "safety_number": view }), || {
            format!("{}\n{}", view.groups.join(" "), trust(&view.trust))
        })
    }

    fn line(&self, value: &Value, text: impl FnOnce() -> String) -> Written {
        if self.json {
            line(&value.to_string())
        } else {
            line(&in_one(&without_controls(&text())))
        }
    }
}

/// What could not be printed was not shown, and is not marked read.
pub type Written = Result<(), OutputFailure>;

/// A line did not go out: a full disk, or a reader that went away.
#[derive(Debug, thiserror::Error)]
#[error("the output could not be written")]
pub struct OutputFailure(#[from] io::Error);

impl OutputFailure {
    /// As in `history bob | head`.
    pub fn is_reader_gone(&self) -> bool {
        self.0.kind() == ErrorKind::BrokenPipe
    }
}

/// One line of output, written when this returns.
pub fn line(text: &str) -> Written {
    Ok(writeln!(io::stdout(), "{text}")?)
}

/// One line on standard error, where nothing can be done about a failure.
pub fn remark(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
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

fn standing(account: &AccountView) -> &'static str {
    match account.state {
        AccountState::None => "no account",
        AccountState::SigningUp => "signing up",
        AccountState::SignedOut => "signed out",
        AccountState::Removed => "removed from the account",
        AccountState::StaleCopy => "an old copy of the store",
        AccountState::Ready => match account.connection {
            Connection::Offline => "offline",
            Connection::Connecting => "connecting",
            Connection::CatchingUp => "catching up",
            Connection::Online => "online",
        },
    }
}

fn trust(trust: &Trust) -> &'static str {
    match trust {
        Trust::Verified { .. } => "verified",
        Trust::Unverified => "encrypted, not checked",
        Trust::Establishing => "fetching keys",
        Trust::NewIdentity { .. } => "NEW KEYS: nothing is sent before you accept them",
        Trust::Frozen { .. } => "FROZEN: contradicting account logs",
    }
}

fn send_state(state: &SendState) -> String {
    let words = match state {
        SendState::Queued => "queued",
        SendState::Waiting => "waiting",
        SendState::Sent => "sent",
        SendState::Delivered => "delivered",
        SendState::Read => "read",
        SendState::NotDelivered => "not delivered",
        SendState::Failed { code } => {
            let refusal = Refusal {
                code: *code,
                retry_after_s: None,
            };
            return format!("failed: {}", failure::words(&refusal));
        }
    };
    words.to_owned()
}

/// A row of a conversation with `who`.
fn row(item: &TimelineItem, who: &str) -> String {
    let text = match &item.body {
        ItemBody::System { event } => return format!("-- {}", said(*event, who)),
        ItemBody::Text { text, edited, .. } => {
            let edited = if *edited { " (edited)" } else { "" };
            &format!("{text}{edited}")
        }
        ItemBody::Deleted => "(deleted)",
        ItemBody::Healing { .. } => "(could not be opened yet: asked for again)",
        ItemBody::Lost => "(could not be opened and did not come again)",
        ItemBody::Unsupported => "(needs a newer version of this program)",
    };
    let author = if item.from_me { "me" } else { who };
    format!("{author}: {text}")
}

/// What the app itself says in a conversation with `who`, from the reader's side.
fn said(event: SystemEvent, who: &str) -> String {
    match event {
        SystemEvent::RequestSent => format!("Your first message asks {who} to accept."),
        SystemEvent::RequestAccepted => "Request accepted: you can both write.".to_owned(),
        SystemEvent::DevicesChanged => format!("{who} added or removed a device."),
        SystemEvent::OldKeys => format!(
            "The keys of {who} are more than 40 days old: the device was away, or the server holds newer ones back."
        ),
        SystemEvent::NewIdentity => format!("{who} has new keys: compare safety numbers."),
        SystemEvent::NewIdentityAccepted => format!("You accepted the new keys of {who}."),
        SystemEvent::Verified => format!("You compared safety numbers with {who}."),
        SystemEvent::VerificationRemoved => format!("{who} is no longer marked as checked."),
        SystemEvent::Frozen => {
            format!("Contradicting key records of {who}: sending stopped.")
        }
        SystemEvent::Thawed => format!("The key records of {who} agree again."),
        SystemEvent::Gap => "Messages are missing before this point.".to_owned(),
        SystemEvent::Blocked => format!("You blocked {who}."),
        SystemEvent::Unblocked => format!("You unblocked {who}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use securechat_engine::api::RefusalCode;
    use securechat_proto::Timestamp;

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

    #[test]
    fn people_read_words_and_no_names_of_types() {
        let at_ms = Timestamp(0);
        let events = [
            SystemEvent::RequestSent,
            SystemEvent::RequestAccepted,
            SystemEvent::DevicesChanged,
            SystemEvent::OldKeys,
            SystemEvent::NewIdentity,
            SystemEvent::NewIdentityAccepted,
            SystemEvent::Verified,
            SystemEvent::VerificationRemoved,
            SystemEvent::Frozen,
            SystemEvent::Thawed,
            SystemEvent::Gap,
            SystemEvent::Blocked,
            SystemEvent::Unblocked,
        ];
        let bodies = [
            ItemBody::Text {
                text: "planned".to_owned(),
                edited: true,
                reply_to: None,
            },
            ItemBody::Deleted,
            ItemBody::Healing { asked_at_ms: at_ms },
            ItemBody::Lost,
            ItemBody::Unsupported,
        ];
        let item = |body| TimelineItem {
            message_id: ContentId([0; 16]),
            at_ms,
            from_me: false,
            body,
            state: None,
            reactions: Vec::new(),
        };
        let states = [
            SendState::Queued,
            SendState::Waiting,
            SendState::Sent,
            SendState::Delivered,
            SendState::Read,
            SendState::NotDelivered,
            SendState::Failed {
                code: RefusalCode::QuotaExceeded,
            },
        ];
        let trusts = [
            Trust::Verified { at_ms },
            Trust::Unverified,
            Trust::Establishing,
            Trust::NewIdentity {
                at_ms,
                was_verified: true,
            },
            Trust::Frozen { at_ms },
        ];
        let mut lines: Vec<String> = events.map(|event| said(event, "@bob")).into();
        lines.extend(bodies.map(|body| row(&item(body), "@bob")));
        lines.extend(states.iter().map(send_state));
        lines.extend(trusts.iter().map(|t| trust(t).to_owned()));
        for line in &lines {
            let is_words = |word: &str| {
                word.chars().all(|c| !c.is_lowercase())
                    || !word.chars().skip(1).any(char::is_uppercase)
            };
            assert!(!line.is_empty() && line.split(' ').all(is_words), "{line}");
            assert!(!line.contains(['{', '_']), "{line}");
        }
        let told = lines.len();
        lines.sort_unstable();
        lines.dedup();
        assert_eq!(lines.len(), told, "each says something of its own");
    }
}
