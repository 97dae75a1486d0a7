/** What `cargo xtask wasm` writes to `target/web/wasm/`. */
declare module '@engine/securechat.js' {
  export default function init(options: { module_or_path: string }): Promise<unknown>;
  /** Takes the pool of OPFS files. Throws `in_use`, `full`, `no_storage` or `corrupt`. */
  export function install_pool(): Promise<void>;
  export function store_exists(): boolean;
  /** Opens or creates the store; wipes `key`. Throws an `OpenError` code. */
  export function open(key: Uint8Array, seed: Uint8Array, now_ms: number): void;
  export function open_in_memory(seed: Uint8Array, now_ms: number): void;
  /** An `Input` in, an array of `Output` out. Throws a `Fatal` code, or `invalid` for what is no `Input`. */
  export function handle(input: string, now_ms: number): string;
  /** A `Query` in, a `View` out. Throws `invalid` for what is no `Query`. */
  export function query(query: string): string;
  /** Milliseconds since 1970, when the engine wants a tick. */
  export function next_deadline(): number | undefined;
  /** Drops the engine: closes the store, wipes keys. */
  export function close(): void;
  /** Lets go of the files, so that another tab can take them. */
  export function release_pool(): void;
  /** Wraps the 32-byte database key; wipes `passphrase`. */
  export function seal_key(
    key: Uint8Array,
    passphrase: Uint8Array,
    vault_id: Uint8Array,
  ): Uint8Array<ArrayBuffer>;
  /** Answers nothing when the passphrase is wrong; wipes `passphrase`. */
  export function open_key(
    sealed: Uint8Array,
    passphrase: Uint8Array,
    vault_id: Uint8Array,
  ): Uint8Array<ArrayBuffer> | undefined;
}

declare module '@engine/securechat_bg.wasm?url' {
  const url: string;
  export default url;
}
