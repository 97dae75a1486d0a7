/**
 * Carries out what the engine asks for: socket, requests, timers, replies.
 * Knows bytes and times; must never know what they mean. One per open store, so only in the leading tab.
 */
import { now } from '../clock';
import type { Command } from '../generated/Command';
import type { CommandResult } from '../generated/CommandResult';
import type { Input } from '../generated/Input';
import type { Output } from '../generated/Output';
import type { Query } from '../generated/Query';
import type { Topic } from '../generated/Topic';
import type { Notice } from '../messages';
import { decode, encode } from './base64url';
import type { EngineModule } from './engine';

/** Longest the relay may take to answer a request. */
const REQUEST_MS = 30_000;
/** Answers are at most 1 MiB of content plus their JSON. */
const RESPONSE_BYTES_MAX = 2 * 1024 * 1024;
/** `architecture.md` section 10: a socket frame is at most 128 KiB. */
const FRAME_BYTES_MAX = 128 * 1024;
/** Frames of one transaction: it is one flush for all of them, and keeps nobody who taps waiting for long. */
const FRAMES_AT_ONCE = 32;
/** Longer timers overflow to zero; the engine is asked again when this one ends. */
const TIMER_MS_MAX = 2 ** 31 - 1;
/** Thrown by the engine for what it cannot read: nothing happened, and it goes on. */
const INVALID = 'invalid';
const REFUSED: CommandResult = { type: 'err', refusal: { code: INVALID, retry_after_s: null } };
/** The `View` of what is not there. */
const NOT_FOUND = '{"type":"not_found"}';

/** What became of an input: done, not understood, or the engine stopped. */
type Fed = 'done' | 'refused' | 'stopped';

export interface HostEvents {
  changed(topics: Topic[]): void;
  notify(notice: Notice): void;
  /** The account was signed out with "erase". */
  erase(): void;
  /** The engine cannot go on: a `Fatal` code, or `crashed` after a trap. */
  fatal(code: string): void;
}

export class Host {
  private socket: WebSocket | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly stopping = new AbortController();
  private commands = new Map<number, (result: CommandResult | null) => void>();
  private nextCommand = 1;
  private stopped = false;
  /** Frames that came since the engine was fed last. */
  private arrived: string[] = [];
  /** Its turn comes after whatever the socket has already handed to this worker. */
  private readonly turn = new MessageChannel();

  constructor(
    private readonly engine: EngineModule,
    private readonly events: HostEvents,
  ) {
    const { signal } = this.stopping;
    // The engine decides when to try again; these only tell it that trying may help now, or that it is pointless.
    globalThis.addEventListener('online', () => this.feed({ type: 'online' }), { signal });
    globalThis.addEventListener('offline', () => this.dropSocket(), { signal });
    this.turn.port1.onmessage = () => this.feedFrames();
  }

  /** Lets the engine emit everything that is still open. */
  begin(): void {
    this.feed({ type: 'tick' });
  }

  /** Null when the host stopped before the answer. A command that the engine cannot read is refused as `invalid`. */
  command(command: Command): Promise<CommandResult | null> {
    return new Promise((resolve) => {
      const id = this.nextCommand;
      this.nextCommand = (this.nextCommand + 1) >>> 0;
      this.commands.set(id, resolve);
      const fed = this.feed({ type: 'command', command_id: id, command });
      if (fed !== 'done') this.answer(id, fed === 'refused' ? REFUSED : null);
    });
  }

  get waitingCommands(): number {
    return this.commands.size;
  }

  /** A question that the engine cannot read asks for something nobody has. Null when it can answer nothing any more. */
  query(query: Query): string | null {
    if (this.stopped) return null;
    try {
      return this.engine.query(write(query));
    } catch (thrown) {
      if (thrown === INVALID) return NOT_FOUND;
      this.fail(thrown);
      return null;
    }
  }

  /** False when the engine cannot read the id. */
  focus(conversationId: string | null): boolean {
    return this.feed({ type: 'focus', conversation_id: conversationId }) !== 'refused';
  }

  /** Stops everything and closes the store. */
  stop(): void {
    if (this.stopped) return;
    this.silence();
    this.engine.close();
  }

  /** Stops everything without touching the engine, which may be unusable after a trap. */
  silence(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    this.stopping.abort();
    this.turn.port1.close();
    this.dropSocket();
    for (const id of [...this.commands.keys()]) this.answer(id, null);
  }

  /** One input, one transaction; then its outputs, in order. */
  private feed(input: Input): Fed {
    if (this.stopped) return 'stopped';
    let outputs: Output[];
    try {
      outputs = JSON.parse(this.engine.handle(write(input), now())) as Output[];
    } catch (thrown) {
      // What a page asked for concerns that page alone; whatever else is not understood was said by this shell itself.
      if (thrown === INVALID && (input.type === 'command' || input.type === 'focus')) return 'refused';
      this.fail(thrown);
      return 'stopped';
    }
    const topics: Topic[] = [];
    for (const output of outputs) this.carryOut(output, topics);
    if (topics.length > 0) this.events.changed(topics);
    this.armTimer();
    return 'done';
  }

  private fail(thrown: unknown): void {
    this.silence();
    this.events.fatal(typeof thrown === 'string' ? thrown : 'crashed');
  }

  private feedFrames(): void {
    const frames = this.arrived;
    this.arrived = [];
    if (frames.length > 0) this.feed({ type: 'frames', frames });
  }

  private carryOut(output: Output, topics: Topic[]): void {
    switch (output.type) {
      case 'reply':
        this.answer(output.command_id, output.result);
        return;
      case 'changed':
        topics.push(output.topic);
        return;
      case 'request':
        void this.request(output);
        return;
      case 'connect':
        this.connect();
        return;
      case 'disconnect':
        this.dropSocket();
        return;
      case 'frame':
        // A frame for a closed socket is dropped: the engine sends what is open again after it connected.
        if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(decode(output.bytes));
        return;
      case 'notify':
        this.events.notify({
          conversationId: output.conversation_id,
          title: output.title,
          preview: output.preview,
        });
        return;
      case 'erase':
        // After the outputs that stand beside it, the reply above all.
        queueMicrotask(() => this.events.erase());
        return;
    }
  }

  private answer(id: number, result: CommandResult | null): void {
    const resolve = this.commands.get(id);
    this.commands.delete(id);
    resolve?.(result);
  }

  private armTimer(): void {
    clearTimeout(this.timer);
    if (this.stopped) return;
    const deadline = this.engine.next_deadline();
    if (deadline === undefined) return;
    const wait = Math.min(Math.max(deadline - now(), 0), TIMER_MS_MAX);
    this.timer = setTimeout(() => this.feed({ type: 'tick' }), wait);
  }

  private connect(): void {
    if (this.socket) return;
    const address = new URL('/ws', globalThis.location.origin);
    address.protocol = address.protocol === 'http:' ? 'ws:' : 'wss:';
    const socket = new WebSocket(address);
    socket.binaryType = 'arraybuffer';
    this.socket = socket;
    socket.onopen = () => this.feed({ type: 'connected' });
    socket.onmessage = (event: MessageEvent<unknown>) => {
      const data = event.data;
      // The relay speaks binary frames of bounded size; anything else ends the connection.
      if (!(data instanceof ArrayBuffer) || data.byteLength > FRAME_BYTES_MAX) {
        socket.close(4000);
        return;
      }
      this.arrived.push(encode(new Uint8Array(data)));
      if (this.arrived.length === 1) this.turn.port2.postMessage(null);
      if (this.arrived.length >= FRAMES_AT_ONCE) this.feedFrames();
    };
    socket.onclose = (event) => {
      if (this.socket !== socket) return;
      this.feedFrames();
      this.socket = null;
      // 1005 and 1006 are the browser's own words for "no code".
      const code = event.code === 1005 || event.code === 1006 ? null : event.code;
      this.feed({ type: 'disconnected', code });
    };
  }

  /** Ends the connection and tells the engine at once: a dead network would report the end only minutes later. */
  private dropSocket(): void {
    const socket = this.socket;
    if (!socket) return;
    this.socket = null;
    // What the relay sent is not lost: it is not acknowledged, and comes again.
    this.arrived = [];
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(1000);
    queueMicrotask(() => this.feed({ type: 'disconnected', code: null }));
  }

  private async request(output: Extract<Output, { type: 'request' }>): Promise<void> {
    let answer: Input = { type: 'request_failed', request_id: output.request_id };
    try {
      answer = await this.fetch(output);
    } catch {
      // No answer: the engine decides when to try again.
    }
    this.feed(answer);
  }

  private async fetch(output: Extract<Output, { type: 'request' }>): Promise<Input> {
    const headers = new Headers({ accept: 'application/json' });
    if (output.bearer !== null) headers.set('authorization', `Bearer ${output.bearer}`);
    const body = output.body === '' ? null : decode(output.body);
    if (body) headers.set('content-type', 'application/json');
    const response = await fetch(relayAddress(output.path), {
      method: output.method,
      headers,
      body,
      credentials: 'omit',
      cache: 'no-store',
      redirect: 'error',
      referrerPolicy: 'no-referrer',
      signal: AbortSignal.any([this.stopping.signal, AbortSignal.timeout(REQUEST_MS)]),
    });
    const bytes = await readBounded(response);
    return { type: 'response', request_id: output.request_id, status: response.status, body: encode(bytes) };
  }
}

/** As JSON; half a character, which a field can hold and JSON cannot carry, becomes the sign for an unreadable one. */
function write(words: Input | Query): string {
  return JSON.stringify(words, (_key, value: unknown) =>
    typeof value === 'string' ? value.toWellFormed() : value,
  );
}

/** Requests carry a bearer token: they go to the relay that served this app, and nowhere else. */
function relayAddress(path: string): URL {
  const address = new URL(path, globalThis.location.origin);
  if (address.origin !== globalThis.location.origin || !address.pathname.startsWith('/v1/')) {
    throw new Error('not an address of the relay');
  }
  return address;
}

async function readBounded(response: Response): Promise<Uint8Array> {
  if (!response.body) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.byteLength;
    if (size > RESPONSE_BYTES_MAX) throw new Error('the answer is too large');
    chunks.push(value);
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}
