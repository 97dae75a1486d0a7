//! Safety numbers: what two people compare to know that the relay gave each the other's real account.
//!
//! Knows: two fingerprints, two log heads. Must never know: why they are compared. Bytes: docs/protocol/safety-number.md.

use crate::primitives::sha512;
use securechat_proto::account_log::{Freshness, Log, LogHead};
use securechat_proto::codec::{Malformed, Reader};
use securechat_proto::{Fingerprint, b64};

const VERSION: u8 = 1;
/// As many rounds as Signal: a search for a look-alike number costs 5,200 times more.
const ROUNDS: usize = 5_200;
const DIGITS_PER_SIDE: usize = 30;

/// 60 digits, the same on both sides: 30 per account, the smaller half first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SafetyNumber(String);

impl SafetyNumber {
    pub fn of(one: &Fingerprint, other: &Fingerprint) -> Self {
        let (one, other) = (half(one), half(other));
        Self(if one <= other {
            one + &other
        } else {
            other + &one
        })
    }

    /// 60 digits without spaces.
    pub fn digits(&self) -> &str {
        &self.0
    }

    /// Twelve groups of five digits, as shown.
    pub fn groups(&self) -> [&str; 12] {
        std::array::from_fn(|group| &self.0[group * 5..group * 5 + 5])
    }
}

/// h = SHA-512(version || fp); 5,199 times more h = SHA-512(h || fp); six times five bytes of it, big-endian, modulo
/// 100,000, five digits each.
fn half(account: &Fingerprint) -> String {
    let mut hash = sha512(&[&[VERSION], account.as_bytes()]);
    for _ in 1..ROUNDS {
        hash = sha512(&[&hash, account.as_bytes()]);
    }
    let mut digits = String::with_capacity(DIGITS_PER_SIDE);
    for chunk in hash.chunks_exact(5).take(DIGITS_PER_SIDE / 5) {
        let number = chunk
            .iter()
            .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        digits.push_str(&format!("{:05}", number % 100_000));
    }
    digits
}

/// An account and its log, as one side knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Side {
    pub account: Fingerprint,
    pub head: LogHead,
}

/// What the verification QR code says. Scanned from the other person's screen, so it is theirs, not the relay's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QrPayload {
    /// The account that shows the code.
    pub shown_by: Side,
    /// The account it is shown to, as the shower knows it.
    pub shown_to: Side,
}

/// What a scan of the right person's code says about both logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scanned {
    /// Their log as we hold it against the head on their screen. `ClaimForks` here is a proved fork of what the relay
    /// gave us: freeze; the scanned head picks the branch.
    pub their_log: Freshness,
    /// Our log against what they know of it. `ClaimForks`: they were given another log of ours.
    pub our_log: Freshness,
}

/// The code is not the one that was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QrMismatch {
    #[error("not a verification code")]
    Malformed,
    /// The scanned account is not the contact it was scanned for: do not verify.
    #[error("the code belongs to another account")]
    OtherAccount,
    /// They know another account under our name: do not verify.
    #[error("the other side knows another account as ours")]
    NotUs,
}

impl QrMismatch {
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "qr_malformed",
            Self::OtherAccount => "qr_other_account",
            Self::NotUs => "qr_not_us",
        }
    }
}

impl QrPayload {
    pub const BYTES: usize = 1 + 2 * (32 + LogHead::BYTES);

    /// version || shower fp[32] || its head[44] || other fp[32] || its head[44]
    pub fn encode(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[0] = VERSION;
        for (at, side) in [(1, &self.shown_by), (77, &self.shown_to)] {
            bytes[at..at + 32].copy_from_slice(side.account.as_bytes());
            bytes[at + 32..at + 76].copy_from_slice(&side.head.encode());
        }
        bytes
    }

    /// # Errors
    /// [`Malformed`]
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        reader.expect(VERSION)?;
        let mut side = || {
            Ok(Side {
                account: Fingerprint(reader.array()?),
                head: LogHead::read(&mut reader)?,
            })
        };
        let (shown_by, shown_to) = (side()?, side()?);
        reader.finish()?;
        Ok(Self { shown_by, shown_to })
    }

    /// The text in the QR code: base64url.
    pub fn to_text(&self) -> String {
        b64::encode(&self.encode())
    }

    /// Checks a scanned text against the contact it was scanned for.
    ///
    /// # Errors
    /// [`QrMismatch`]
    pub fn check(text: &str, ours: &Log, theirs: &Log) -> Result<Scanned, QrMismatch> {
        let bytes = b64::decode(text.trim()).ok_or(QrMismatch::Malformed)?;
        let payload = Self::decode(&bytes).map_err(|_| QrMismatch::Malformed)?;
        if payload.shown_by.account != theirs.fingerprint() {
            return Err(QrMismatch::OtherAccount);
        }
        if payload.shown_to.account != ours.fingerprint() {
            return Err(QrMismatch::NotUs);
        }
        Ok(Scanned {
            their_log: theirs.freshness(&payload.shown_by.head),
            our_log: ours.freshness(&payload.shown_to.head),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_see_the_same_60_digits() {
        let (a, b) = (Fingerprint([1; 32]), Fingerprint([2; 32]));
        let number = SafetyNumber::of(&a, &b);
        assert_eq!(number, SafetyNumber::of(&b, &a));
        assert_eq!(number.digits().len(), 60);
        assert!(number.digits().bytes().all(|byte| byte.is_ascii_digit()));
        assert_eq!(number.groups().concat(), number.digits());
        assert_ne!(number, SafetyNumber::of(&a, &Fingerprint([3; 32])));
    }

    #[test]
    fn qr_payload_is_strict() {
        let side = |byte| Side {
            account: Fingerprint([byte; 32]),
            head: LogHead {
                era: 1,
                sequence: u64::from(byte),
                hash: [byte; 32],
            },
        };
        let payload = QrPayload {
            shown_by: side(1),
            shown_to: side(2),
        };
        let bytes = payload.encode();
        assert_eq!(QrPayload::decode(&bytes), Ok(payload));
        assert_eq!(QrPayload::decode(&bytes[..152]), Err(Malformed));
        assert_eq!(
            QrPayload::decode(&[&bytes[..], &[0]].concat()),
            Err(Malformed)
        );
        let mut other = bytes;
        other[0] = 2;
        assert_eq!(QrPayload::decode(&other), Err(Malformed));
    }
}
