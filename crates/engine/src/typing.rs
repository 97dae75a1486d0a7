//! "Is typing": ephemeral, switchable, believed for a few seconds, never sent to devices that were silent for a day.

use crate::api::Reply;
use crate::contacts;
use crate::context::{Answer, Cx};
use crate::error::Outcome;
use crate::outbox::sealing::send_ephemeral;
use crate::settings;
use securechat_proto::wire::content::Typing;
use securechat_proto::wire::content::content::Body;
use securechat_proto::{ConversationId, Timestamp, limits};

/// Believed for this long after the last sign.
const BELIEVED_MS: u64 = 6 * limits::SECOND_MS;
/// Repeated at most this often while the person types.
const REPEATED_MS: u64 = 4 * limits::SECOND_MS;

pub(crate) fn set(
    cx: &mut Cx<'_>,
    conversation_id: &ConversationId,
    active: bool,
) -> Outcome<Answer> {
    let contact = contacts::named_by(cx, conversation_id)?;
    let told = cx.live.typing_told.get(conversation_id).copied();
    let wanted =
        contact.is_accepted() && !contact.blocked && settings::read(cx.db)?.typing_indicators;
    let due = if active {
        told.is_none_or(|at| cx.now.since(at) >= REPEATED_MS)
    } else {
        told.is_some()
    };
    if wanted && due {
        if active {
            cx.live.typing_told.insert(*conversation_id, cx.now);
        } else {
            cx.live.typing_told.remove(conversation_id);
        }
        send_ephemeral(cx, &contact, Body::Typing(Typing { active }))?;
    }
    Ok(Answer::Now(Reply::Done))
}

/// A message was sent: it says by itself that typing ended.
pub(crate) fn stopped(cx: &mut Cx<'_>, conversation_id: &ConversationId) {
    cx.live.typing_told.remove(conversation_id);
}

pub(crate) fn on_typing(
    cx: &mut Cx<'_>,
    conversation_id: &ConversationId,
    active: bool,
) -> Outcome<()> {
    if active {
        cx.live
            .typing
            .insert(*conversation_id, cx.now.saturating_add_ms(BELIEVED_MS));
        cx.changed_conversation(*conversation_id);
    } else {
        on_stopped(cx, conversation_id);
    }
    Ok(())
}

pub(crate) fn on_stopped(cx: &mut Cx<'_>, conversation_id: &ConversationId) {
    if cx.live.typing.remove(conversation_id).is_some() {
        cx.changed_conversation(*conversation_id);
    }
}

/// Signs that ran out.
pub(crate) fn pump(cx: &mut Cx<'_>) {
    let over: Vec<ConversationId> = cx
        .live
        .typing
        .iter()
        .filter(|(_, until)| **until <= cx.now)
        .map(|(id, _)| *id)
        .collect();
    for conversation_id in over {
        on_stopped(cx, &conversation_id);
    }
}

pub(crate) fn next_due(cx: &Cx<'_>) -> Option<Timestamp> {
    cx.live.typing.values().min().copied()
}
