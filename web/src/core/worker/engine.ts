/**
 * The engine's module (crates/wasm) as this shell sees it.
 * The declarations mirror `crates/wasm/src/lib.rs`; every thrown value is a stable code, or a trap of the module.
 */
import moduleUrl from '@engine/securechat_bg.wasm?url';
import init, * as engine from '@engine/securechat.js';

export type EngineModule = typeof engine;

/** Compiles and starts the module. `onPanic` hears the source place of a panic, never its text. */
export async function loadEngine(onPanic: (place: string) => void): Promise<EngineModule> {
  (globalThis as { securechatPanicked?: (place: string) => void }).securechatPanicked = onPanic;
  await init({ module_or_path: moduleUrl });
  return engine;
}
