//! The sealed body: who sent it, for which session, the ratchet message, and zeros up to a bucket.
//!
//! Knows: the layout inside the outer seal. Must never know: keys, contents. Bytes: `docs/protocol/envelope.md`.

use crate::pqxdh::{Address, CompactHandshake, SessionName, VERSION};
use securechat_proto::codec::{Malformed, Reader};
use securechat_proto::limits::PADDING_BUCKETS;
use securechat_proto::{DeviceId, Fingerprint};

const KIND_MESSAGE: u8 = 1;
const KIND_HANDSHAKE: u8 = 2;
/// version || kind || fingerprint || device id || sid, and behind it the tag.
const TAG_AT: usize = 1 + 1 + 32 + 16 + 16;
pub(crate) const TAG_BYTES: usize = 16;
const HEADER_BYTES: usize = TAG_AT + TAG_BYTES + 4;

/// Longest content one envelope carries: it fits the last bucket beside a compact handshake and the ratchet's own
/// bytes (at most 91 with the padding of its block cipher). Longer things travel as blobs.
pub const CONTENT_BYTES_MAX: usize = 64_000;

/// A sealed body, decoded. Nothing in it is proved before the repair tag and the ratchet message are.
pub(crate) struct Body {
    pub sender: Address,
    pub sid: SessionName,
    pub tag: [u8; TAG_BYTES],
    pub handshake: Option<CompactHandshake>,
    pub message: Vec<u8>,
}

/// Encodes and pads a body whose tag field is zero; [`set_tag`] fills it in. `None`: longer than the last bucket.
pub(crate) fn encode(
    sender: &Address,
    sid: &SessionName,
    handshake: Option<&CompactHandshake>,
    message: &[u8],
) -> Option<Vec<u8>> {
    let handshake = handshake.map(CompactHandshake::to_bytes);
    let length = handshake.as_ref().map_or(0, Vec::len) + message.len();
    let total = HEADER_BYTES + length;
    let bucket = PADDING_BUCKETS
        .into_iter()
        .find(|bucket| *bucket >= total)?;
    let mut body = Vec::with_capacity(bucket);
    body.push(VERSION);
    body.push(if handshake.is_some() {
        KIND_HANDSHAKE
    } else {
        KIND_MESSAGE
    });
    body.extend_from_slice(sender.fingerprint.as_bytes());
    body.extend_from_slice(sender.device.as_bytes());
    body.extend_from_slice(&sid.0);
    body.extend_from_slice(&[0; TAG_BYTES]);
    body.extend_from_slice(&u32::try_from(length).ok()?.to_be_bytes());
    body.extend_from_slice(handshake.as_deref().unwrap_or_default());
    body.extend_from_slice(message);
    body.resize(bucket, 0);
    Some(body)
}

/// Decodes an opened body.
///
/// # Errors
/// [`Malformed`]: another version or kind, a length that is no bucket, a wrong inner length, padding that is not
/// zero, an empty message or a malformed handshake.
pub(crate) fn decode(bytes: &[u8]) -> Result<Body, Malformed> {
    if !PADDING_BUCKETS.contains(&bytes.len()) {
        return Err(Malformed);
    }
    let mut reader = Reader::new(bytes);
    reader.expect(VERSION)?;
    let with_handshake = match reader.u8()? {
        KIND_MESSAGE => false,
        KIND_HANDSHAKE => true,
        _ => return Err(Malformed),
    };
    let sender = Address {
        fingerprint: Fingerprint(reader.array()?),
        device: DeviceId(reader.array()?),
    };
    let sid = SessionName(reader.array()?);
    let tag = reader.array()?;
    let length = usize::try_from(reader.u32()?).map_err(|_| Malformed)?;
    let mut inner = Reader::new(reader.take(length)?);
    let padding = reader.take(reader.left())?;
    if padding.iter().any(|byte| *byte != 0) {
        return Err(Malformed);
    }
    let handshake = if with_handshake {
        Some(CompactHandshake::read(&mut inner)?)
    } else {
        None
    };
    let message = inner.take(inner.left())?.to_vec();
    if message.is_empty() {
        return Err(Malformed);
    }
    Ok(Body {
        sender,
        sid,
        tag,
        handshake,
        message,
    })
}

/// Writes the repair tag into an encoded body.
pub(crate) fn set_tag(body: &mut [u8], tag: &[u8; TAG_BYTES]) {
    if let Some(field) = body.get_mut(TAG_AT..TAG_AT + TAG_BYTES) {
        field.copy_from_slice(tag);
    }
}

/// The body as the repair tag covers it: padding included, tag field zero.
pub(crate) fn without_tag(body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    set_tag(&mut body, &[0; TAG_BYTES]);
    body
}
