//! The WebSocket shell of [`Connection`]: one task per socket, no rules of its own.

use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use prost::Message as _;
use securechat_proto::limits::SOCKET_FRAME_BYTES_MAX;
use securechat_proto::wire::socket::ServerFrame;
use securechat_proto::{SessionId, Timestamp, close_code};
use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::Receiver;
use tokio::time::{Sleep, sleep, timeout};

use super::Mailbox;
use super::connection::{Connection, Step, Verified};
use super::hub::{Event, Slot};
use super::store::{Page, StoreError};

/// A client that takes nothing for this long is too slow; the rest waits in its mailbox.
const WRITE_WITHIN: Duration = Duration::from_secs(20);
/// For the close frame of a socket that is given up anyway.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);
/// Events handled before the socket is flushed: several frames leave in one write.
const EVENTS_PER_FLUSH: usize = 64;

/// A read takes this much at most; the buffer lives as long as its socket, and the library's own choice is 128 KiB.
const READ_BUFFER_BYTES: usize = 4096;
/// Frames gather up to here before they are written; nothing is reserved in advance.
const WRITE_BUFFER_BYTES: usize = 16 * 1024;

/// Takes the upgrade with the small buffers that keep an idle socket at a few kilobytes.
pub fn accept(mailbox: Mailbox, upgrade: WebSocketUpgrade) -> Response {
    upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_frame_size(SOCKET_FRAME_BYTES_MAX)
        .max_message_size(SOCKET_FRAME_BYTES_MAX)
        .on_upgrade(move |socket: WebSocket| serve(mailbox, socket))
}

/// Serves one socket until it closes. Any transport of WebSocket messages will do.
pub async fn serve<S, E>(mailbox: Mailbox, transport: S)
where
    S: Stream<Item = Result<Message, E>> + Sink<Message> + Unpin + Send,
{
    metrics::gauge!("mailbox_sockets").increment(1.0);
    let mut steps = Vec::new();
    let connection = Connection::new(
        mailbox.platform().rng.bytes(),
        mailbox.platform().clock.now(),
        &mut steps,
    );
    let mut task = Task {
        mailbox,
        transport,
        connection,
        steps,
        attached: None,
        timer: None,
        reading: None,
        verifying: None,
    };
    task.run().await;
    if let Some(attached) = &task.attached {
        task.mailbox.hub().detach(&attached.slot);
    }
    metrics::gauge!("mailbox_sockets").decrement(1.0);
}

struct Task<S> {
    mailbox: Mailbox,
    transport: S,
    connection: Connection,
    steps: Vec<Step>,
    attached: Option<Attached>,
    timer: Option<Timer>,
    reading: Option<BoxFuture<'static, Result<Page, StoreError>>>,
    verifying: Option<BoxFuture<'static, Result<Verified, u16>>>,
}

/// What a socket has once it is authenticated.
struct Attached {
    slot: Arc<Slot>,
    events: Receiver<Event>,
    session: SessionId,
    ends: Ends,
}

/// What ends a socket from outside, each with its close code. A turn of the task asks these only after one of them has
/// something to say; asked every time they would cost more than a frame.
type Ends = FuturesUnordered<BoxFuture<'static, u16>>;

/// The end of this session, and of this device's place in the hub.
fn ends(mailbox: &Mailbox, slot: &Arc<Slot>, session: SessionId) -> Ends {
    let (slot, revoked) = (slot.clone(), mailbox.platform().auth.revoked().clone());
    let closed: BoxFuture<'static, u16> = Box::pin(async move { slot.closing().await });
    let ended: BoxFuture<'static, u16> = Box::pin(async move {
        revoked.ended(session).await;
        close_code::REVOKED
    });
    [closed, ended].into_iter().collect()
}

/// Fires at the connection's deadline, which moves every five minutes.
struct Timer {
    deadline: Timestamp,
    sleep: Pin<Box<Sleep>>,
}

impl<S, E> Task<S>
where
    S: Stream<Item = Result<Message, E>> + Sink<Message> + Unpin + Send,
{
    async fn run(&mut self) {
        loop {
            if let Some(code) = self.carry_out().await {
                return self.close(code).await;
            }
            self.set_timer();
            if !self.turn().await {
                return;
            }
        }
    }

    /// Waits for one thing and lets the connection handle it. False: the client is gone.
    async fn turn(&mut self) -> bool {
        let wants_frames = self.connection.wants_frames();
        let (events, ends) = match &mut self.attached {
            Some(attached) => (Some(&mut attached.events), Some(&mut attached.ends)),
            None => (None, None),
        };
        let clock = &self.mailbox.0.platform.clock;
        tokio::select! {
            biased;
            code = first(ends) => self.connection.close(code, &mut self.steps),
            verified = maybe(self.verifying.as_mut()) => {
                self.verifying = None;
                self.on_verified(verified);
            }
            page = maybe(self.reading.as_mut()) => {
                self.reading = None;
                self.connection.on_page(page, &mut self.steps);
            }
            event = next_event(events) => self.on_event(event),
            message = self.transport.next(), if wants_frames => match message {
                Some(Ok(Message::Binary(frame))) => self.connection.on_frame(&frame, clock.now(), &mut self.steps),
                // Answered by the library.
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Text(_))) => self.connection.close(close_code::PROTOCOL, &mut self.steps),
                Some(Err(_)) => self.connection.close(close_code::PROTOCOL, &mut self.steps),
                Some(Ok(Message::Close(_))) | None => return false,
            },
            () = maybe(self.timer.as_mut().map(|timer| &mut timer.sleep)) => {
                self.timer = None;
                self.connection.on_tick(clock.now(), &mut self.steps);
            }
        }
        true
    }

    /// Handles an event and those that queued behind it, so that their frames leave together.
    fn on_event(&mut self, first: Event) {
        let now = self.mailbox.platform().clock.now();
        let Some(attached) = &mut self.attached else {
            return;
        };
        self.connection.on_event(first, now, &mut self.steps);
        for _ in 1..EVENTS_PER_FLUSH {
            let Ok(event) = attached.events.try_recv() else {
                break;
            };
            self.connection.on_event(event, now, &mut self.steps);
        }
        if attached.slot.take_behind() {
            self.connection
                .on_event(Event::Waiting, now, &mut self.steps);
        }
    }

    /// Registers with the hub before the mailbox is read, so that nothing committed meanwhile is missed.
    fn on_verified(&mut self, verified: Result<Verified, u16>) {
        let platform = self.mailbox.platform();
        if let Ok(verified) = &verified {
            let session = verified.access.session_id;
            match &mut self.attached {
                None => {
                    let device = verified.access.device_id;
                    let (slot, events) = self.mailbox.hub().attach(device, close_code::SUPERSEDED);
                    self.attached = Some(Attached {
                        ends: ends(&self.mailbox, &slot, session),
                        slot,
                        events,
                        session,
                    });
                }
                Some(attached) if attached.session != session => {
                    attached.session = session;
                    attached.ends = ends(&self.mailbox, &attached.slot, session);
                }
                Some(_) => {}
            }
        }
        self.connection
            .on_verified(verified, platform.clock.now(), &mut self.steps);
    }

    /// Carries out the steps. Some: close with this code.
    async fn carry_out(&mut self) -> Option<u16> {
        let mut frames = Vec::new();
        let mut close = None;
        for step in self.steps.drain(..) {
            match step {
                Step::Send(frame) => frames.push(encode(frame)),
                Step::Close(code) => close = Some(code),
                Step::Ack(address, seq) => self.mailbox.store().ack(address, seq),
                Step::Submit(submit) => {
                    if let Some(attached) = &self.attached {
                        self.mailbox.submit(*submit, attached.slot.replies());
                    }
                }
                Step::Page {
                    address,
                    after,
                    limit,
                } => {
                    let store = self.mailbox.store().clone();
                    self.reading = Some(Box::pin(async move {
                        store.page(address.device_id, after, limit).await
                    }));
                }
                Step::Verify(proof) => {
                    let mailbox = self.mailbox.clone();
                    self.verifying = Some(Box::pin(async move { mailbox.verify(proof).await }));
                }
            }
        }
        if frames.is_empty() {
            return close;
        }
        let transport = &mut self.transport;
        let write = timeout(WRITE_WITHIN, async {
            for frame in frames {
                transport.feed(frame).await.map_err(drop)?;
            }
            transport.flush().await.map_err(drop)
        });
        let ends = self.attached.as_mut().map(|attached| &mut attached.ends);
        tokio::select! {
            biased;
            written = write => match written {
                Ok(Ok(())) => close,
                // Gone: nobody reads the code.
                Ok(Err(())) => Some(close_code::TOO_SLOW),
                Err(_) => Some(close_code::TOO_SLOW),
            },
            code = first(ends) => Some(code),
        }
    }

    fn set_timer(&mut self) {
        let Some(deadline) = self.connection.deadline() else {
            self.timer = None;
            return;
        };
        // Called for every frame; no clock is read while the deadline stands.
        if self
            .timer
            .as_ref()
            .is_some_and(|timer| timer.deadline == deadline)
        {
            return;
        }
        let wait = Duration::from_millis(deadline.since(self.mailbox.platform().clock.now()));
        self.timer = Some(Timer {
            deadline,
            sleep: Box::pin(sleep(wait)),
        });
    }

    async fn close(&mut self, code: u16) {
        metrics::counter!("mailbox_sockets_closed_total", "code" => code.to_string()).increment(1);
        let frame = Message::Close(Some(CloseFrame {
            code,
            reason: "".into(),
        }));
        // The client may be gone or not reading; the socket ends either way.
        let _ = timeout(CLOSE_WITHIN, self.transport.send(frame)).await;
    }
}

fn encode(frame: super::connection::ServerFrame) -> Message {
    Message::Binary(Bytes::from(
        ServerFrame { frame: Some(frame) }.encode_to_vec(),
    ))
}

/// The future's result, or nothing for ever.
async fn maybe<F: Future>(future: Option<F>) -> F::Output {
    match future {
        Some(future) => future.await,
        None => pending().await,
    }
}

/// The code of the first end, or nothing for ever.
async fn first(ends: Option<&mut Ends>) -> u16 {
    let code = match ends {
        Some(ends) => ends.next().await,
        None => None,
    };
    match code {
        Some(code) => code,
        None => pending().await,
    }
}

/// The next event. While the slot is attached the hub holds a sender, so the queue never ends.
async fn next_event(events: Option<&mut Receiver<Event>>) -> Event {
    let event = match events {
        Some(events) => events.recv().await,
        None => None,
    };
    match event {
        Some(event) => event,
        None => pending().await,
    }
}
