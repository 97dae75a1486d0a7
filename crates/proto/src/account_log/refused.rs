//! Why an entry or a log was refused.

use crate::codec::Malformed;

/// An entry or chain that breaks a rule. Always the fault of whoever sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("account log refused: {}", self.code())]
pub enum Refused {
    Malformed,
    Empty,
    NotGenesis,
    SecondGenesis,
    OtherAccount,
    WrongSequence,
    WrongPrevious,
    Closed,
    Full,
    Reserved,
    UnknownSigner,
    WrongSigner,
    BadSignature,
    BadCountersignature,
    NeedsAnnounce,
    AlreadyAnnounced,
    NothingAnnounced,
    MayNotCancel,
    RemovesItself,
    UnknownDevice,
    LastDevice,
    TooManyDevices,
    KeyUsedBefore,
    UnknownParent,
    VoidsFinalEntry,
    /// Entries are missing between what is known and what was offered.
    Gap,
}

impl Refused {
    /// Stable code for logs and screens.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Empty => "empty",
            Self::NotGenesis => "not_genesis",
            Self::SecondGenesis => "second_genesis",
            Self::OtherAccount => "other_account",
            Self::WrongSequence => "wrong_sequence",
            Self::WrongPrevious => "wrong_previous",
            Self::Closed => "closed",
            Self::Full => "full",
            Self::Reserved => "reserved",
            Self::UnknownSigner => "unknown_signer",
            Self::WrongSigner => "wrong_signer",
            Self::BadSignature => "bad_signature",
            Self::BadCountersignature => "bad_countersignature",
            Self::NeedsAnnounce => "needs_announce",
            Self::AlreadyAnnounced => "already_announced",
            Self::NothingAnnounced => "nothing_announced",
            Self::MayNotCancel => "may_not_cancel",
            Self::RemovesItself => "removes_itself",
            Self::UnknownDevice => "unknown_device",
            Self::LastDevice => "last_device",
            Self::TooManyDevices => "too_many_devices",
            Self::KeyUsedBefore => "key_used_before",
            Self::UnknownParent => "unknown_parent",
            Self::VoidsFinalEntry => "voids_final_entry",
            Self::Gap => "gap",
        }
    }
}

impl From<Malformed> for Refused {
    fn from(Malformed: Malformed) -> Self {
        Self::Malformed
    }
}
