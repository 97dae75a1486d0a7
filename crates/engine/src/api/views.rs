//! What screens show, part by part: plain data in the words of the screen. One [`View`](super::View) holds one of these.

use super::{ContactId, RefusalCode};
use securechat_proto::api::{KnownFact, SecurityEventKind};
use securechat_proto::{AccountId, ContentId, ConversationId, DeviceId, SessionId, Timestamp};
use serde::{Deserialize, Serialize};

plain! {
pub struct AccountView {
    pub state: AccountState,
    /// Empty until signed up.
    pub handle: String,
    pub display_name: String,
    pub account_id: Option<AccountId>,
    pub device_id: Option<DeviceId>,
    pub device_name: String,
    pub connection: Connection,
    /// The recovery kit was taken (shown, and checked by retyping).
    pub kit_taken: bool,
    /// Messages to show, over all conversations that are not muted.
    pub unread: u32,
    pub requests: u32,
    /// Envelopes, requests and receipts that are stored here and not with the relay yet.
    pub pending: u32,
    /// The device clock is this far ahead of the relay's, when by more than a minute.
    pub clock_ahead_ms: Option<i64>,
}

#[derive(Copy, Eq)]
#[serde(rename_all = "snake_case")]
pub enum AccountState {
    /// Empty store.
    None,
    /// Keys are made, the relay has not confirmed yet.
    SigningUp,
    Ready,
    /// Signed out, or signed out by its owner elsewhere: the password is needed; history can be read.
    SignedOut,
    /// The device was removed from the account log.
    Removed,
    /// Another copy of this store was used in the meantime (restored backup): nothing old is sent.
    StaleCopy,
}

#[derive(Copy, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Connection { Offline, Connecting, CatchingUp, Online }

pub struct ChatsView { pub items: Vec<ChatItem> }

pub struct ChatItem {
    pub conversation_id: ConversationId,
    pub contact_id: ContactId,
    /// Nickname, else display name, else handle.
    pub title: String,
    /// Stable number to pick an avatar colour from.
    pub colour_seed: u32,
    pub preview: Option<Preview>,
    pub last_at_ms: Option<Timestamp>,
    pub unread: u32,
    pub draft: String,
    pub typing: bool,
    pub pinned: bool,
    pub muted: bool,
    pub archived: bool,
    pub blocked: bool,
    pub request: RequestState,
    pub trust: Trust,
}

pub struct Preview {
    pub from_me: bool,
    pub kind: PreviewKind,
    /// First 120 characters, empty for other kinds than text.
    pub text: String,
    pub state: Option<SendState>,
}

#[derive(Copy, Eq)]
#[serde(rename_all = "snake_case")]
pub enum PreviewKind { Text, Deleted, Healing, Unsupported, System }

#[derive(Copy, Eq)]
#[serde(rename_all = "snake_case")]
pub enum RequestState {
    /// Both sides accepted.
    None,
    /// They wrote first: accept, decline or block.
    Incoming,
    /// We wrote first and wait for an answer.
    Outgoing,
    /// Nothing written yet in either direction.
    Unsent,
}

/// What the trust line says; from engine state only.
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Trust {
    /// Safety numbers were compared.
    Verified { at_ms: Timestamp },
    /// Encrypted; nobody compared the safety numbers.
    Unverified,
    /// Keys are being fetched; messages wait until they are there.
    Establishing,
    /// A new identity: sending waits until the person accepts it.
    NewIdentity { at_ms: Timestamp, was_verified: bool },
    /// Two contradicting logs: sending stopped.
    Frozen { at_ms: Timestamp },
}

pub struct ConversationView {
    pub conversation_id: ConversationId,
    pub contact_id: ContactId,
    pub title: String,
    pub handle: String,
    pub colour_seed: u32,
    pub trust: Trust,
    pub request: RequestState,
    pub blocked: bool,
    pub muted: bool,
    pub pinned: bool,
    pub archived: bool,
    pub typing: bool,
    pub draft: String,
    pub unread: u32,
    /// None: can be written to.
    pub cannot_send: Option<RefusalCode>,
}

pub struct TimelineView {
    /// Oldest first.
    pub items: Vec<TimelineItem>,
    pub has_older: bool,
    pub has_newer: bool,
    /// First unread message, for the "new messages" line.
    pub first_unread: Option<ContentId>,
    pub unread: u32,
}

pub struct TimelineItem {
    pub message_id: ContentId,
    /// The relay's acceptance time, or the local time while queued.
    pub at_ms: Timestamp,
    pub from_me: bool,
    pub body: ItemBody,
    /// Own messages only.
    pub state: Option<SendState>,
    pub reactions: Vec<Reaction>,
}

#[serde(tag = "type", rename_all = "snake_case")]
pub enum ItemBody {
    Text { text: String, edited: bool, reply_to: Option<Quote> },
    Deleted,
    /// Could not be opened; a new copy was asked for and replaces this row.
    Healing { asked_at_ms: Timestamp },
    /// Healing was given up.
    Lost,
    /// From a newer version: "update to see this".
    Unsupported,
    System { event: SystemEvent },
}

#[derive(Copy, Eq)]
#[serde(rename_all = "snake_case")]
pub enum SystemEvent {
    RequestSent,
    RequestAccepted,
    /// The contact linked or removed a device: one calm line.
    DevicesChanged,
    /// The keys a device of the contact published are more than 40 days old: it was away, or the relay holds newer
    /// ones back.
    OldKeys,
    NewIdentity,
    NewIdentityAccepted,
    Verified,
    VerificationRemoved,
    Frozen,
    Thawed,
    /// Messages are missing before this point.
    Gap,
    Blocked,
    Unblocked,
}

pub struct Quote {
    pub message_id: ContentId,
    pub from_me: bool,
    /// First 160 characters; empty when the original is gone.
    pub text: String,
    pub available: bool,
}

pub struct Reaction {
    pub emoji: String,
    pub from_me: bool,
    pub from_them: bool,
}

#[serde(tag = "type", rename_all = "snake_case")]
pub enum SendState {
    /// Stored on this device, not with the relay yet.
    Queued,
    /// Kept back: contact not accepted, new identity, held by the relay.
    Waiting,
    Sent,
    Delivered,
    Read,
    Failed { code: RefusalCode },
    /// 30 days passed without a delivery receipt.
    NotDelivered,
}

pub struct MessageDetailsView {
    pub item: TimelineItem,
    pub written_at_ms: Timestamp,
    pub accepted_at_ms: Option<Timestamp>,
    pub expires_at_ms: Option<Timestamp>,
    pub delivered_at_ms: Option<Timestamp>,
    pub read_at_ms: Option<Timestamp>,
    pub edits: Vec<EditInfo>,
    /// Devices this message was sealed for, or that sent it.
    pub devices: u32,
}

pub struct EditInfo { pub at_ms: Timestamp, pub text: String }

pub struct ContactsView { pub contacts: Vec<ContactItem> }

pub struct ContactItem {
    pub contact_id: ContactId,
    pub conversation_id: Option<ConversationId>,
    pub name: String,
    pub handle: String,
    pub colour_seed: u32,
    pub favourite: bool,
    pub blocked: bool,
    pub trust: Trust,
    pub request: RequestState,
}

pub struct ContactView {
    pub item: ContactItem,
    pub display_name: String,
    pub nickname: String,
    pub devices: u32,
    pub added_at_ms: Timestamp,
    /// First 8 characters of the identity, for support.
    pub identity_short: String,
}

pub struct SafetyNumberView {
    /// 12 groups of 5 digits.
    pub groups: Vec<String>,
    /// Text to draw as QR.
    pub qr: String,
    pub trust: Trust,
}

pub struct InviteLinkView { pub link: Option<InviteLink> }

pub struct InviteLink {
    /// Put behind `https://HOST/#` by the shell; also the text of the QR.
    pub payload: String,
    pub created_at_ms: Timestamp,
    pub expires_at_ms: Timestamp,
    pub uses_max: u32,
    /// The relay has confirmed it; before that it does not work yet.
    pub active: bool,
}

pub struct SearchView {
    pub hits: Vec<SearchHit>,
    pub contacts: Vec<ContactItem>,
    /// There are more hits than the limit.
    pub more: bool,
}

pub struct SearchHit {
    pub conversation_id: ConversationId,
    pub message_id: ContentId,
    pub title: String,
    pub colour_seed: u32,
    pub from_me: bool,
    pub at_ms: Timestamp,
    /// A stretch of the text around the first match.
    pub snippet: Vec<SnippetPart>,
}

pub struct SnippetPart { pub text: String, pub matched: bool }

pub struct SettingsView { pub settings: Settings }

/// Synced between own devices as one encrypted account record.
pub struct Settings {
    pub read_receipts: bool,
    pub typing_indicators: bool,
    pub notifications: bool,
    /// Shows sender and text in desktop notifications.
    pub notification_preview: bool,
    pub theme: Theme,
    pub accent: Accent,
    pub density: Density,
    /// BCP 47 tag, or empty for the browser's.
    pub language: String,
    pub enter_sends: bool,
    pub single_key_shortcuts: bool,
}

#[derive(Copy, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Theme { System, Light, Dark }

#[derive(Copy, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Accent { Both, Green, Purple }

#[derive(Copy, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Density { Comfortable, Compact }

pub struct SessionsView {
    pub sessions: Vec<SessionItem>,
    pub events: Vec<SecurityEventItem>,
    /// None: never fetched.
    pub fetched_at_ms: Option<Timestamp>,
}

pub struct SessionItem {
    pub session_id: SessionId,
    pub device_id: DeviceId,
    pub name: String,
    pub created_at_ms: Timestamp,
    pub last_used_at_ms: Timestamp,
    pub current: bool,
}

pub struct SecurityEventItem {
    pub kind: SecurityEventKind,
    pub at_ms: Timestamp,
    pub origin: String,
}

pub struct RecoveryKitView {
    pub taken: bool,
    /// Groups to show and print; empty once taken.
    pub groups: Vec<String>,
    /// Which characters (0-based, over the joined groups) must be retyped.
    pub check_positions: Vec<u32>,
}

pub struct ServerView {
    pub name: String,
    pub version: String,
    pub retention_days: u32,
    pub knows: Vec<KnownFact>,
    /// None: never fetched.
    pub fetched_at_ms: Option<Timestamp>,
}

pub struct StorageView {
    pub messages: u64,
    pub conversations: u64,
    pub database_bytes: u64,
    /// Local storage is full: nothing can be sent or received.
    pub read_only: bool,
}
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            read_receipts: true,
            typing_indicators: true,
            notifications: true,
            notification_preview: true,
            theme: Theme::System,
            accent: Accent::Both,
            density: Density::Comfortable,
            language: String::new(),
            enter_sends: true,
            single_key_shortcuts: true,
        }
    }
}
