//! What a relay, a link or a code may do to an engine that is signed up: any frames, answers and texts in any order.
//! Nothing of it may end its loop.

use super::harness::split;
use crate::dice::Dice;
use crate::relay::Relay;
use securechat_engine::api::{Command, Query};
use securechat_engine::shell::{Input, Output};
use securechat_engine::{Engine, Store};
use securechat_proto::{RequestId, Timestamp};
use std::collections::VecDeque;
use std::path::Path;
use std::sync::LazyLock;

const NOW: Timestamp = Timestamp(1_800_000_000_000);

/// A step of a script, by its first byte.
pub(super) const CONNECTED: u8 = b'o';
pub(super) const FRAME: u8 = b'f';
/// status u16 || body, to the oldest open request.
pub(super) const RESPONSE: u8 = b'r';
pub(super) const REQUEST_FAILED: u8 = b'x';
/// Seconds u16 pass.
pub(super) const TICK: u8 = b't';
/// A command as JSON: invite links, safety codes and whatever else a person pastes.
pub(super) const COMMAND: u8 = b'c';
/// A query as JSON.
pub(super) const QUERY: u8 = b'q';

/// The store of an account right after it signed up at a real relay.
static SIGNED_UP: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    let mut relay = Relay::new(folder.path(), NOW, &mut Dice::new(1)).expect("a relay");
    let path = folder.path().join("store.db");
    let mut engine = open(&path);
    let command = Command::SignUp {
        handle: "alice".into(),
        password: "correct horse battery staple".into(),
        display_name: "Alice".into(),
        device_name: None,
    };
    let mut inputs = VecDeque::from([Input::Command {
        command_id: 1,
        command,
    }]);
    while let Some(input) = inputs.pop_front() {
        for output in engine.handle(input, NOW).expect("the engine goes on") {
            if let Output::Request {
                request_id,
                method,
                path,
                bearer,
                body,
            } = output
            {
                let answer = relay.request(method, &path, bearer.as_deref(), &body.0);
                let (status, body) = answer.expect("an answer").expect("a relay");
                let body = body.into();
                inputs.push_back(Input::Response {
                    request_id,
                    status,
                    body,
                });
            }
        }
    }
    drop(engine);
    std::fs::read(path).expect("the store")
});

fn open(path: &Path) -> Engine {
    let store = Store::File {
        path: path.to_string_lossy().into_owned(),
        key: None,
    };
    Engine::open(store, [7; 32], NOW).expect("a store that opens")
}

/// Runs a script, (length u16 || kind || bytes)*, against that account. Whether the engine sent or answered anything.
pub(super) fn device(bytes: &[u8]) -> bool {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    std::fs::write(&path, &*SIGNED_UP).expect("a copy of the store");
    let mut engine = open(&path);
    let (mut now, mut open_requests, mut did) = (NOW, VecDeque::new(), false);
    let start = [TICK, 0, 0];
    for (number, step) in std::iter::once(&start[..]).chain(split(bytes)).enumerate() {
        let Some(input) = input(&engine, step, &mut now, &mut open_requests) else {
            continue;
        };
        let carried_out = engine
            .handle(input, now)
            .expect("outside bytes ended the loop");
        for output in carried_out {
            did |= number > 0 && matches!(output, Output::Frame { .. } | Output::Reply { .. });
            if let Output::Request { request_id, .. } = output {
                open_requests.push_back(request_id);
            }
        }
    }
    did
}

fn input(
    engine: &Engine,
    step: &[u8],
    now: &mut Timestamp,
    open: &mut VecDeque<RequestId>,
) -> Option<Input> {
    let (kind, rest) = step.split_first()?;
    match *kind {
        CONNECTED => Some(Input::Connected),
        FRAME => Some(Input::Frame {
            bytes: rest.to_vec().into(),
        }),
        RESPONSE => {
            let (status, body) = rest.split_first_chunk()?;
            Some(Input::Response {
                request_id: open.pop_front()?,
                status: u16::from_be_bytes(*status),
                body: body.to_vec().into(),
            })
        }
        REQUEST_FAILED => Some(Input::RequestFailed {
            request_id: open.pop_front()?,
        }),
        TICK => {
            let seconds = u64::from(u16::from_be_bytes(*rest.first_chunk()?));
            *now = now.saturating_add_ms(seconds * 1000);
            Some(Input::Tick)
        }
        COMMAND => Some(Input::Command {
            command_id: 1,
            command: serde_json::from_slice(rest).ok()?,
        }),
        QUERY => {
            let query: Query = serde_json::from_slice(rest).ok()?;
            engine.query(query);
            None
        }
        _ => None,
    }
}
