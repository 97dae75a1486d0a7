//! The channel table: which content may come from whom, in which expiry class, and who may change what.
//!
//! Knows: the kinds of contents and their bounds. Must never know: keys, stored messages, what a text says.
//! Verbs: [`admit`] before an opened content is handled or a content is sealed, [`Kind::may_change`] for its target.
//! The table for readers: `docs/protocol/content.md`.

mod shape;

use crate::error::ErrorKind;
use crate::seal::ExpiryClass;
use securechat_proto::Fingerprint;
use securechat_proto::limits::REQUEST_CONTENT_BYTES_MAX;
use securechat_proto::wire::Message;
use securechat_proto::wire::content::Content;
use securechat_proto::wire::content::content::Body;

/// Who sent a content, as the engine knows the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// Another active device of this account.
    OwnDevice,
    /// Accepted by both, or asked by us: its first content may overtake its acceptance.
    Contact,
    /// Anybody else.
    Stranger,
}

/// The kinds of contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Text,
    Edit,
    Delete,
    Reaction,
    Receipt,
    Typing,
    Introduction,
    Acceptance,
    Profile,
    Repair,
    Resend,
    Gone,
    LogNotice,
    TokenGrant,
}

/// Whether a kind takes a number of its conversation, so that a lost one shows as a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbering {
    /// At least 1.
    Counted,
    /// Exactly 0: ephemeral.
    Never,
    /// Either: what they carry heals by itself.
    Free,
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    pub own_device: bool,
    pub contact: bool,
    pub stranger: bool,
    pub expiry: ExpiryClass,
    pub numbering: Numbering,
    /// Only the account that wrote the target.
    pub author_only: bool,
}

impl Kind {
    pub const ALL: [Self; 14] = [
        Self::Text,
        Self::Edit,
        Self::Delete,
        Self::Reaction,
        Self::Receipt,
        Self::Typing,
        Self::Introduction,
        Self::Acceptance,
        Self::Profile,
        Self::Repair,
        Self::Resend,
        Self::Gone,
        Self::LogNotice,
        Self::TokenGrant,
    ];

    pub const fn of(body: &Body) -> Self {
        match body {
            Body::Text(_) => Self::Text,
            Body::Edit(_) => Self::Edit,
            Body::Delete(_) => Self::Delete,
            Body::Reaction(_) => Self::Reaction,
            Body::Receipt(_) => Self::Receipt,
            Body::Typing(_) => Self::Typing,
            Body::Introduction(_) => Self::Introduction,
            Body::Acceptance(_) => Self::Acceptance,
            Body::Profile(_) => Self::Profile,
            Body::Repair(_) => Self::Repair,
            Body::Resend(_) => Self::Resend,
            Body::Gone(_) => Self::Gone,
            Body::LogNotice(_) => Self::LogNotice,
            Body::TokenGrant(_) => Self::TokenGrant,
        }
    }

    /// The table. All of it is pairwise: groups bring their own channel.
    pub const fn rule(self) -> Rule {
        const DURABLE: Rule = Rule {
            own_device: true,
            contact: true,
            stranger: false,
            expiry: ExpiryClass::Durable,
            numbering: Numbering::Counted,
            author_only: false,
        };
        const CONTROL: Rule = Rule {
            numbering: Numbering::Free,
            ..DURABLE
        };
        match self {
            Self::Text | Self::Reaction | Self::Acceptance | Self::Profile => DURABLE,
            Self::Edit | Self::Delete => Rule {
                author_only: true,
                ..DURABLE
            },
            Self::Introduction => Rule {
                stranger: true,
                ..DURABLE
            },
            // A request that was broken on the way heals before it is accepted.
            Self::Resend | Self::Gone => Rule {
                stranger: true,
                ..CONTROL
            },
            Self::Receipt | Self::Repair | Self::LogNotice | Self::TokenGrant => CONTROL,
            Self::Typing => Rule {
                own_device: false,
                expiry: ExpiryClass::Ephemeral,
                numbering: Numbering::Never,
                ..DURABLE
            },
        }
    }

    /// Whether the account `sender` may act on a content that `author` wrote.
    pub fn may_change(self, sender: &Fingerprint, author: &Fingerprint) -> bool {
        !self.rule().author_only || sender == author
    }
}

/// Why a content is not admitted: count and drop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAdmitted {
    /// No body, or one of a later version.
    #[error("unknown kind of content")]
    UnknownKind,
    /// An id, hash, token, list or text outside its bounds.
    #[error("content out of bounds")]
    OutOfBounds,
    /// This kind may not come from there.
    #[error("this content may not come from this sender")]
    NotFromThere,
    #[error("wrong expiry class for this content")]
    WrongExpiry,
    #[error("wrong numbering for this content")]
    WrongNumber,
    /// A stranger's content above [`REQUEST_CONTENT_BYTES_MAX`].
    #[error("the request is too long")]
    RequestTooLong,
    /// A resend carries something that is never resent.
    #[error("this content can not be resent")]
    NotResendable,
}

impl NotAdmitted {
    pub const fn code(self) -> &'static str {
        match self {
            Self::UnknownKind => "content_unknown_kind",
            Self::OutOfBounds => "content_out_of_bounds",
            Self::NotFromThere => "content_not_from_there",
            Self::WrongExpiry => "content_wrong_expiry",
            Self::WrongNumber => "content_wrong_number",
            Self::RequestTooLong => "content_request_too_long",
            Self::NotResendable => "content_not_resendable",
        }
    }

    pub const fn kind(self) -> ErrorKind {
        ErrorKind::Misbehaved
    }
}

/// Checks a content against its bounds and the table. For a resend the content inside is checked the same way.
///
/// # Errors
/// [`NotAdmitted`]: nothing of the content is used.
pub fn admit(content: &Content, from: Relation, expiry: ExpiryClass) -> Result<Kind, NotAdmitted> {
    let body = content.body.as_ref().ok_or(NotAdmitted::UnknownKind)?;
    let kind = Kind::of(body);
    let rule = kind.rule();
    if !shape::is_within_bounds(content, body) {
        return Err(NotAdmitted::OutOfBounds);
    }
    let allowed = match from {
        Relation::OwnDevice => rule.own_device,
        Relation::Contact => rule.contact,
        Relation::Stranger => rule.stranger,
    };
    if !allowed {
        return Err(NotAdmitted::NotFromThere);
    }
    if expiry != rule.expiry {
        return Err(NotAdmitted::WrongExpiry);
    }
    let numbered = match rule.numbering {
        Numbering::Counted => content.sequence > 0,
        Numbering::Never => content.sequence == 0,
        Numbering::Free => true,
    };
    if !numbered {
        return Err(NotAdmitted::WrongNumber);
    }
    if from == Relation::Stranger
        && kind == Kind::Introduction
        && content.encoded_len() > REQUEST_CONTENT_BYTES_MAX
    {
        return Err(NotAdmitted::RequestTooLong);
    }
    if let Body::Resend(resend) = body {
        admit_resent(&resend.content, from)?;
    }
    Ok(kind)
}

/// A resend carries one durable content of the same sender, never one that heals by itself.
fn admit_resent(bytes: &[u8], from: Relation) -> Result<(), NotAdmitted> {
    let resent = Content::decode(bytes).map_err(|_| NotAdmitted::OutOfBounds)?;
    let body = resent.body.as_ref().ok_or(NotAdmitted::UnknownKind)?;
    match Kind::of(body) {
        Kind::Typing | Kind::Repair | Kind::Resend | Kind::Gone => Err(NotAdmitted::NotResendable),
        Kind::Text
        | Kind::Edit
        | Kind::Delete
        | Kind::Reaction
        | Kind::Receipt
        | Kind::Introduction
        | Kind::Acceptance
        | Kind::Profile
        | Kind::LogNotice
        | Kind::TokenGrant => admit(&resent, from, ExpiryClass::Durable).map(|_| ()),
    }
}

#[cfg(test)]
mod tests;
