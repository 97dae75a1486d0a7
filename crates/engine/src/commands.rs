//! Which room carries out which command.

use crate::account::{self, kit, log_in, session, sessions_list, sign_up};
use crate::api::Command;
use crate::contacts::{self, finding, link, requests, views};
use crate::context::{Answer, Cx};
use crate::conversations::{self, Switch};
use crate::error::Outcome;
use crate::messages::writing;
use crate::{settings, typing};

pub(crate) fn carry_out(cx: &mut Cx<'_>, command: &Command) -> Outcome<Answer> {
    match command {
        Command::SignUp {
            handle,
            password,
            display_name,
            device_name,
        } => sign_up::start(
            cx,
            handle,
            password,
            display_name,
            device_name.as_deref().unwrap_or_default(),
        ),
        Command::LogIn {
            handle,
            password,
            device_name,
        } => log_in::start(
            cx,
            handle,
            password,
            device_name.as_deref().unwrap_or_default(),
        ),
        Command::LogOut { erase } => session::log_out(cx, *erase),
        Command::AddContact { by } => finding::add_contact(cx, by),
        Command::AcceptRequest { conversation_id } => requests::accept(cx, conversation_id),
        Command::DeclineRequest { conversation_id } => requests::decline(cx, conversation_id),
        Command::Block { contact_id } => contacts::block(cx, contact_id),
        Command::Unblock { contact_id } => contacts::unblock(cx, contact_id),
        Command::RemoveContact { contact_id } => contacts::remove(cx, contact_id),
        Command::SetNickname {
            contact_id,
            nickname,
        } => contacts::set_nickname(cx, contact_id, nickname),
        Command::SetFavourite {
            contact_id,
            favourite,
        } => contacts::set_favourite(cx, contact_id, *favourite),
        Command::CreateInviteLink => link::create(cx),
        Command::RevokeInviteLink => link::revoke(cx),
        Command::SetVerified {
            contact_id,
            verified,
            number,
        } => views::set_verified(cx, contact_id, *verified, number.as_deref()),
        Command::CheckSafetyQr {
            contact_id,
            payload,
        } => views::check_qr(cx, contact_id, payload),
        Command::AcceptNewIdentity { contact_id, number } => {
            contacts::accept_new_identity(cx, contact_id, number.as_deref())
        }
        Command::SendText {
            conversation_id,
            text,
            reply_to,
        } => writing::send_text(cx, conversation_id, text, *reply_to),
        Command::EditMessage { message_id, text } => writing::edit(cx, message_id, text),
        Command::DeleteMessages {
            conversation_id,
            message_ids,
            for_everyone,
        } => writing::delete(cx, conversation_id, message_ids, *for_everyone),
        Command::RetryMessage { message_id } => writing::retry(cx, message_id),
        Command::React { message_id, emoji } => writing::react(cx, message_id, emoji),
        Command::SetDraft {
            conversation_id,
            text,
        } => conversations::set_draft(cx, conversation_id, text),
        Command::MarkRead {
            conversation_id,
            up_to,
        } => writing::mark_read(cx, conversation_id, up_to),
        Command::SetTyping {
            conversation_id,
            active,
        } => typing::set(cx, conversation_id, *active),
        Command::SetPinned {
            conversation_id,
            pinned,
        } => conversations::set(cx, conversation_id, Switch::Pinned, *pinned),
        Command::SetMuted {
            conversation_id,
            muted,
        } => conversations::set(cx, conversation_id, Switch::Muted, *muted),
        Command::SetArchived {
            conversation_id,
            archived,
        } => conversations::set(cx, conversation_id, Switch::Archived, *archived),
        Command::DeleteConversation { conversation_id } => {
            conversations::delete(cx, conversation_id)
        }
        Command::SetProfile { display_name } => account::set_profile(cx, display_name),
        Command::UpdateSettings { settings } => settings::update(cx, settings),
        Command::ConfirmRecoveryKit { characters } => kit::confirm(cx, characters),
        Command::RefreshSessions => sessions_list::refresh(cx),
        Command::RevokeSession { session_id } => sessions_list::revoke(cx, session_id),
    }
}
