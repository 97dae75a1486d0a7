/**
 * The words between a page, its worker, and the workers of other tabs of this origin.
 * Plain data only; no key crosses in the clear.
 */
import type { Command } from './generated/Command';
import type { CommandResult } from './generated/CommandResult';
import type { ConversationId } from './generated/ConversationId';
import type { Query } from './generated/Query';
import type { Topic } from './generated/Topic';
import type { BootState, VaultResult, VaultState } from './state';

/** What a tab asks for. Only the leader carries it out. */
export type Call =
  /** Read in one go, so that what belongs together on the screen is of one moment. */
  | { kind: 'query'; queries: Query[] }
  | { kind: 'command'; command: Command }
  | { kind: 'focus'; conversationId: ConversationId | null }
  | { kind: 'vault'; operation: VaultOperation };

export type VaultOperation =
  | { op: 'unlock'; passphrase: string }
  | { op: 'lock' }
  /** Sets or changes; `current` is needed when a passphrase is set. */
  | { op: 'set_passphrase'; current: string | null; next: string }
  /** Back to "remember this device". */
  | { op: 'remember_device'; current: string }
  | { op: 'set_auto_lock'; minutes: number }
  /** Deletes everything this browser holds. */
  | { op: 'forget' }
  /** Goes on without storage, after the person said so. */
  | { op: 'use_memory' }
  | { op: 'retry' };

export type CallResult =
  /** A `View` for each query, as the engine wrote it. */
  | { kind: 'query'; json: string[] }
  | { kind: 'command'; result: CommandResult }
  | { kind: 'vault'; result: VaultResult }
  | { kind: 'done' }
  /** The engine cannot read what was asked; nothing happened. */
  | { kind: 'refused' }
  /** The leader went away after it had taken the call: whether it happened is not known. */
  | { kind: 'interrupted' }
  /** The core is not ready: starting, locked or failed. */
  | { kind: 'unavailable' };

export interface CoreFacts {
  boot: BootState;
  vault: VaultState;
}

/** The database key under a non-extractable AES-GCM key, and what it is bound to. */
export interface DeviceWrapped {
  key: CryptoKey;
  iv: Uint8Array<ArrayBuffer>;
  ciphertext: Uint8Array<ArrayBuffer>;
}

export interface Notice {
  conversationId: ConversationId;
  title: string;
  preview: string | null;
}

/** Page to worker. */
export type ToWorker =
  | { type: 'start'; visible: boolean; memory: boolean; failed: BootState | null; clockOffsetMs: number }
  | { type: 'call'; id: number; call: Call }
  | { type: 'visible'; visible: boolean }
  /** The person did something: the auto-lock clock starts again. */
  | { type: 'active' }
  /** The page goes away or into the back/forward cache: hand over now. */
  | { type: 'leave' };

/** Worker to page. */
export type ToPage =
  | { type: 'facts'; facts: CoreFacts; leading: boolean; epoch: number }
  | { type: 'result'; id: number; result: CallResult }
  | { type: 'changed'; topics: Topic[] }
  | { type: 'notify'; notice: Notice }
  /** Another tab runs a newer build. */
  | { type: 'outdated' }
  /** This worker is finished: end it and start another. `crashed` counts towards the limit. */
  | { type: 'restart'; crashed: boolean; memory: boolean };

/** Between the workers of this origin. `from` and `to` are tab ids. */
export type Between =
  | { type: 'hello'; from: string; build: string }
  | { type: 'leader'; from: string; epoch: number; hidden: boolean; facts: CoreFacts; build: string }
  | { type: 'call'; from: string; id: number; call: Call }
  /** The leader has the call and will answer; a later leader must not carry it out again. */
  | { type: 'taken'; to: string; id: number; epoch: number }
  | { type: 'result'; to: string; id: number; result: CallResult }
  | { type: 'changed'; topics: Topic[] }
  | { type: 'active' }
  | { type: 'step_down'; epoch: number }
  /** The database key for takeover while unlocked, wrapped under a non-extractable key held in memory only. */
  | { type: 'handover'; wrapped: DeviceWrapped }
  /** Locked or forgotten: drop what is held and start again. */
  | { type: 'restart' };
