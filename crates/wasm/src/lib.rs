//! Browser shell of the engine, worker side: hands plain data in and out, no logic.
//!
//! Knows: one open engine, the pool of OPFS files below it. Must never know: what inputs and outputs mean.
//! Every thrown value is a stable code; the declarations for TypeScript stand in
//! `web/src/core/worker/engine-module.d.ts`.
#![cfg(target_arch = "wasm32")]

mod pool;
mod vault;

use securechat_engine::api::Query;
use securechat_engine::shell::Input;
use securechat_engine::{Engine, Fatal, Key, Store};
use securechat_proto::Timestamp;
use serde::de::DeserializeOwned;
use std::cell::RefCell;
use wasm_bindgen::prelude::*;
use zeroize::Zeroize;

/// Thrown for a text that is none of the engine's words; also the code of the refusal that its sender gets.
const INVALID: &str = "invalid";

thread_local! {
    /// The worker has one thread and at most one open store.
    static ENGINE: RefCell<Option<Engine>> = const { RefCell::new(None) };
}

#[wasm_bindgen]
extern "C" {
    /// Hears where the module panicked. The module is unusable afterwards: the worker is replaced.
    #[wasm_bindgen(js_namespace = globalThis, js_name = securechatPanicked)]
    fn panicked(place: &str);
}

#[wasm_bindgen(start)]
pub fn start() {
    // The place only: a panic's text could quote what a person wrote.
    std::panic::set_hook(Box::new(|info| {
        let place = info
            .location()
            .map(|at| format!("{}:{}", at.file(), at.line()));
        panicked(place.as_deref().unwrap_or("unknown"));
    }));
}

/// Opens or creates the store; wipes `key` (32 bytes) and `seed` (32 bytes).
///
/// # Errors
/// A code of `OpenError`, or `bug`.
#[wasm_bindgen]
pub fn open(key: &mut [u8], seed: &mut [u8], now_ms: f64) -> Result<(), JsValue> {
    let secret = take(key);
    let store = Store::File {
        path: pool::STORE.to_owned(),
        key: Some(Key::new(secret?)),
    };
    begin(store, seed, now_ms)
}

/// A store that is gone when the worker ends. Only after the person chose it.
///
/// # Errors
/// A code of `OpenError`, or `bug`.
#[wasm_bindgen]
pub fn open_in_memory(seed: &mut [u8], now_ms: f64) -> Result<(), JsValue> {
    begin(Store::Memory, seed, now_ms)
}

/// Carries out one `Input`; answers an array of `Output`.
///
/// # Errors
/// A code of [`Fatal`], or `invalid`: the text is no `Input`, nothing happened and the engine goes on.
#[wasm_bindgen]
pub fn handle(input: &str, now_ms: f64) -> Result<String, JsValue> {
    let input: Input = read(input)?;
    with_engine(|engine| {
        let outputs = engine
            .handle(input, timestamp(now_ms))
            .map_err(|fatal| code(fatal.code()))?;
        serde_json::to_string(&outputs.0).map_err(|_| bug())
    })
}

/// Answers a `Query` with a `View`.
///
/// # Errors
/// `invalid`: the text is no `Query`. `bug`: no store is open.
#[wasm_bindgen]
pub fn query(query: &str) -> Result<String, JsValue> {
    let query: Query = read(query)?;
    with_engine(|engine| serde_json::to_string(&engine.query(query)).map_err(|_| bug()))
}

/// When the engine wants a tick, in milliseconds since 1970.
#[wasm_bindgen]
pub fn next_deadline() -> Option<f64> {
    // Milliseconds stay exact in a double until the year 287396.
    ENGINE.with_borrow(|engine| engine.as_ref()?.next_deadline().map(|at| at.0 as f64))
}

/// Drops the engine: the store is closed, keys are wiped.
#[wasm_bindgen]
pub fn close() {
    ENGINE.take();
}

fn begin(store: Store, seed: &mut [u8], now_ms: f64) -> Result<(), JsValue> {
    let seed = take(seed)?;
    let engine =
        Engine::open(store, seed, timestamp(now_ms)).map_err(|error| code(error.code()))?;
    ENGINE.set(Some(engine));
    Ok(())
}

/// What a page says may come from an address that somebody typed: not to understand it is no failure of the engine.
fn read<T: DeserializeOwned>(text: &str) -> Result<T, JsValue> {
    serde_json::from_str(text).map_err(|_| code(INVALID))
}

fn with_engine<T>(act: impl FnOnce(&mut Engine) -> Result<T, JsValue>) -> Result<T, JsValue> {
    ENGINE.with_borrow_mut(|engine| act(engine.as_mut().ok_or_else(bug)?))
}

/// Moves a secret out of the buffer that JavaScript lent us and wipes it there.
fn take<const N: usize>(lent: &mut [u8]) -> Result<[u8; N], JsValue> {
    let taken = <[u8; N]>::try_from(&*lent).map_err(|_| bug());
    lent.zeroize();
    taken
}

fn timestamp(now_ms: f64) -> Timestamp {
    // A cast from a double saturates: a clock before 1970 reads as 1970.
    Timestamp(now_ms as u64)
}

fn code(code: &str) -> JsValue {
    JsValue::from_str(code)
}

fn bug() -> JsValue {
    code(Fatal::Bug("the shell").code())
}
