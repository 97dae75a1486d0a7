//! The socket to the relay: when to open it, how to prove this device on it, when to give up and come back.
//!
//! Knows: the state of one socket, the access token's end, the relay's clock. Must never know: what an envelope holds.
//! Frames: docs/protocol/socket.md.

use crate::account::session;
use crate::api::Connection;
use crate::context::Cx;
use crate::error::Outcome;
use crate::shell::{Output, Topic};
use crate::store::rows::int;
use crate::{identities, inbox, outbox, prekeys, requests, vault};
use rusqlite::params;
use securechat_proto::b64::Bytes;
use securechat_proto::wire::Message;
use securechat_proto::wire::socket::{self, client_frame, server_frame};
use securechat_proto::{Timestamp, close_code, limits};

/// An opened socket that gets no answer is closed after this long.
const ANSWER_MS_MAX: u64 = 20 * limits::SECOND_MS;
/// Pause between two pings: shorter than the idle limit of common proxies (60 s).
const PING_EVERY_MS: u64 = 30 * limits::SECOND_MS;
/// The token is renewed on the socket this long before it runs out.
const RENEW_BEFORE_MS: u64 = limits::MINUTE_MS;
/// Longest pause before the socket is opened again: somebody may be looking at the screen.
const RECONNECT_MS_MAX: u64 = limits::MINUTE_MS;
/// A clock difference below this is network delay, not a wrong clock.
const CLOCK_NOISE_MS: i64 = 2_000;

/// The socket, as far as this side knows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Link {
    Down {
        attempts: u32,
        due_at: Timestamp,
    },
    /// `Connect` was emitted, or the socket is open and the relay's Hello is awaited.
    Opening {
        since: Timestamp,
        attempts: u32,
    },
    /// Hello came; Auth leaves as soon as there is a fresh access token.
    Greeted {
        since: Timestamp,
        attempts: u32,
        nonce: [u8; 32],
    },
    Authenticating {
        since: Timestamp,
        attempts: u32,
        nonce: [u8; 32],
    },
    Ready(Ready),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ready {
    pub nonce: [u8; 32],
    /// The access token this socket was authenticated with runs out then.
    pub expires_at: Timestamp,
    /// An Auth frame is on its way.
    pub renewing: bool,
    pub drained: bool,
    pub heard_at: Timestamp,
    pub pinged_at: Timestamp,
}

impl Default for Link {
    fn default() -> Self {
        Self::Down {
            attempts: 0,
            due_at: Timestamp(0),
        }
    }
}

impl Link {
    pub fn is_ready(&self) -> bool {
        matches!(self, Self::Ready(_))
    }

    /// Everything that waited has come, and what comes arrives at once.
    pub fn is_drained(&self) -> bool {
        matches!(self, Self::Ready(ready) if ready.drained)
    }

    pub fn view(&self, now: Timestamp) -> Connection {
        match self {
            Self::Down { due_at, .. } if *due_at > now => Connection::Offline,
            Self::Down { .. } => Connection::Connecting,
            Self::Opening { attempts, .. } if *attempts > 1 => Connection::Offline,
            Self::Opening { .. } | Self::Greeted { .. } | Self::Authenticating { .. } => {
                Connection::Connecting
            }
            Self::Ready(ready) if ready.drained => Connection::Online,
            Self::Ready(_) => Connection::CatchingUp,
        }
    }
}

/// Opens, proves, renews, pings, gives up: whatever is due.
pub(crate) fn pump(cx: &mut Cx<'_>) -> Outcome<()> {
    if !session::may_connect(cx)? {
        if !matches!(cx.live.link, Link::Down { .. }) {
            cx.emit(Output::Disconnect);
            go_down(cx, 0, 0);
        }
        return Ok(());
    }
    match cx.live.link.clone() {
        Link::Down { attempts, due_at } => {
            if due_at <= cx.now {
                cx.live.link = Link::Opening {
                    since: cx.now,
                    attempts,
                };
                cx.changed(Topic::Account);
                cx.emit(Output::Connect);
            }
        }
        Link::Opening { since, attempts }
        | Link::Authenticating {
            since, attempts, ..
        } => give_up(cx, since, attempts),
        Link::Greeted {
            since,
            attempts,
            nonce,
        } => {
            if authenticate(cx, &nonce)? {
                cx.live.link = Link::Authenticating {
                    since,
                    attempts,
                    nonce,
                };
            } else {
                give_up(cx, since, attempts);
            }
        }
        Link::Ready(ready) => keep(cx, ready)?,
    }
    Ok(())
}

/// An open socket: silence ends it, pings keep it, the token is renewed in band.
fn keep(cx: &mut Cx<'_>, mut ready: Ready) -> Outcome<()> {
    if cx.now.since(ready.heard_at) > PING_EVERY_MS + ANSWER_MS_MAX {
        cx.emit(Output::Disconnect);
        go_down(cx, 0, 0);
        return Ok(());
    }
    if cx.now.since(ready.heard_at.max(ready.pinged_at)) >= PING_EVERY_MS {
        ready.pinged_at = cx.now;
        frame(cx, client_frame::Frame::Ping(socket::Ping { id: cx.now.0 }));
    }
    let ends_soon = cx.now.saturating_add_ms(RENEW_BEFORE_MS) >= ready.expires_at;
    if ends_soon && !ready.renewing && authenticate(cx, &ready.nonce)? {
        ready.renewing = true;
    }
    cx.live.link = Link::Ready(ready);
    Ok(())
}

fn give_up(cx: &mut Cx<'_>, since: Timestamp, attempts: u32) {
    if cx.now.since(since) > ANSWER_MS_MAX {
        cx.emit(Output::Disconnect);
        let pause = requests::pause_up_to(cx, attempts, RECONNECT_MS_MAX);
        go_down(cx, attempts + 1, pause);
    }
}

fn go_down(cx: &mut Cx<'_>, attempts: u32, pause_ms: u64) {
    cx.live.link = Link::Down {
        attempts,
        due_at: cx.now.saturating_add_ms(pause_ms),
    };
    cx.live.submitted.clear();
    cx.live.typing.clear();
    cx.changed(Topic::Account);
}

/// When this room next has something to do.
pub(crate) fn next_due(cx: &mut Cx<'_>) -> Outcome<Option<Timestamp>> {
    if !session::may_connect(cx)? {
        return Ok(None);
    }
    Ok(Some(match &cx.live.link {
        Link::Down { due_at, .. } => *due_at,
        Link::Opening { since, .. }
        | Link::Greeted { since, .. }
        | Link::Authenticating { since, .. } => since.saturating_add_ms(ANSWER_MS_MAX + 1),
        Link::Ready(ready) => {
            let ping = ready
                .heard_at
                .max(ready.pinged_at)
                .saturating_add_ms(PING_EVERY_MS);
            let silence = ready
                .heard_at
                .saturating_add_ms(PING_EVERY_MS + ANSWER_MS_MAX + 1);
            let renew = Timestamp(ready.expires_at.0.saturating_sub(RENEW_BEFORE_MS));
            let next = ping.min(silence);
            if ready.renewing || renew <= cx.now {
                next
            } else {
                next.min(renew)
            }
        }
    }))
}

/// Sends Auth when there is a token fresh enough; asks for one otherwise.
fn authenticate(cx: &mut Cx<'_>, nonce: &[u8; 32]) -> Outcome<bool> {
    let Some(jwt) = session::access_token_beyond(cx, RENEW_BEFORE_MS)? else {
        session::want_access_token(cx)?;
        return Ok(false);
    };
    let me = cx.me()?;
    let Some(session_id) = session::id(cx)? else {
        return Ok(false);
    };
    let signature = me.keys.sign_socket(&me.fingerprint, nonce, &session_id);
    let cursor = cx
        .db
        .one("SELECT cursor FROM store_state", [], |row| row.get(0))?
        .unwrap_or_default();
    frame(
        cx,
        client_frame::Frame::Auth(socket::Auth {
            protocol: limits::PROTOCOL_VERSION,
            jwt,
            signature: signature.to_vec(),
            cursor,
        }),
    );
    Ok(true)
}

pub(crate) fn frame(cx: &mut Cx<'_>, frame: client_frame::Frame) {
    let bytes = socket::ClientFrame { frame: Some(frame) }.encode_to_vec();
    cx.emit(Output::Frame {
        bytes: bytes.into(),
    });
}

/// There is a network again.
pub(crate) fn on_online(cx: &mut Cx<'_>) -> Outcome<()> {
    if let Link::Down { attempts, due_at } = &mut cx.live.link {
        (*attempts, *due_at) = (0, cx.now);
    }
    requests::hurry(cx)
}

pub(crate) fn on_connected(cx: &mut Cx<'_>) -> Outcome<()> {
    if let Link::Opening { since, .. } = &mut cx.live.link {
        *since = cx.now;
    }
    requests::hurry(cx)
}

pub(crate) fn on_disconnected(cx: &mut Cx<'_>, code: Option<u16>) -> Outcome<()> {
    let attempts = match &cx.live.link {
        Link::Down { attempts, .. }
        | Link::Opening { attempts, .. }
        | Link::Greeted { attempts, .. }
        | Link::Authenticating { attempts, .. } => *attempts,
        Link::Ready(_) => 0,
    };
    let mut pause = requests::pause_up_to(cx, attempts, RECONNECT_MS_MAX);
    match code {
        // The token is at fault: a new one, then again.
        Some(close_code::UNAUTHENTICATED | close_code::TOKEN_EXPIRED) => {
            session::drop_access_token(cx)?
        }
        Some(close_code::REVOKED) => session::on_revoked(cx)?,
        // A second tab or process of this device took over; fighting for the socket would help nobody.
        Some(close_code::SUPERSEDED) => pause = pause.max(limits::MINUTE_MS),
        Some(close_code::UNSUPPORTED_VERSION) => pause = limits::HOUR_MS,
        Some(close_code::RATE_LIMITED | close_code::UNAVAILABLE) => {
            pause = pause.max(10 * limits::SECOND_MS)
        }
        _ => {}
    }
    go_down(cx, attempts.saturating_add(1), pause);
    Ok(())
}

/// One frame from the relay. What does not decode is dropped: it changes nothing and stops nothing.
/// Frames in their order; the last acknowledgement stands for all before it.
pub(crate) fn on_frames(cx: &mut Cx<'_>, frames: &[Bytes]) -> Outcome<()> {
    frames.iter().try_for_each(|bytes| on_frame(cx, &bytes.0))?;
    if let Some(cursor) = cx.acknowledged.take() {
        frame(cx, client_frame::Frame::Ack(socket::Ack { cursor }));
    }
    Ok(())
}

fn on_frame(cx: &mut Cx<'_>, bytes: &[u8]) -> Outcome<()> {
    if bytes.len() > limits::SOCKET_FRAME_BYTES_MAX {
        return inbox::count(cx, "frame_too_large");
    }
    let Ok(socket::ServerFrame { frame }) = socket::ServerFrame::decode(bytes) else {
        return inbox::count(cx, "frame_malformed");
    };
    let now = cx.now;
    if let Link::Ready(ready) = &mut cx.live.link {
        ready.heard_at = now;
    }
    match frame {
        Some(server_frame::Frame::Hello(hello)) => on_hello(cx, hello),
        Some(server_frame::Frame::Ready(ready)) => on_ready(cx, ready),
        Some(server_frame::Frame::Accepted(accepted)) => outbox::on_accepted(cx, accepted),
        Some(server_frame::Frame::Delivery(delivery)) => inbox::on_delivery(cx, delivery),
        Some(server_frame::Frame::Drained(_)) => on_drained(cx),
        Some(server_frame::Frame::Pong(_)) | None => Ok(()),
    }
}

fn on_hello(cx: &mut Cx<'_>, hello: socket::Hello) -> Outcome<()> {
    let Link::Opening { attempts, .. } = cx.live.link else {
        return Ok(());
    };
    let Ok(nonce) = hello.nonce.try_into() else {
        return inbox::count(cx, "frame_malformed");
    };
    measure_clock(cx, Timestamp(hello.server_time_ms))?;
    cx.live.link = Link::Greeted {
        since: cx.now,
        attempts,
        nonce,
    };
    Ok(())
}

/// From here on `now` is the relay's; a difference of a minute or more is also shown.
pub(crate) fn measure_clock(cx: &mut Cx<'_>, relay: Timestamp) -> Outcome<()> {
    let difference = i64::try_from(cx.now.0)
        .unwrap_or(0)
        .saturating_sub(i64::try_from(relay.0).unwrap_or(0));
    if relay.0 == 0 || difference.abs() < CLOCK_NOISE_MS {
        return Ok(());
    }
    cx.live.clock_ahead_ms = cx.live.clock_ahead_ms.saturating_add(difference);
    cx.now = relay;
    cx.changed(Topic::Account);
    cx.db.run(
        "UPDATE store_state SET clock_ahead_ms = ?1, clock_measured = 1",
        params![cx.live.clock_ahead_ms],
    )?;
    Ok(())
}

fn on_ready(cx: &mut Cx<'_>, frame: socket::Ready) -> Outcome<()> {
    let expires_at = Timestamp(frame.expires_at_ms);
    match cx.live.link.clone() {
        Link::Authenticating { nonce, .. } => {
            cx.live.link = Link::Ready(Ready {
                nonce,
                expires_at,
                renewing: false,
                drained: false,
                heard_at: cx.now,
                pinged_at: cx.now,
            });
            cx.changed(Topic::Account);
            outbox::on_relay_counter(cx, &frame.last_counter, &frame.last_counter_signature)?;
            prekeys::on_connected(cx)?;
            identities::on_connected(cx)?;
            vault::on_connected(cx)?;
            outbox::hurry(cx)
        }
        Link::Ready(ready) => {
            cx.live.link = Link::Ready(Ready {
                expires_at,
                renewing: false,
                ..ready
            });
            Ok(())
        }
        Link::Down { .. } | Link::Opening { .. } | Link::Greeted { .. } => Ok(()),
    }
}

fn on_drained(cx: &mut Cx<'_>) -> Outcome<()> {
    if let Link::Ready(ready) = &mut cx.live.link {
        ready.drained = true;
        let now = int(cx.now.0);
        cx.changed(Topic::Account);
        cx.db.run("INSERT INTO inbox_counts (name, count) VALUES ('drained_at', ?1) ON CONFLICT (name) DO UPDATE SET count = ?1", [now])?;
    }
    Ok(())
}
