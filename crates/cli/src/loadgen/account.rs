//! Real accounts for the load: signed up through the public API by real engines, no back door.

use super::connection::Partner;
use crate::driver::now;
use anyhow::{Context, Result, bail};
use securechat_engine::api::{Command, Query, View};
use securechat_engine::shell::{CommandResult, Input, Method, Output};
use securechat_engine::{Engine, Store};
use securechat_proto::b64::Bytes;
use securechat_proto::wire::{Message, socket};
use securechat_proto::{RequestId, Timestamp, b64, limits};
use sha2::{Digest, Sha256};

/// One account with its engine; the engine proves the device to the relay, the load goes past it.
pub struct Account {
    engine: Engine,
    base: String,
    http: reqwest::Client,
    /// What the partner needs to write to this account.
    pub address: Partner,
    bearer: String,
}

impl Account {
    /// Signs up `handle` and registers a delivery token for the partner.
    pub async fn sign_up(
        base: &str,
        http: reqwest::Client,
        index: usize,
        run: u64,
    ) -> Result<Self> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| anyhow::anyhow!("randomness: {error}"))?;
        let engine = Engine::open(Store::Memory, seed, now()).context("engine")?;
        let address = Partner {
            index,
            ..Partner::default()
        };
        let mut account = Self {
            engine,
            base: base.to_owned(),
            http,
            address,
            bearer: String::new(),
        };
        let command = Command::SignUp {
            handle: format!("load{run}.{index}"),
            password: format!("password of {index}"),
            display_name: "load".into(),
            device_name: None,
        };
        account
            .drive(
                Input::Command {
                    command_id: 1,
                    command,
                },
                now(),
                |output| match output {
                    Output::Reply {
                        result: CommandResult::Ok { .. },
                        ..
                    } => Some(Ok(())),
                    Output::Reply {
                        result: CommandResult::Err { refusal },
                        ..
                    } => Some(Err(format!("{:?}", refusal.code))),
                    _ => None,
                },
            )
            .await?;
        let View::Account(view) = account.engine.query(Query::Account) else {
            bail!("no account")
        };
        account.address.account_id = view.account_id.context("account id")?.to_vec();
        account.address.device_id = view.device_id.context("device id")?.to_vec();
        Ok(account)
    }

    /// Makes the engine ready to authenticate: asks it to connect with a fresh access token.
    pub async fn prepare(&mut self) -> Result<()> {
        // Going back to "disconnected" makes a second connection of the same account possible.
        let at = self.engine.next_deadline().unwrap_or_default().max(now());
        let mut outputs = self.feed(Input::Disconnected { code: None }, at)?;
        let mut at = at;
        for _ in 0..64 {
            if outputs
                .iter()
                .any(|output| matches!(output, Output::Connect))
            {
                self.feed(Input::Connected, at)?;
                return Ok(());
            }
            self.carry_out(outputs, at).await?;
            at = self
                .engine
                .next_deadline()
                .context("the engine does not want to connect")?
                .max(at);
            outputs = self.feed(Input::Tick, at)?;
        }
        bail!("the engine did not connect")
    }

    /// The Auth frame that answers the relay's Hello; a token that ran out meanwhile is renewed first.
    pub async fn answer(&mut self, hello: &[u8]) -> Result<Vec<u8>> {
        self.authenticate(hello.to_vec(), now()).await
    }

    /// The same with an access token from now: the socket then stays open for all of its five minutes.
    pub async fn answer_with_fresh_token(&mut self, hello: &[u8]) -> Result<Vec<u8>> {
        let mut frame = socket::ServerFrame::decode(hello).context("hello")?;
        if let Some(socket::server_frame::Frame::Hello(hello)) = &mut frame.frame {
            // Without it the engine believes the time it is given below, to which every token has run out.
            hello.server_time_ms = 0;
        }
        let late = now().saturating_add_ms(limits::ACCESS_TOKEN_TTL_S * limits::SECOND_MS);
        self.authenticate(frame.encode_to_vec(), late).await
    }

    async fn authenticate(&mut self, hello: Vec<u8>, at: Timestamp) -> Result<Vec<u8>> {
        let hello = Input::Frame {
            bytes: Bytes(hello),
        };
        let mut outputs = self.feed(hello, at)?;
        for _ in 0..8 {
            if let Some(frame) = outputs.iter().find_map(auth) {
                self.bearer = frame.1;
                return Ok(frame.0);
            }
            outputs = self.carry_out(outputs, at).await?;
        }
        bail!("the engine did not answer the hello")
    }

    /// Gives the partner the right to write; the token is registered like any contact's.
    pub async fn register_token(&mut self) -> Result<()> {
        let mut token = [0; 16];
        getrandom::fill(&mut token).map_err(|error| anyhow::anyhow!("randomness: {error}"))?;
        let hash = Sha256::digest(token);
        let name = b64::encode(hash.get(..16).context("hash")?);
        let answer = self
            .http
            .put(format!("{}/v1/delivery-tokens/{name}", self.base))
            .bearer_auth(&self.bearer)
            .json(
                &serde_json::json!({ "kind": "contact", "uses_max": null, "expires_at_ms": null }),
            )
            .send()
            .await?;
        anyhow::ensure!(answer.status().is_success(), "token: {}", answer.status());
        self.address.token = token.to_vec();
        Ok(())
    }

    fn feed(&mut self, input: Input, at: Timestamp) -> Result<Vec<Output>> {
        Ok(self
            .engine
            .handle(input, at)
            .context("engine")?
            .into_iter()
            .collect())
    }

    /// Feeds `input` and answers the engine's requests until `done` says so.
    async fn drive(
        &mut self,
        input: Input,
        at: Timestamp,
        done: impl Fn(&Output) -> Option<Result<(), String>>,
    ) -> Result<()> {
        let mut outputs = self.feed(input, at)?;
        for _ in 0..64 {
            if let Some(result) = outputs.iter().find_map(&done) {
                return result.map_err(anyhow::Error::msg);
            }
            outputs = self.carry_out(outputs, at).await?;
        }
        bail!("the engine did not finish")
    }

    /// Carries out all requests among `outputs`; returns what the engine answered.
    async fn carry_out(&mut self, outputs: Vec<Output>, at: Timestamp) -> Result<Vec<Output>> {
        let mut next = Vec::new();
        for output in outputs {
            if let Output::Request {
                request_id,
                method,
                path,
                bearer,
                body,
            } = output
            {
                let response = self.send(request_id, method, &path, bearer, body).await?;
                next.extend(self.feed(response, at)?);
            }
        }
        Ok(next)
    }

    // Exclusive, although it changes nothing: a task may then move between threads while it waits.
    async fn send(
        &mut self,
        request_id: RequestId,
        method: Method,
        path: &str,
        bearer: Option<String>,
        body: Bytes,
    ) -> Result<Input> {
        let request = crate::transport::prepare(&self.http, &self.base, method, path, bearer, body);
        let response = request.send().await?;
        let status = response.status().as_u16();
        Ok(Input::Response {
            request_id,
            status,
            body: Bytes(response.bytes().await?.to_vec()),
        })
    }
}

/// The bytes of an Auth frame and the access token in it.
fn auth(output: &Output) -> Option<(Vec<u8>, String)> {
    let Output::Frame { bytes } = output else {
        return None;
    };
    match socket::ClientFrame::decode(bytes.0.as_slice()).ok()?.frame {
        Some(socket::client_frame::Frame::Auth(auth)) => Some((bytes.0.clone(), auth.jwt)),
        _ => None,
    }
}
