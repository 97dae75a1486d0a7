//! WebSocket framing for the load generator: zero mask, no copies beyond one buffer, so that the generator stays
//! cheaper than what it measures. Only what a client needs (RFC 6455 section 5).

/// Binary message.
pub const BINARY: u8 = 2;
/// Text message.
pub const TEXT: u8 = 1;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// Appends one masked client frame with an all-zero mask.
pub fn write(opcode: u8, payload: &[u8], out: &mut Vec<u8>) {
    out.push(0x80 | opcode);
    match payload.len() {
        n @ 0..=125 => out.push(0x80 | n as u8),
        n @ 126..=65_535 => {
            out.push(0x80 | 126);
            out.extend((n as u16).to_be_bytes());
        }
        n => {
            out.push(0x80 | 127);
            out.extend((n as u64).to_be_bytes());
        }
    }
    out.extend([0, 0, 0, 0]);
    out.extend_from_slice(payload);
}

/// Reads one whole server frame from the front of `buffer`: opcode, payload range, bytes consumed.
pub fn read(buffer: &[u8]) -> Option<(u8, std::ops::Range<usize>, usize)> {
    let (&first, &second) = (buffer.first()?, buffer.get(1)?);
    let (head, length): (usize, usize) = match second & 127 {
        126 => (
            4,
            usize::from(u16::from_be_bytes(buffer.get(2..4)?.try_into().ok()?)),
        ),
        127 => (
            10,
            usize::try_from(u64::from_be_bytes(buffer.get(2..10)?.try_into().ok()?)).ok()?,
        ),
        n => (2, usize::from(n)),
    };
    let end = head.checked_add(length)?;
    (buffer.len() >= end).then_some((first & 15, head..end, end))
}

/// The HTTP upgrade request for `path`.
pub fn upgrade(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_every_length_class_are_read_back() {
        for length in [0usize, 1, 125, 126, 65_535, 65_536] {
            let payload = vec![7; length];
            let mut bytes = Vec::new();
            write(BINARY, &payload, &mut bytes);
            // A server frame is the same without the mask bit and the four mask bytes.
            bytes[1] &= 127;
            let head = bytes.len() - length;
            bytes.drain(head - 4..head);
            let (opcode, range, used) = read(&bytes).unwrap();
            assert_eq!(
                (opcode, &bytes[range], used),
                (BINARY, payload.as_slice(), bytes.len())
            );
            assert_eq!(read(&bytes[..bytes.len() - 1]), None);
        }
    }
}
