//! A client of `/ws` over TCP or TLS.

use futures_util::{SinkExt, StreamExt};
use prost::Message as _;
use securechat_proto::wire::socket as wire;
use securechat_proto::wire::socket::server_frame::Frame;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, connect_async, connect_async_tls_with_config,
};

/// One client of `/ws`.
pub struct Client {
    pub socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Client {
    /// Connects and takes the relay's Hello.
    pub async fn dial(url: &str) -> (Self, wire::Hello) {
        let (socket, _) = connect_async(url).await.expect("connects");
        Self::greeted(socket).await
    }

    /// The same over TLS, trusting what `trust` does.
    pub async fn dial_tls(url: &str, trust: Arc<rustls::ClientConfig>) -> (Self, wire::Hello) {
        let connector = Connector::Rustls(trust);
        let (socket, _) = connect_async_tls_with_config(url, None, true, Some(connector))
            .await
            .expect("connects");
        Self::greeted(socket).await
    }

    async fn greeted(socket: WebSocketStream<MaybeTlsStream<TcpStream>>) -> (Self, wire::Hello) {
        let mut client = Self { socket };
        match client.next().await {
            Ok(Frame::Hello(hello)) => (client, hello),
            other => panic!("{other:?}"),
        }
    }

    pub async fn send(&mut self, frame: wire::client_frame::Frame) {
        let bytes = wire::ClientFrame { frame: Some(frame) }.encode_to_vec();
        self.socket
            .send(Message::binary(bytes))
            .await
            .expect("sends");
    }

    /// The next frame, or the close code.
    pub async fn next(&mut self) -> Result<Frame, u16> {
        loop {
            let message = tokio::time::timeout(Duration::from_secs(10), self.socket.next())
                .await
                .expect("in time");
            match message {
                Some(Ok(Message::Binary(bytes))) => {
                    let frame = wire::ServerFrame::decode(bytes).expect("decodes");
                    return Ok(frame.frame.expect("a frame"));
                }
                Some(Ok(Message::Close(frame))) => {
                    return Err(frame.map_or(0, |frame| frame.code.into()));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(0),
            }
        }
    }

    pub async fn close_code(&mut self) -> u16 {
        loop {
            if let Err(code) = self.next().await {
                return code;
            }
        }
    }

    pub async fn accepted(&mut self) -> wire::Accepted {
        loop {
            match self.next().await {
                Ok(Frame::Accepted(accepted)) => return accepted,
                Ok(_) => {}
                Err(code) => panic!("closed with {code}"),
            }
        }
    }

    pub async fn delivery(&mut self) -> wire::Delivery {
        loop {
            match self.next().await {
                Ok(Frame::Delivery(delivery)) => return delivery,
                Ok(_) => {}
                Err(code) => panic!("closed with {code}"),
            }
        }
    }
}
