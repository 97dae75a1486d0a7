//! The engine's words towards people: what they can ask for ([`Command`]), what screens can read ([`Query`], [`View`]).
//!
//! Plain data in the words of the screen, serialised as tagged JSON; TypeScript types are generated from here into
//! `web/src/core/generated/`. The view model lives once, here, for web, command line and tests.

use securechat_proto::{ContentId, ConversationId, SessionId};
use serde::{Deserialize, Serialize};

/// Gives every item here the same derives: plain, serialisable, exported to TypeScript in tests.
macro_rules! plain {
    ($($item:item)*) => {
        $(
            #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
            #[cfg_attr(test, derive(ts_rs::TS))]
            $item
        )*
    };
}

mod views;

pub use views::*;

// ---- commands ----------------------------------------------------------------------------------

plain! {
/// What a person or a bot can do. Every command is answered by exactly one [`Reply`] or [`Refusal`],
/// at once or when the relay has answered.
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Command {
    /// Makes keys and account. Replies `Done` when the relay has stored them.
    /// `device_name`: what the shell calls this device ("Firefox on Linux"), shown to own devices only.
    SignUp {
        handle: String,
        password: String,
        display_name: String,
        #[serde(default)]
        #[cfg_attr(test, ts(optional))]
        device_name: Option<String>,
    },
    /// Opens a session for the account this store belongs to. On an empty store it tells whether the account exists
    /// (`device_not_linked`): linking or the recovery kit is needed. `device_name`: as in `SignUp`; without one the
    /// device keeps the name it has.
    LogIn {
        handle: String,
        password: String,
        #[serde(default)]
        #[cfg_attr(test, ts(optional))]
        device_name: Option<String>,
    },
    /// Ends the session at the relay. The shell erases the store afterwards when `erase` is set.
    LogOut { erase: bool },

    /// Finds an account and opens a conversation with it; the first message sent becomes a message request.
    /// Replies `Conversation`.
    AddContact { by: ContactAddress },
    /// Accepts an incoming message request.
    AcceptRequest { conversation_id: ConversationId },
    /// Removes an incoming message request; the sender learns nothing.
    DeclineRequest { conversation_id: ConversationId },
    /// Takes the delivery right away and hides the contact's requests.
    Block { contact_id: ContactId },
    Unblock { contact_id: ContactId },
    /// Removes the contact from the list; the conversation stays until deleted.
    RemoveContact { contact_id: ContactId },
    SetNickname { contact_id: ContactId, nickname: String },
    SetFavourite { contact_id: ContactId, favourite: bool },
    /// Replies `InviteLink`. The former link, if any, stops working.
    CreateInviteLink,
    RevokeInviteLink,
    /// "The safety numbers are the same" (true) or "they differ, or I take it back" (false). `number`: the digits that were
    /// compared; when the contact's are others by now, it is refused as `new_identity`.
    SetVerified { contact_id: ContactId, verified: bool, number: Option<String> },
    /// Compares a scanned safety QR with what we hold. Replies `QrChecked`; a match also verifies. Another text than a
    /// safety QR's is `invalid`.
    CheckSafetyQr { contact_id: ContactId, payload: String },
    /// "I know that this is a new identity": what was held goes out, under the new keys. `number` as in `SetVerified`; none
    /// when nothing was compared.
    AcceptNewIdentity { contact_id: ContactId, number: Option<String> },

    /// Replies `Message`.
    SendText { conversation_id: ConversationId, text: String, reply_to: Option<ContentId> },
    EditMessage { message_id: ContentId, text: String },
    DeleteMessages { conversation_id: ConversationId, message_ids: Vec<ContentId>, for_everyone: bool },
    /// Tries a failed message again.
    RetryMessage { message_id: ContentId },
    /// An empty emoji takes the reaction back.
    React { message_id: ContentId, emoji: String },
    SetDraft { conversation_id: ConversationId, text: String },
    /// Everything up to and including this message was seen.
    MarkRead { conversation_id: ConversationId, up_to: ContentId },
    SetTyping { conversation_id: ConversationId, active: bool },
    SetPinned { conversation_id: ConversationId, pinned: bool },
    SetMuted { conversation_id: ConversationId, muted: bool },
    SetArchived { conversation_id: ConversationId, archived: bool },
    /// Removes the conversation and its messages from this device.
    DeleteConversation { conversation_id: ConversationId },

    SetProfile { display_name: String },
    UpdateSettings { settings: Settings },
    /// The person retyped the asked characters of the recovery kit: erase the secret from this device.
    ConfirmRecoveryKit { characters: String },
    /// Asks the relay for the session list and the security trail.
    RefreshSessions,
    RevokeSession { session_id: SessionId },
}

/// How to find someone.
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ContactAddress {
    Handle { handle: String },
    /// The part of an invite link after `#`, or the text of an invite QR.
    Link { payload: String },
}

/// What a command answers.
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Reply {
    Done,
    Conversation { conversation_id: ConversationId, contact_id: ContactId },
    Message { message_id: ContentId },
    InviteLink { link: InviteLink },
    QrChecked { matches: bool },
}

/// Why a command was not carried out. The code is stable; texts are the shell's.
pub struct Refusal {
    pub code: RefusalCode,
    /// Set with `rate_limited`.
    pub retry_after_s: Option<u64>,
}
}

plain! {
#[derive(Copy, Eq)]
#[serde(rename_all = "snake_case")]
pub enum RefusalCode {
    /// A field is too long, empty or malformed.
    Invalid,
    HandleInvalid,
    PasswordTooShort,
    HandleTaken,
    WrongCredentials,
    SignUpClosed,
    /// This store has no account yet.
    NoAccount,
    /// This store already has an account.
    AccountExists,
    /// The account exists, but this browser is not one of its devices.
    DeviceNotLinked,
    /// The relay asks for the password again.
    PasswordNeeded,
    NotFound,
    /// That is your own account.
    OwnAccount,
    Blocked,
    /// The contact has a new identity that was not accepted yet.
    NewIdentity,
    /// Two contradicting account logs were seen: sending stopped.
    Frozen,
    /// Only the author can do that.
    NotAuthor,
    /// The contact has not accepted yet.
    NotAccepted,
    TooLong,
    RateLimited,
    QuotaExceeded,
    /// No connection to the relay.
    Offline,
    /// The relay answered something unexpected or failed.
    ServerFailed,
    /// Local storage is full: read-only until there is room.
    StorageFull,
    /// A bug on this side.
    Internal,
}
}

// ---- queries -----------------------------------------------------------------------------------

plain! {
/// What screens can read. Answers come from this device's store at once, never from the network.
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Query {
    Account,
    Chats { filter: ChatFilter },
    Conversation { conversation_id: ConversationId },
    /// A window of a conversation, oldest first. `around` wins over `before` and `after`; none of them = the newest.
    Timeline {
        conversation_id: ConversationId,
        before: Option<ContentId>,
        after: Option<ContentId>,
        around: Option<ContentId>,
        limit: u32,
    },
    MessageDetails { message_id: ContentId },
    /// Contacts of whom every word of `text` begins a word of the name or the handle; all for an empty text.
    Contacts { text: String },
    Contact { contact_id: ContactId },
    SafetyNumber { contact_id: ContactId },
    Blocked,
    InviteLink,
    Search { text: String, conversation_id: Option<ConversationId>, limit: u32 },
    Settings,
    Sessions,
    RecoveryKit,
    Server,
    Storage,
}

#[derive(Copy, Eq)]
#[serde(rename_all = "snake_case")]
pub enum ChatFilter { All, Unread, Archived, Requests }

/// The answer to a [`Query`], same variant name.
#[serde(tag = "type", rename_all = "snake_case")]
pub enum View {
    Account(AccountView),
    Chats(ChatsView),
    Conversation(ConversationView),
    Timeline(TimelineView),
    MessageDetails(MessageDetailsView),
    Contacts(ContactsView),
    Contact(ContactView),
    SafetyNumber(SafetyNumberView),
    Blocked(ContactsView),
    InviteLink(InviteLinkView),
    Search(SearchView),
    Settings(SettingsView),
    Sessions(SessionsView),
    RecoveryKit(RecoveryKitView),
    Server(ServerView),
    Storage(StorageView),
    /// The thing asked for does not exist (any more).
    NotFound,
}
}

/// Local id of a contact on this account's devices; survives a change of identity.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(transparent)]
pub struct ContactId(pub ConversationId);
