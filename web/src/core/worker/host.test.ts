// @vitest-environment node
import { afterEach, beforeEach, describe, expect, type Mock, test, vi } from 'vitest';
import type { CommandResult } from '../generated/CommandResult';
import type { Input } from '../generated/Input';
import type { Output } from '../generated/Output';
import { Host, type HostEvents } from './host';
import { Disk, standInEngine, until } from './testing';

const DONE: CommandResult = { type: 'ok', reply: { type: 'done' } };

class StandInSocket {
  static OPEN = 1;
  static all: StandInSocket[] = [];
  readyState = StandInSocket.OPEN;
  binaryType = '';
  sent: unknown[] = [];
  closed: number | undefined;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;

  constructor(readonly address: URL) {
    StandInSocket.all.push(this);
  }
  send(frame: unknown): void {
    this.sent.push(frame);
  }
  close(code: number): void {
    this.closed = code;
  }
}

/** What the engine heard, and what it answers to an input of a type. */
let heard: Input[];
let answers: Partial<Record<Input['type'], Output[]>>;
let events: { [Name in keyof HostEvents]: Mock<HostEvents[Name]> };
let network: Map<string, () => void>;
let host: Host;
const socket = () => StandInSocket.all.at(-1) as StandInSocket;

beforeEach(() => {
  heard = [];
  answers = {};
  network = new Map();
  StandInSocket.all = [];
  new Disk().install();
  vi.stubGlobal('addEventListener', (kind: string, act: () => void) => network.set(kind, act));
  vi.stubGlobal('WebSocket', StandInSocket);
  vi.stubGlobal('location', new URL('https://chat.example/assets/engine.worker-1.js'));
  events = { changed: vi.fn(), notify: vi.fn(), erase: vi.fn(), fatal: vi.fn() };
  const engine = standInEngine(new Disk(), {
    handle: (input: string) => {
      const read = JSON.parse(input) as Input;
      heard.push(read);
      return JSON.stringify(answers[read.type] ?? []);
    },
  });
  host = new Host(engine, events);
});
afterEach(() => {
  host.stop();
  vi.unstubAllGlobals();
});

function asks(request: Partial<Extract<Output, { type: 'request' }>>): void {
  answers.tick = [
    {
      type: 'request',
      request_id: 'r',
      method: 'POST',
      path: '/v1/x',
      bearer: 'token',
      body: 'e30',
      ...request,
    },
  ];
  host.begin();
  answers.tick = [];
}
const answered = () => heard.filter(({ type }) => type === 'response' || type === 'request_failed');

test('a command is answered by its number, and by nothing when the host stops', async () => {
  answers.command = [{ type: 'reply', command_id: 1, result: DONE }];
  expect(await host.command({ type: 'set_profile', display_name: 'Ada' })).toEqual(DONE);
  answers.command = [];
  const open = host.command({ type: 'set_profile', display_name: 'Ada' });
  expect(host.waitingCommands).toBe(1);
  host.stop();
  expect(await open).toBeNull();
  expect(await host.command({ type: 'set_profile', display_name: 'Ada' })).toBeNull();
});

test('what one input changed is told once, and what is beside it is carried out', () => {
  answers.tick = [
    { type: 'changed', topic: { type: 'chats' } },
    { type: 'changed', topic: { type: 'account' } },
    { type: 'notify', conversation_id: 'c', title: 'Ada', preview: null },
  ];
  host.begin();
  expect(events.changed).toHaveBeenCalledExactlyOnceWith([{ type: 'chats' }, { type: 'account' }]);
  expect(events.notify).toHaveBeenCalledExactlyOnceWith({ conversationId: 'c', title: 'Ada', preview: null });
});

test('a request goes to the relay that served the app, with its token and no cookies', async () => {
  const fetched = vi.fn(() => Promise.resolve(new Response('{}', { status: 201 })));
  vi.stubGlobal('fetch', fetched);
  asks({});
  await until(() => answered().length > 0);
  expect(answered()).toEqual([{ type: 'response', request_id: 'r', status: 201, body: 'e30' }]);
  const [address, options] = fetched.mock.calls[0] as unknown as [URL, RequestInit];
  expect(address.href).toBe('https://chat.example/v1/x');
  expect(options).toMatchObject({ method: 'POST', credentials: 'omit', redirect: 'error' });
  expect((options.headers as Headers).get('authorization')).toBe('Bearer token');
});

test.each(['//elsewhere.example/v1/x', 'https://elsewhere.example/v1/x', '/v1/../docs', '/docs'])(
  'a token never goes to %s',
  async (path) => {
    const fetched = vi.fn();
    vi.stubGlobal('fetch', fetched);
    asks({ path });
    await until(() => answered().length > 0);
    expect(answered()).toEqual([{ type: 'request_failed', request_id: 'r' }]);
    expect(fetched).not.toHaveBeenCalled();
  },
);

test('an answer without an end is cut off', async () => {
  const piece = new Uint8Array(1024 * 1024);
  const endless = new ReadableStream({ pull: (controller) => controller.enqueue(piece) });
  vi.stubGlobal('fetch', () => Promise.resolve(new Response(endless)));
  asks({});
  await until(() => answered().length > 0);
  expect(answered()).toEqual([{ type: 'request_failed', request_id: 'r' }]);
});

test('the socket speaks binary frames of bounded size, or ends', async () => {
  answers.tick = [{ type: 'connect' }];
  host.begin();
  answers.tick = [];
  expect(socket().address.href).toBe('wss://chat.example/ws');
  socket().onopen?.();
  expect(heard.at(-1)).toEqual({ type: 'connected' });
  socket().onmessage?.({ data: new Uint8Array([1, 2, 3]).buffer });
  socket().onmessage?.({ data: new Uint8Array([4]).buffer });
  await until(() => heard.at(-1)?.type === 'frames');
  expect(heard.at(-1)).toEqual({ type: 'frames', frames: ['AQID', 'BA'] });
  for (const data of ['a text', new ArrayBuffer(128 * 1024 + 1)]) {
    socket().closed = undefined;
    socket().onmessage?.({ data });
    expect(socket().closed).toBe(4000);
  }
});

test('a frame for a closed socket is dropped, and the end of a connection has its code', () => {
  answers.tick = [{ type: 'connect' }, { type: 'frame', bytes: 'AQID' }];
  host.begin();
  expect(socket().sent).toEqual([new Uint8Array([1, 2, 3])]);
  answers.tick = [{ type: 'frame', bytes: 'AQID' }];
  socket().readyState = 3;
  host.begin();
  expect(socket().sent).toHaveLength(1);
  socket().onclose?.({ code: 4001 });
  expect(heard.at(-1)).toEqual({ type: 'disconnected', code: 4001 });
});

test('a network that is gone ends the connection at once, one that is back is tried', async () => {
  answers.tick = [{ type: 'connect' }];
  host.begin();
  answers.tick = [];
  network.get('offline')?.();
  await until(() => heard.at(-1)?.type === 'disconnected');
  expect(socket().closed).toBe(1000);
  const before = heard.length;
  network.get('online')?.();
  expect(heard).toHaveLength(before + 1);
});

test('an engine that cannot go on is not entered again', () => {
  host.stop();
  const fatal = vi.fn();
  const broken = new Host(
    standInEngine(new Disk(), {
      handle: () => {
        throw 'corrupt' as unknown as Error;
      },
    }),
    { ...events, fatal },
  );
  broken.begin();
  broken.begin();
  expect(fatal).toHaveBeenCalledExactlyOnceWith('corrupt');
});

describe('words that the engine cannot read', () => {
  const cannotRead = (input: string) => {
    const read = JSON.parse(input) as Input;
    if (read.type === unread) throw 'invalid' as unknown as Error;
    return JSON.stringify(
      read.type === 'command' ? [{ type: 'reply', command_id: read.command_id, result: DONE }] : [],
    );
  };
  let unread: Input['type'];
  const open = (part: Parameters<typeof standInEngine>[1]) =>
    (host = new Host(standInEngine(new Disk(), part), events));

  test('a command is refused to the one who sent it, and the next one is carried out', async () => {
    open({ handle: cannotRead });
    unread = 'command';
    expect(await host.command({ type: 'set_profile', display_name: 'Ada' })).toEqual({
      type: 'err',
      refusal: { code: 'invalid', retry_after_s: null },
    });
    expect(host.waitingCommands).toBe(0);
    unread = 'tick';
    expect(await host.command({ type: 'set_profile', display_name: 'Ada' })).toEqual(DONE);
    expect(events.fatal).not.toHaveBeenCalled();
  });

  test('a conversation that is looked at is refused, a tick of our own is a bug', () => {
    open({ handle: cannotRead });
    unread = 'focus';
    expect(host.focus('xyz')).toBe(false);
    expect(events.fatal).not.toHaveBeenCalled();
    unread = 'tick';
    host.begin();
    expect(events.fatal).toHaveBeenCalledExactlyOnceWith('invalid');
  });

  test('a question asks for what is not there; one that traps ends the engine', () => {
    const query = vi.fn((): string => {
      throw 'invalid' as unknown as Error;
    });
    open({ query });
    expect(host.query({ type: 'message_details', message_id: 'xyz' })).toBe('{"type":"not_found"}');
    query.mockImplementation(() => {
      throw new Error('unreachable');
    });
    expect(host.query({ type: 'account' })).toBeNull();
    expect(host.query({ type: 'account' })).toBeNull();
    expect(events.fatal).toHaveBeenCalledExactlyOnceWith('crashed');
  });

  test('half a character, which a field can hold, does not make a message unreadable', () => {
    void host.command({ type: 'set_profile', display_name: 'Ada \ud83d' });
    expect(heard.at(-1)).toMatchObject({ command: { display_name: 'Ada \ufffd' } });
  });
});
