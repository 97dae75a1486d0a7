/**
 * Calls on their way to the leading tab: sent again until it takes them, never carried out twice.
 * Knows call numbers and tabs; must never know what a call means beyond "may it be repeated".
 */
import type { Between, Call, CallResult } from '../messages';

/** A leader takes a call within a millisecond; this long without it means that there is none right now. */
const RETRY_MS = 200;
/** Answers kept for a follower that asks again because it missed one. */
const ANSWERS_MAX = 256;

interface Waiting {
  call: Call;
  /** The leader that has it. */
  takenBy: number | null;
  resolve: (result: CallResult) => void;
}

/** The side that asks. */
export class Follower {
  private waiting = new Map<number, Waiting>();
  private nextId = 1;
  private retry: ReturnType<typeof setInterval> | undefined;

  constructor(
    private readonly tab: string,
    private readonly send: (message: Between) => void,
  ) {}

  call(call: Call): Promise<CallResult> {
    return new Promise((resolve) => {
      const id = this.nextId++;
      this.waiting.set(id, { call, takenBy: null, resolve });
      this.send({ type: 'call', from: this.tab, id, call });
      this.retry ??= setInterval(() => this.sendAgain(), RETRY_MS);
    });
  }

  taken(id: number, epoch: number): void {
    const waiting = this.waiting.get(id);
    if (waiting) waiting.takenBy = epoch;
  }

  result(id: number, result: CallResult): void {
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    waiting?.resolve(result);
    if (this.waiting.size === 0) this.rest();
  }

  /** Another leader answers from now on: what the former one had taken may or may not have happened. */
  leaderChanged(epoch: number): void {
    for (const [id, waiting] of [...this.waiting]) {
      if (waiting.takenBy === null || waiting.takenBy === epoch) continue;
      if (repeatable(waiting.call)) waiting.takenBy = null;
      else this.result(id, { kind: 'interrupted' });
    }
    this.sendAgain();
  }

  /** This tab leads now: what is still open is carried out here. */
  takeOver(carryOut: (call: Call) => Promise<CallResult>): void {
    this.rest();
    for (const [id, waiting] of [...this.waiting]) {
      if (waiting.takenBy !== null && !repeatable(waiting.call)) this.result(id, { kind: 'interrupted' });
      else void carryOut(waiting.call).then((result) => this.result(id, result));
    }
  }

  private sendAgain(): void {
    for (const [id, waiting] of this.waiting) {
      if (waiting.takenBy === null) this.send({ type: 'call', from: this.tab, id, call: waiting.call });
    }
  }

  private rest(): void {
    clearInterval(this.retry);
    this.retry = undefined;
  }
}

/** The side that answers. */
export class Desk {
  /** Answered and running calls by `tab/id`, oldest first. */
  private seen = new Map<string, CallResult | null>();

  constructor(
    private readonly epoch: number,
    private readonly send: (message: Between) => void,
    private readonly carryOut: (call: Call, tab: string) => Promise<CallResult>,
  ) {}

  async hear(from: string, id: number, call: Call): Promise<void> {
    const name = `${from}/${id}`;
    const known = this.seen.get(name);
    if (known !== undefined) {
      this.send(
        known
          ? { type: 'result', to: from, id, result: known }
          : { type: 'taken', to: from, id, epoch: this.epoch },
      );
      return;
    }
    this.seen.set(name, null);
    this.send({ type: 'taken', to: from, id, epoch: this.epoch });
    const result = await this.carryOut(call, from);
    this.seen.set(name, result);
    for (const old of this.seen.keys()) {
      if (this.seen.size <= ANSWERS_MAX) break;
      this.seen.delete(old);
    }
    this.send({ type: 'result', to: from, id, result });
  }
}

function repeatable(call: Call): boolean {
  return call.kind === 'query' || call.kind === 'focus';
}
