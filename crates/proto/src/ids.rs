//! Opaque identifiers: fixed-size bytes, base64url text in JSON, first three bytes in logs.

use crate::b64;

/// Defines an id of `$len` bytes whose JSON form is base64url and whose Debug form shows three bytes.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[cfg_attr(feature = "openapi", schema(value_type = String, pattern = "^[A-Za-z0-9_-]+$"))]
        #[cfg_attr(feature = "ts", derive(ts_rs::TS))]
        #[cfg_attr(feature = "ts", ts(type = "string"))]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $len;

            /// Takes exactly [`Self::LEN`] bytes.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }

            pub fn as_bytes(&self) -> &[u8] {
                &self.0
            }

            pub fn to_vec(self) -> Vec<u8> {
                self.0.to_vec()
            }

            /// Reads the base64url form.
            pub fn parse(text: &str) -> Option<Self> {
                b64::decode_array(text).map(Self)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&b64::encode(&self.0))
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let [a, b, c, ..] = self.0;
                write!(f, "{}({a:02x}{b:02x}{c:02x})", stringify!($name))
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::parse(text).ok_or(InvalidId)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not a valid id"))
            }
        }
    };
}

/// The text was not the base64url form of an id of the right length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid id")]
pub struct InvalidId;

id!(/// A registration at this relay; routing only, never an identity.
    AccountId, 16);
id!(/// One installation: first 16 bytes of SHA-256(`SC1/device` || DSK || IK).
    DeviceId, 16);
id!(/// SHA-256 of the canonical Genesis entry: the identity that pins and safety numbers refer to.
    Fingerprint, 32);
id!(/// One sealed envelope; the relay and the engine drop duplicates by it.
    EnvelopeId, 16);
id!(/// One submit of one or more envelopes; a retry carries the same id and the same bytes.
    SubmitId, 16);
id!(/// One content (a message, an edit, a receipt); a repair keeps it.
    ContentId, 16);
id!(/// A conversation; for two accounts SHA-256(`dm` || both fingerprints sorted), first 16 bytes.
    ConversationId, 16);
id!(/// A session with the relay (a JWT chain), chosen by the client.
    SessionId, 16);
id!(/// One REST request the engine asked its shell for.
    RequestId, 16);
id!(/// SHA-256 of a 16-byte delivery token, first 16 bytes; all the relay stores of a token.
    TokenHash, 16);

/// Milliseconds since 1970-01-01 UTC.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "ts", ts(type = "number"))]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    pub fn saturating_add_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to `self`, 0 when `earlier` is later.
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_is_22_characters_and_round_trips() {
        let id = AccountId([7; 16]);
        assert_eq!(id.to_string().len(), 22);
        assert_eq!(AccountId::parse(&id.to_string()), Some(id));
    }

    #[test]
    fn wrong_lengths_and_padding_are_refused() {
        for text in [
            "",
            "AAAA",
            "BwcHBwcHBwcHBwcHBwcHBw==",
            "BwcHBwcHBwcHBwcHBwcHBwc",
            "!!cHBwcHBwcHBwcHBwcHBw",
        ] {
            assert_eq!(AccountId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn debug_form_shows_three_bytes_only() {
        assert_eq!(format!("{:?}", DeviceId([0xab; 16])), "DeviceId(ababab)");
    }
}
