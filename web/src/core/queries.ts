/**
 * The answers that screens show, read again when a topic changes.
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

  /** `read` answers null when the core is not ready; `refreshAll` is called when it is. */
  constructor(private readonly read: (query: Query) => Promise<string | null>) {}

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
    entry.stale = false;
    this.read(entry.query).then(
      (json) => {
        entry.reading = false;
        if (json === null) {
          entry.stale = true;
          return;
        }
        if (json !== entry.json) {
          entry.json = json;
          entry.view = JSON.parse(json) as View;
          notify(entry);
        }
        // A change arrived while this answer was on its way.
        if (entry.stale && entry.listeners.size > 0) this.refresh(entry);
      },
      () => {
        entry.reading = false;
        entry.stale = true;
      },
    );
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

function notify(entry: Entry): void {
  for (const listener of [...entry.listeners]) listener();
}
