/**
 * The answers that screens show, read again when a topic changes. Whatever is asked for in one moment is read in one go
 * and drawn once: a message changes the chat list, its conversation and the counts together.
 * Knows views as opaque values; forgets all of them when the vault locks.
 */
import type { Query } from './generated/Query';
import type { Topic } from './generated/Topic';
import type { View } from './generated/View';
import { isStale } from './topics';

/** Answers kept after their last screen closed, so that going back shows at once. */
const IDLE_ENTRIES_MAX = 40;

interface Entry {
  query: Query;
  view: View | undefined;
  /** The text `view` was read from: an equal answer redraws nothing. */
  json: string | null;
  listeners: Set<() => void>;
  stale: boolean;
  reading: boolean;
}

export class QueryCache {
  private entries = new Map<string, Entry>();
  /** Asked for since the last read left. */
  private due = new Set<Entry>();

  /** `read` answers null when the core is not ready; `refreshAll` is called when it is. */
  constructor(private readonly read: (queries: Query[]) => Promise<readonly string[] | null>) {}

  subscribe(key: string, query: Query, listener: () => void): () => void {
    const entry = this.entry(key, query);
    entry.listeners.add(listener);
    if (entry.stale) this.refresh(entry);
    return () => {
      entry.listeners.delete(listener);
      if (entry.listeners.size === 0) this.dropIdle();
    };
  }

  view(key: string): View | undefined {
    return this.entries.get(key)?.view;
  }

  changed(topics: Topic[]): void {
    for (const entry of this.entries.values()) {
      if (topics.some((topic) => isStale(entry.query, topic))) this.invalidate(entry);
    }
  }

  refreshAll(): void {
    for (const entry of this.entries.values()) this.invalidate(entry);
  }

  /** Takes every answer off the page. */
  forgetAll(): void {
    for (const [key, entry] of this.entries) {
      entry.view = undefined;
      entry.json = null;
      entry.stale = true;
      if (entry.listeners.size === 0) this.entries.delete(key);
      else notify(entry);
    }
  }

  private entry(key: string, query: Query): Entry {
    const held = this.entries.get(key);
    if (held) {
      // Most recently used last.
      this.entries.delete(key);
      this.entries.set(key, held);
      return held;
    }
    const entry: Entry = {
      query,
      view: undefined,
      json: null,
      listeners: new Set(),
      stale: true,
      reading: false,
    };
    this.entries.set(key, entry);
    return entry;
  }

  private invalidate(entry: Entry): void {
    entry.stale = true;
    if (entry.listeners.size > 0) this.refresh(entry);
  }

  private refresh(entry: Entry): void {
    if (entry.reading) return;
    entry.reading = true;
    if (this.due.size === 0) queueMicrotask(() => this.readDue());
    this.due.add(entry);
  }

  private readDue(): void {
    const entries = [...this.due];
    this.due.clear();
    for (const entry of entries) entry.stale = false;
    const take = (answers: readonly string[] | null) => {
      const drawn = entries.filter((entry, index) => heard(entry, answers?.[index]));
      drawn.forEach(notify);
      if (answers === null) return;
      // A change arrived while these answers were on their way.
      for (const entry of entries) if (entry.stale && entry.listeners.size > 0) this.refresh(entry);
    };
    this.read(entries.map((entry) => entry.query)).then(take, () => take(null));
  }

  private dropIdle(): void {
    let idle = [...this.entries.values()].filter((entry) => entry.listeners.size === 0).length;
    for (const [key, entry] of this.entries) {
      if (idle <= IDLE_ENTRIES_MAX) return;
      if (entry.listeners.size > 0) continue;
      this.entries.delete(key);
      idle -= 1;
    }
  }
}

/** True when the screen has to be drawn again: an equal answer changes nothing. */
function heard(entry: Entry, json: string | undefined): boolean {
  entry.reading = false;
  if (json === undefined) entry.stale = true;
  if (json === undefined || json === entry.json) return false;
  entry.json = json;
  entry.view = JSON.parse(json) as View;
  return true;
}

function notify(entry: Entry): void {
  for (const listener of [...entry.listeners]) listener();
}
