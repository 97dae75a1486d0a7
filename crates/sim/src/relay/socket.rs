//! A socket of a client as its test bench holds it: two queues in place of a WebSocket, and what to wait for on it.

use axum::extract::ws::Message as Frame;
use futures_util::{Sink, Stream};
use securechat_proto::wire::{Message, socket};
use securechat_proto::{DeviceId, b64, limits};
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

pub(super) struct Socket {
    pub(super) to: UnboundedSender<Frame>,
    from: UnboundedReceiver<Frame>,
    /// Read while waiting for an answer, not handed out yet.
    pub(super) early: Vec<Frame>,
    is_authenticated: bool,
    /// The device that proved itself on it.
    pub(super) device: Option<DeviceId>,
}

/// The answer after which a client frame has had its effect.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Awaited {
    Ready,
    Drained,
    Accepted,
    Pong,
}

impl Socket {
    /// Both ends.
    pub(super) fn new() -> (Self, Transport) {
        let (to, inbox) = unbounded_channel();
        let (outbox, from) = unbounded_channel();
        let socket = Self {
            to,
            from,
            early: Vec::new(),
            is_authenticated: false,
            device: None,
        };
        (socket, Transport { inbox, outbox })
    }

    pub(super) fn awaited(&mut self, bytes: &[u8]) -> Option<Awaited> {
        use socket::client_frame::Frame;
        match socket::ClientFrame::decode(bytes).ok()?.frame? {
            Frame::Auth(_) if self.is_authenticated => Some(Awaited::Ready),
            Frame::Auth(auth) => {
                self.is_authenticated = true;
                self.device = device_in(&auth.jwt);
                Some(Awaited::Drained)
            }
            Frame::Submit(_) => Some(Awaited::Accepted),
            Frame::Ping(_) => Some(Awaited::Pong),
            Frame::Ack(_) => None,
        }
    }

    /// Until that answer, a close, the end of the socket's task, or a window full of deliveries: behind one nothing
    /// comes before an acknowledgement.
    pub(super) async fn wait_for(&mut self, awaited: Awaited) {
        let mut delivered = 0;
        while let Some(frame) = self.from.recv().await {
            let ends = match &frame {
                Frame::Binary(bytes) => {
                    delivered += usize::from(is_delivery(bytes));
                    is_answer(bytes, awaited) || delivered == limits::DELIVERY_WINDOW
                }
                Frame::Close(_) => true,
                _ => false,
            };
            self.early.push(frame);
            if ends {
                return;
            }
        }
    }

    pub(super) async fn wait_for_delivery(&mut self, envelope_id: &[u8]) {
        let is_it = |frame: &Frame| match frame {
            Frame::Binary(bytes) => match server_frame(bytes) {
                Some(socket::server_frame::Frame::Delivery(delivery)) => {
                    delivery.envelope_id == envelope_id
                }
                _ => false,
            },
            Frame::Close(_) => true,
            _ => false,
        };
        if self.early.iter().any(&is_it) {
            return;
        }
        while let Some(frame) = self.from.recv().await {
            let ends = is_it(&frame);
            self.early.push(frame);
            if ends {
                return;
            }
        }
    }

    pub(super) fn take(&mut self) -> Vec<Frame> {
        let mut frames = std::mem::take(&mut self.early);
        while let Ok(frame) = self.from.try_recv() {
            frames.push(frame);
        }
        frames
    }
}

fn is_answer(bytes: &[u8], awaited: Awaited) -> bool {
    use socket::server_frame::Frame;
    matches!(
        (server_frame(bytes), awaited),
        (Some(Frame::Ready(_)), Awaited::Ready)
            | (Some(Frame::Drained(_)), Awaited::Drained)
            | (Some(Frame::Accepted(_)), Awaited::Accepted)
            | (Some(Frame::Pong(_)), Awaited::Pong)
    )
}

fn is_delivery(bytes: &[u8]) -> bool {
    matches!(
        server_frame(bytes),
        Some(socket::server_frame::Frame::Delivery(_))
    )
}

fn server_frame(bytes: &[u8]) -> Option<socket::server_frame::Frame> {
    socket::ServerFrame::decode(bytes).ok()?.frame
}

pub(super) fn is_stored(frame: &Frame) -> bool {
    match frame {
        Frame::Binary(bytes) => match server_frame(bytes) {
            Some(socket::server_frame::Frame::Accepted(accepted)) => accepted
                .results
                .iter()
                .any(|result| result.outcome() == socket::Outcome::Stored),
            _ => false,
        },
        _ => false,
    }
}

pub(super) fn submit_in(bytes: &[u8]) -> Option<socket::Submit> {
    match socket::ClientFrame::decode(bytes).ok()?.frame? {
        socket::client_frame::Frame::Submit(submit) => Some(submit),
        _ => None,
    }
}

/// The device an access token was made for.
fn device_in(jwt: &str) -> Option<DeviceId> {
    let claims = b64::decode(jwt.split('.').nth(1)?)?;
    let claims: serde_json::Value = serde_json::from_slice(&claims).ok()?;
    serde_json::from_value(claims.get("dev")?.clone()).ok()
}

/// A WebSocket made of two queues.
pub(super) struct Transport {
    inbox: UnboundedReceiver<Frame>,
    outbox: UnboundedSender<Frame>,
}

/// The client's side is gone.
pub(super) struct Gone;

impl Stream for Transport {
    type Item = Result<Frame, Gone>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        self.inbox.poll_recv(cx).map(|frame| frame.map(Ok))
    }
}

impl Sink<Frame> for Transport {
    type Error = Gone;

    fn poll_ready(self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<Result<(), Gone>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(self: Pin<&mut Self>, frame: Frame) -> Result<(), Gone> {
        self.outbox.send(frame).map_err(|_| Gone)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<Result<(), Gone>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<Result<(), Gone>> {
        Poll::Ready(Ok(()))
    }
}
