/**
 * The core's worker, one per tab. Every tab's worker queues for one Web Lock; its holder leads: it alone opens the store
 * and the socket, and carries out the calls of all tabs. The browser hands the lock on when a tab dies.
 */
import { shiftClock } from '../clock';
import type { Topic } from '../generated/Topic';
import type { Between, Call, CallResult, CoreFacts, DeviceWrapped, ToPage, ToWorker } from '../messages';
import type { BootState } from '../state';
import { loadEngine } from './engine';
import { Desk, Follower } from './forward';
import { Leader } from './leader';

const NAME = 'securechat-core';
const HEARTBEAT_MS = 2_000;
/** A tab that is only glanced at does not take the lead. */
const VISIBLE_BEFORE_LEADING_MS = 1_500;
/** The worker's own address carries the hash of its code. */
const BUILD = globalThis.location.pathname;

const tab = crypto.randomUUID();
const channel = new BroadcastChannel(NAME);
const follower = new Follower(tab, (message) => broadcast(message));
const engine = loadEngine(() => restart({ crashed: true, memory: false, everyone: false }));

let leader: Leader | null = null;
let desk: Desk | null = null;
let release: (() => void) | null = null;
let epoch = 0;
let visibleSince: number | null = null;
let focused: Call | null = null;
let handover: DeviceWrapped | null = null;
let finished = false;
let start: { memory: boolean; failed: BootState | null } = { memory: false, failed: null };

globalThis.onmessage = (event: MessageEvent<ToWorker>) => {
  const message = event.data;
  switch (message.type) {
    case 'start':
      shiftClock(message.clockOffsetMs);
      visibleSince = message.visible ? Date.now() : null;
      start = message;
      channel.onmessage = (heard: MessageEvent<Between>) => hear(heard.data);
      broadcast({ type: 'hello', from: tab, build: BUILD });
      void queueForLead();
      return;
    case 'call':
      void ask(message.call).then((result) => tell({ type: 'result', id: message.id, result }));
      return;
    case 'visible':
      visibleSince = message.visible ? (visibleSince ?? Date.now()) : null;
      return;
    case 'active':
      if (leader) leader.active();
      else broadcast({ type: 'active' });
      return;
    case 'leave':
      stepDown();
      return;
  }
};

// ---- leading -----------------------------------------------------------------------------------

async function queueForLead(): Promise<void> {
  let asked = false;
  try {
    await navigator.locks.request(NAME, async () => {
      asked = true;
      if (!finished) await lead();
    });
  } catch (thrown) {
    // Where the browser keeps nothing for this site it refuses the lock too: no tab can share anything, each leads itself.
    if (asked) throw thrown;
    if (!finished) await lead();
  }
}

async function lead(): Promise<void> {
  const module = await engine.catch(() => null);
  if (!module) {
    tell({ type: 'facts', facts: failedToLoad(), leading: true, epoch });
    return;
  }
  // Later than every leader before, also when the clock was set back.
  epoch = Math.max(epoch + 1, Date.now());
  const held = new Promise<void>((resolve) => (release = resolve));
  const events = {
    facts: () => announce(),
    changed: (topics: Topic[]) => {
      broadcast({ type: 'changed', topics });
      tell({ type: 'changed', topics });
    },
    notify: (notice: Extract<ToPage, { type: 'notify' }>['notice']) => tell({ type: 'notify', notice }),
    handover: (wrapped: DeviceWrapped) => broadcast({ type: 'handover', wrapped }),
    restart,
  };
  const leading = new Leader(module, events, { ...start, handover });
  leader = leading;
  desk = new Desk(epoch, broadcast, (call, from) => leading.carryOut(call, from));
  follower.takeOver((call) => leading.carryOut(call, tab));
  if (focused) void leading.carryOut(focused, tab);
  announce();
  const heartbeat = setInterval(announce, HEARTBEAT_MS);
  await held;
  clearInterval(heartbeat);
}

function announce(): void {
  if (!leader || finished) return;
  const { facts } = leader;
  broadcast({ type: 'leader', from: tab, epoch, hidden: visibleSince === null, facts, build: BUILD });
  tell({ type: 'facts', facts, leading: true, epoch });
}

/** Gives the lead to the next tab and ends this worker. */
function stepDown(): void {
  if (finished) return;
  finished = true;
  leader?.leave();
  release?.();
}

function restart(how: { crashed: boolean; memory: boolean; everyone: boolean }): void {
  // The answer to the call that led here leaves first.
  setTimeout(() => {
    if (how.everyone) broadcast({ type: 'restart' });
    finished = true;
    // After a trap the module is not entered again: ending the worker frees its files.
    tell({ type: 'restart', crashed: how.crashed, memory: how.memory });
    if (!how.crashed) release?.();
  });
}

function failedToLoad(): CoreFacts {
  return {
    boot: { state: 'failed', kind: 'crashed' },
    vault: { protection: 'unset', unlocked: false, autoLockMinutes: 0 },
  };
}

// ---- following ---------------------------------------------------------------------------------

function ask(call: Call): Promise<CallResult> {
  if (call.kind === 'focus') focused = call.conversationId === null ? null : call;
  return leader ? leader.carryOut(call, tab) : follower.call(call);
}

function hear(message: Between): void {
  if (finished) return;
  switch (message.type) {
    case 'hello':
      welcome(message.build);
      return;
    case 'call':
      void desk?.hear(message.from, message.id, message.call);
      return;
    case 'active':
      leader?.active();
      return;
    case 'step_down':
      if (leader && message.epoch === epoch && visibleSince === null && leader.idle && !leader.inMemory) {
        stepDown();
        tell({ type: 'restart', crashed: false, memory: false });
      }
      return;
    case 'leader':
      follow(message);
      return;
    case 'taken':
      if (message.to === tab) follower.taken(message.id, message.epoch);
      return;
    case 'result':
      if (message.to === tab) follower.result(message.id, message.result);
      return;
    case 'changed':
      tell({ type: 'changed', topics: message.topics });
      return;
    case 'handover':
      handover = message.wrapped;
      return;
    case 'restart':
      finished = true;
      leader?.leave();
      tell({ type: 'restart', crashed: false, memory: false });
      return;
  }
}

/** A tab that opens while this one leads; one of another build is newer than we are. */
function welcome(build: string): void {
  if (build !== BUILD) tell({ type: 'outdated' });
  if (!leader) return;
  announce();
  if (leader.handover) broadcast({ type: 'handover', wrapped: leader.handover });
}

function follow(message: Extract<Between, { type: 'leader' }>): void {
  if (leader) return;
  if (message.epoch < epoch) return;
  if (message.epoch > epoch) {
    epoch = message.epoch;
    follower.leaderChanged(epoch);
    if (focused) void follower.call(focused);
  }
  tell({ type: 'facts', facts: message.facts, leading: false, epoch });
  // Browsers slow hidden tabs down: the one being looked at leads.
  const watched = visibleSince !== null && Date.now() - visibleSince > VISIBLE_BEFORE_LEADING_MS;
  if (message.hidden && watched) broadcast({ type: 'step_down', epoch: message.epoch });
}

function broadcast(message: Between): void {
  channel.postMessage(message);
}

function tell(message: ToPage): void {
  (globalThis as unknown as { postMessage(message: ToPage): void }).postMessage(message);
}
