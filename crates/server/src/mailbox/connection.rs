//! One socket as a state machine, without transport: frames, answers and pages come in, steps go out.
//!
//! The shell (`socket.rs`) carries the steps out over a WebSocket; a simulator can do it over anything. A frame that
//! does not decode, comes in the wrong order or breaks a limit closes the socket and changes nothing.

use prost::Message as _;
use securechat_proto::limits::{
    DELIVERY_WINDOW, DELIVERY_WINDOW_BYTES, EPHEMERAL_MS, PROTOCOL_VERSION, SECOND_MS,
    SOCKET_FRAME_BYTES_MAX, SUBMITS_IN_FLIGHT_MAX,
};
use securechat_proto::wire::socket::{
    Ack, Auth, ClientFrame, Drained, Hello, Outcome, Pong, Ready, client_frame, server_frame,
};
use securechat_proto::{Timestamp, close_code};
use std::collections::VecDeque;

use super::hub::Event;
use super::store::{Answer, Opened, Page, PageLimit, StoreError};
use super::submit::{Address, Cursor, Delivery, Submit};
use crate::platform::Access;

pub use server_frame::Frame as ServerFrame;

/// A socket that does not authenticate in this time is closed.
const AUTH_WITHIN_MS: u64 = 10 * SECOND_MS;
/// Envelopes read from the mailbox at a time.
const PAGE_ENVELOPES: usize = 64;
const JWT_CHARS_MAX: usize = 1024;
/// Submits in a row that came too fast before the socket is closed: an honest client waits after the first.
const TOO_FAST_MAX: u32 = 500;

/// What the shell must do, in order.
#[derive(Debug)]
pub enum Step {
    Send(ServerFrame),
    /// Check token and signature, then call [`Connection::on_verified`].
    Verify(Proof),
    /// Hand to the store; its answer comes back as an event.
    Submit(Box<Submit>),
    /// Hand to the store; nothing comes back.
    Ack(Address, u64),
    /// Read the mailbox, then call [`Connection::on_page`].
    Page {
        address: Address,
        after: u64,
        limit: PageLimit,
    },
    /// Send what is due, then close with this code.
    Close(u16),
}

/// What a client proves itself with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    pub jwt: String,
    pub nonce: [u8; 32],
    pub signature: [u8; 64],
    /// None on renewal.
    pub cursor: Option<Cursor>,
}

/// A proof that holds.
#[derive(Clone, Debug)]
pub struct Verified {
    pub access: Access,
    pub opened: Opened,
}

pub struct Connection {
    nonce: [u8; 32],
    state: State,
    /// The last number given to a submit.
    last_number: u64,
}

enum State {
    /// Hello is out, Auth is awaited until the time given.
    Greeted(Timestamp),
    /// A first proof is being checked.
    Verifying,
    Open(Box<Open>),
    Closed,
}

struct Open {
    access: Access,
    is_renewing: bool,
    submits_in_flight: usize,
    /// Submits in a row that were answered TRY_LATER.
    too_fast: u32,
    /// Sequence of the last delivery sent.
    sent: u64,
    /// Sent and not acked.
    window: VecDeque<Sent>,
    window_bytes: usize,
    /// A page is being read.
    is_reading: bool,
    /// The mailbox may hold more than was sent.
    is_behind: bool,
    was_drained: bool,
}

struct Sent {
    cursor: Cursor,
    size_bytes: usize,
}

impl Connection {
    /// A fresh socket; `nonce` must be random and never used before.
    pub fn new(nonce: [u8; 32], now: Timestamp, out: &mut Vec<Step>) -> Self {
        out.push(Step::Send(ServerFrame::Hello(Hello {
            protocol: PROTOCOL_VERSION,
            nonce: nonce.to_vec(),
            server_time_ms: now.0,
        })));
        Self {
            nonce,
            state: State::Greeted(now.saturating_add_ms(AUTH_WITHIN_MS)),
            last_number: 0,
        }
    }

    /// Whether the shell may read another frame; false while a proof is checked or too many submits are open.
    pub fn wants_frames(&self) -> bool {
        match &self.state {
            State::Greeted(_) => true,
            State::Verifying | State::Closed => false,
            State::Open(open) => {
                !open.is_renewing && open.submits_in_flight < SUBMITS_IN_FLIGHT_MAX
            }
        }
    }

    /// When [`Self::on_tick`] must be called at the latest.
    pub fn deadline(&self) -> Option<Timestamp> {
        match &self.state {
            State::Greeted(until) => Some(*until),
            State::Open(open) => Some(open.access.expires_at),
            State::Verifying | State::Closed => None,
        }
    }

    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// One binary message from the client.
    pub fn on_frame(&mut self, frame: &[u8], now: Timestamp, out: &mut Vec<Step>) {
        if self.is_closed() {
            return;
        }
        if frame.len() > SOCKET_FRAME_BYTES_MAX {
            return self.close(close_code::PROTOCOL, out);
        }
        let Ok(decoded) = ClientFrame::decode(frame) else {
            return self.close(close_code::PROTOCOL, out);
        };
        // A frame of a later protocol version.
        let Some(decoded) = decoded.frame else { return };
        if let client_frame::Frame::Auth(auth) = decoded {
            return self.on_auth(auth, out);
        }
        let State::Open(open) = &mut self.state else {
            return self.close(close_code::PROTOCOL, out);
        };
        if now >= open.access.expires_at {
            return self.close(close_code::TOKEN_EXPIRED, out);
        }
        match decoded {
            client_frame::Frame::Submit(submit) => {
                let number = (self.last_number + 1).max(now.0.saturating_mul(1000));
                let Ok(submit) = Submit::read(submit, frame, open.address(), number, now) else {
                    return self.close(close_code::PROTOCOL, out);
                };
                self.last_number = number;
                open.submits_in_flight += 1;
                out.push(Step::Submit(Box::new(submit)));
            }
            client_frame::Frame::Ack(Ack { cursor }) => match Cursor::from_slice(&cursor) {
                Some(cursor) => open.on_ack(cursor, out),
                None => self.close(close_code::PROTOCOL, out),
            },
            client_frame::Frame::Ping(ping) => {
                out.push(Step::Send(ServerFrame::Pong(Pong {
                    id: ping.id,
                    server_time_ms: now.0,
                })));
            }
            client_frame::Frame::Auth(_) => {}
        }
    }

    fn on_auth(&mut self, auth: Auth, out: &mut Vec<Step>) {
        if auth.protocol != PROTOCOL_VERSION {
            return self.close(close_code::UNSUPPORTED_VERSION, out);
        }
        let (Ok(signature), true) = (auth.signature.try_into(), auth.jwt.len() <= JWT_CHARS_MAX)
        else {
            return self.close(close_code::UNAUTHENTICATED, out);
        };
        let mut proof = Proof {
            jwt: auth.jwt,
            nonce: self.nonce,
            signature,
            cursor: None,
        };
        match &mut self.state {
            State::Greeted(_) => {
                proof.cursor = Cursor::from_slice(&auth.cursor);
                self.state = State::Verifying;
            }
            State::Open(open) if !open.is_renewing => open.is_renewing = true,
            State::Verifying | State::Open(_) => return self.close(close_code::PROTOCOL, out),
            State::Closed => return,
        }
        out.push(Step::Verify(proof));
    }

    /// The proof was checked; an error is the close code to use.
    pub fn on_verified(
        &mut self,
        verified: Result<Verified, u16>,
        now: Timestamp,
        out: &mut Vec<Step>,
    ) {
        let verified = match verified {
            Ok(verified) => verified,
            Err(_) if self.is_closed() => return,
            Err(code) => return self.close(code, out),
        };
        let ready = Ready {
            expires_at_ms: verified.access.expires_at.0,
            last_counter: verified.opened.counter,
            last_counter_signature: verified.opened.counter_signature,
            server_time_ms: now.0,
        };
        match &mut self.state {
            State::Verifying => {
                out.push(Step::Send(ServerFrame::Ready(ready)));
                let mut open = Open::new(verified.access, verified.opened.after);
                open.read_on(out);
                self.state = State::Open(Box::new(open));
            }
            State::Open(open) if open.is_renewing => {
                open.is_renewing = false;
                let is_same = (verified.access.account_id, verified.access.device_id)
                    == (open.access.account_id, open.access.device_id);
                if !is_same {
                    return self.close(close_code::UNAUTHENTICATED, out);
                }
                open.access = verified.access;
                out.push(Step::Send(ServerFrame::Ready(ready)));
            }
            State::Greeted(_) | State::Open(_) | State::Closed => {}
        }
    }

    /// Something from the rest of the room.
    pub fn on_event(&mut self, event: Event, now: Timestamp, out: &mut Vec<Step>) {
        let State::Open(open) = &mut self.state else {
            return;
        };
        match event {
            Event::Delivery(delivery) => open.on_delivery(*delivery, now, out),
            Event::Waiting => {
                open.is_behind = true;
                open.read_on(out);
            }
            Event::Answer(answer) => {
                open.submits_in_flight = open.submits_in_flight.saturating_sub(1);
                let Answer { result, .. } = *answer;
                let Ok(accepted) = result else {
                    return self.close(close_code::UNAVAILABLE, out);
                };
                let is_too_fast = accepted
                    .results
                    .iter()
                    .any(|result| result.outcome() == Outcome::TryLater);
                open.too_fast = if is_too_fast { open.too_fast + 1 } else { 0 };
                let is_flood = open.too_fast > TOO_FAST_MAX;
                out.push(Step::Send(ServerFrame::Accepted(accepted)));
                if is_flood {
                    self.close(close_code::RATE_LIMITED, out);
                }
            }
        }
    }

    /// The page that was asked for.
    pub fn on_page(&mut self, page: Result<Page, StoreError>, out: &mut Vec<Step>) {
        let State::Open(open) = &mut self.state else {
            return;
        };
        match page {
            Ok(page) => open.on_page(page, out),
            Err(_) => self.close(close_code::UNAVAILABLE, out),
        }
    }

    /// Time passed.
    pub fn on_tick(&mut self, now: Timestamp, out: &mut Vec<Step>) {
        match &self.state {
            State::Greeted(until) if now >= *until => self.close(close_code::UNAUTHENTICATED, out),
            State::Open(open) if now >= open.access.expires_at => {
                self.close(close_code::TOKEN_EXPIRED, out)
            }
            State::Greeted(_) | State::Verifying | State::Open(_) | State::Closed => {}
        }
    }

    /// Ends the socket: a frame was wrong, the hub or the shell wants it closed.
    pub fn close(&mut self, code: u16, out: &mut Vec<Step>) {
        if !self.is_closed() {
            self.state = State::Closed;
            out.push(Step::Close(code));
        }
    }
}

impl Open {
    fn new(access: Access, after: u64) -> Self {
        Self {
            access,
            is_renewing: false,
            submits_in_flight: 0,
            too_fast: 0,
            sent: after,
            window: VecDeque::new(),
            window_bytes: 0,
            is_reading: false,
            is_behind: true,
            was_drained: false,
        }
    }

    fn address(&self) -> Address {
        Address {
            account_id: self.access.account_id,
            device_id: self.access.device_id,
        }
    }

    fn has_room(&self) -> bool {
        self.window.len() < DELIVERY_WINDOW && self.window_bytes < DELIVERY_WINDOW_BYTES
    }

    /// A committed envelope is sent at once if it is the next one; otherwise the mailbox is read, which has them all.
    fn on_delivery(&mut self, delivery: Delivery, now: Timestamp, out: &mut Vec<Step>) {
        match delivery.cursor {
            None if now.since(delivery.accepted_at) <= EPHEMERAL_MS => {
                out.push(Step::Send(ServerFrame::Delivery(delivery.to_wire())));
            }
            None => {}
            Some(cursor) if cursor.seq <= self.sent => {}
            Some(cursor) => {
                let is_next = cursor.seq == self.sent + 1 && !self.is_reading && !self.is_behind;
                if is_next && self.has_room() {
                    self.send(&delivery, cursor, out);
                } else {
                    self.is_behind = true;
                    self.read_on(out);
                }
            }
        }
    }

    fn on_page(&mut self, page: Page, out: &mut Vec<Step>) {
        self.is_reading = false;
        for delivery in &page.deliveries {
            match delivery.cursor {
                Some(cursor) if cursor.seq > self.sent => self.send(delivery, cursor, out),
                _ => {}
            }
        }
        self.is_behind |= !page.is_last;
        if page.is_last && !self.was_drained {
            self.was_drained = true;
            out.push(Step::Send(ServerFrame::Drained(Drained {})));
        }
        self.read_on(out);
    }

    fn send(&mut self, delivery: &Delivery, cursor: Cursor, out: &mut Vec<Step>) {
        let size_bytes = delivery.ciphertext.len();
        self.sent = cursor.seq;
        self.window.push_back(Sent { cursor, size_bytes });
        self.window_bytes += size_bytes;
        out.push(Step::Send(ServerFrame::Delivery(delivery.to_wire())));
    }

    /// Reads the mailbox if there may be more and the window has room.
    fn read_on(&mut self, out: &mut Vec<Step>) {
        if self.is_reading || !self.is_behind || !self.has_room() {
            return;
        }
        self.is_reading = true;
        self.is_behind = false;
        let limit = PageLimit {
            envelopes: PAGE_ENVELOPES.min(DELIVERY_WINDOW - self.window.len()),
            bytes: DELIVERY_WINDOW_BYTES - self.window_bytes,
        };
        out.push(Step::Page {
            address: self.address(),
            after: self.sent,
            limit,
        });
    }

    /// Only what was sent on this socket can be acked; an ack from before is repeated after the redelivery.
    fn on_ack(&mut self, cursor: Cursor, out: &mut Vec<Step>) {
        let Some(at) = self.window.iter().position(|sent| sent.cursor == cursor) else {
            return;
        };
        let freed: usize = self.window.drain(..=at).map(|sent| sent.size_bytes).sum();
        self.window_bytes -= freed;
        if self.window.is_empty() {
            // An idle socket keeps no window.
            self.window = VecDeque::new();
        }
        out.push(Step::Ack(self.address(), cursor.seq));
        self.read_on(out);
    }
}
