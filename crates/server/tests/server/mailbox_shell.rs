//! The socket's shell over something that is no TCP, as a simulator uses it.

use super::mailbox_socket::{Server, auth};
use axum::extract::ws;
use futures_util::{SinkExt, StreamExt};
use prost::Message as _;
use securechat_proto::wire::socket as wire;
use securechat_proto::wire::socket::server_frame::Frame;
use securechat_server::mailbox::SUBMIT_RATE;

/// A stream and a sink as one transport.
struct Joined<R, W>(R, W);

impl<R: futures_util::Stream + Unpin, W: Unpin> futures_util::Stream for Joined<R, W> {
    type Item = R::Item;
    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<R::Item>> {
        self.0.poll_next_unpin(cx)
    }
}

impl<R: Unpin, W: futures_util::Sink<ws::Message> + Unpin> futures_util::Sink<ws::Message>
    for Joined<R, W>
{
    type Error = W::Error;
    fn poll_ready(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), W::Error>> {
        self.1.poll_ready_unpin(cx)
    }
    fn start_send(mut self: std::pin::Pin<&mut Self>, item: ws::Message) -> Result<(), W::Error> {
        self.1.start_send_unpin(item)
    }
    fn poll_flush(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), W::Error>> {
        self.1.poll_flush_unpin(cx)
    }
    fn poll_close(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), W::Error>> {
        self.1.poll_close_unpin(cx)
    }
}

#[tokio::test]
async fn a_simulator_can_speak_to_the_same_shell_without_tcp() {
    let server = Server::start(SUBMIT_RATE).await;
    server.people(1).await;
    let (to_relay, mut from_client) = tokio::sync::mpsc::unbounded_channel::<ws::Message>();
    let (sink, mut seen) = tokio::sync::mpsc::unbounded_channel::<ws::Message>();
    let inbound = Box::pin(futures_util::stream::poll_fn(move |cx| {
        from_client
            .poll_recv(cx)
            .map(|message| message.map(Ok::<_, std::convert::Infallible>))
    }));
    let outbound = Box::pin(futures_util::sink::unfold(
        sink,
        |sink, message: ws::Message| async move { sink.send(message).map(|()| sink).map_err(drop) },
    ));
    let transport = Joined(inbound, outbound);
    let mailbox = server.mailbox.clone();
    let task = tokio::spawn(securechat_server::mailbox::socket::serve(
        mailbox, transport,
    ));
    let ws::Message::Binary(bytes) = seen.recv().await.expect("hello") else {
        panic!("not binary")
    };
    let Some(Frame::Hello(hello)) = wire::ServerFrame::decode(bytes).expect("decodes").frame else {
        panic!()
    };
    let (jwt, session) = server.jwt(1);
    let frame = wire::client_frame::Frame::Auth(auth(1, &jwt, session, &hello.nonce));
    let bytes = wire::ClientFrame { frame: Some(frame) }.encode_to_vec();
    to_relay
        .send(ws::Message::Binary(bytes.into()))
        .expect("sends");
    let ws::Message::Binary(bytes) = seen.recv().await.expect("ready") else {
        panic!("not binary")
    };
    assert!(matches!(
        wire::ServerFrame::decode(bytes).expect("decodes").frame,
        Some(Frame::Ready(_))
    ));
    drop(to_relay);
    task.await.expect("ends with its client");
}
