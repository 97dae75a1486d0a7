//! One connection of a simulated user: what a message, an acknowledgement and a delivery look like on each system.

use super::frame;
use securechat_proto::limits;
use securechat_proto::wire::{Message, socket};
use std::time::Instant;

/// Systems under load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum System {
    /// This product.
    Securechat,
    /// Socket.IO 4 over WebSocket, the peer in `bench/peers/socket-io`.
    SocketIo,
}

/// Whom a user writes to.
#[derive(Clone, Default)]
pub struct Partner {
    /// Index of the user.
    pub index: usize,
    pub account_id: Vec<u8>,
    pub device_id: Vec<u8>,
    pub token: Vec<u8>,
}

/// What came in.
pub enum Event {
    /// A message; when it was sent, in nanoseconds of [`clock`].
    Received(u64),
    /// The server has one of ours on disk.
    Accepted,
    /// The relay refused or closed: the run is not valid.
    Failed(String),
    Other,
}

/// Marks the send time inside a body, so that the receiver can tell the latency.
const MARK: &[u8; 4] = b"SCLG";

/// Encodes and decodes for one system; keeps what must stay unique.
pub struct Codec {
    system: System,
    partner: Partner,
    body_bytes: usize,
    counter: u64,
    seed: u64,
}

impl Codec {
    /// `seed` must differ between users: ids are made from it.
    pub fn new(system: System, partner: Partner, body_bytes: usize, seed: u64) -> Self {
        Self {
            system,
            partner,
            body_bytes,
            counter: 0,
            seed,
        }
    }

    /// Appends one message to the partner, stamped with `at`.
    pub fn message(&mut self, at: u64, out: &mut Vec<u8>) {
        self.counter += 1;
        match self.system {
            System::Securechat => {
                let submit = socket::Submit {
                    submit_id: self.id(1),
                    destinations: vec![socket::Destination {
                        account_id: self.partner.account_id.clone(),
                        token: self.partner.token.clone(),
                        envelopes: vec![socket::Envelope {
                            envelope_id: self.id(2),
                            device_id: self.partner.device_id.clone(),
                            sealing_key_number: 1,
                            ciphertext: self.body(at),
                        }],
                    }],
                    ..Default::default()
                };
                let frame = socket::ClientFrame {
                    frame: Some(socket::client_frame::Frame::Submit(submit)),
                };
                frame::write(frame::BINARY, &frame.encode_to_vec(), out);
            }
            System::SocketIo => {
                let mut text = format!(
                    "42{}[\"msg\",{{\"to\":{},\"body\":\"",
                    self.counter, self.partner.index
                );
                text.push_str(&format!("{}{at:016x}", String::from_utf8_lossy(MARK)));
                text.extend(std::iter::repeat_n('x', self.body_bytes.saturating_sub(20)));
                text.push_str("\"}]");
                frame::write(frame::TEXT, text.as_bytes(), out);
            }
        }
    }

    /// Understands one frame; answers (acks, pongs) are appended to `out`.
    pub fn receive(&self, opcode: u8, payload: &[u8], out: &mut Vec<u8>) -> Event {
        match opcode {
            frame::PING => {
                frame::write(frame::PONG, payload, out);
                Event::Other
            }
            frame::CLOSE => Event::Failed(format!("closed with {:?}", payload.get(..2))),
            _ => match self.system {
                System::Securechat => Self::receive_securechat(payload, out),
                System::SocketIo => Self::receive_socket_io(payload, out),
            },
        }
    }

    fn receive_securechat(payload: &[u8], out: &mut Vec<u8>) -> Event {
        use socket::server_frame::Frame;
        let Ok(socket::ServerFrame { frame: Some(frame) }) = socket::ServerFrame::decode(payload)
        else {
            return Event::Failed("a frame did not decode".into());
        };
        match frame {
            Frame::Delivery(delivery) => {
                let ack = socket::ClientFrame {
                    frame: Some(socket::client_frame::Frame::Ack(socket::Ack {
                        cursor: delivery.cursor,
                    })),
                };
                frame::write(frame::BINARY, &ack.encode_to_vec(), out);
                match delivery.ciphertext.get(4..12) {
                    Some(at) if delivery.ciphertext.starts_with(MARK) => {
                        Event::Received(u64::from_be_bytes(at.try_into().unwrap_or_default()))
                    }
                    _ => Event::Other,
                }
            }
            Frame::Accepted(accepted) => {
                let stored = |result: &socket::DestinationResult| {
                    result.outcome() == socket::Outcome::Stored
                };
                if accepted.results.iter().all(stored) {
                    Event::Accepted
                } else {
                    Event::Failed(format!("outcomes {:?}", accepted.results))
                }
            }
            _ => Event::Other,
        }
    }

    fn receive_socket_io(payload: &[u8], out: &mut Vec<u8>) -> Event {
        if payload == b"2" {
            frame::write(frame::TEXT, b"3", out);
            return Event::Other;
        }
        if payload.starts_with(b"43") {
            return Event::Accepted;
        }
        if !payload.starts_with(b"42") {
            return Event::Other;
        }
        let text = String::from_utf8_lossy(payload);
        let digits = |after: &str| -> String {
            text.split_once(after)
                .map_or("", |(_, rest)| rest)
                .chars()
                .filter(|c| *c != '"')
                .take_while(char::is_ascii_digit)
                .collect()
        };
        let id = digits("\"id\":");
        frame::write(frame::TEXT, format!("42[\"ack\",{id}]").as_bytes(), out);
        let mark = std::str::from_utf8(MARK).unwrap_or_default();
        let at = text
            .split_once(mark)
            .and_then(|(_, rest)| u64::from_str_radix(rest.get(..16)?, 16).ok());
        at.map_or(Event::Other, Event::Received)
    }

    fn body(&self, at: u64) -> Vec<u8> {
        let mut body = Vec::with_capacity(self.body_bytes);
        body.extend(MARK);
        body.extend(at.to_be_bytes());
        body.resize(self.body_bytes.min(limits::ENVELOPE_BYTES_MAX), b'x');
        body
    }

    fn id(&self, kind: u64) -> Vec<u8> {
        let mut id = (self.seed << 8 | kind).to_be_bytes().to_vec();
        id.extend(self.counter.to_be_bytes());
        id
    }
}

/// Nanoseconds since the first call, one clock for all users of this process.
pub fn clock() -> u64 {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    u64::try_from(START.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX)
}
