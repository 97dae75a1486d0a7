import { create } from 'zustand';
import { heldKeys, holdKeys } from '../core/early';
import {
  combinationOf,
  isOnMessage,
  isUsual,
  messageKeyOf,
  onMac,
  readChosen,
  takenBy,
  type ChosenKeys,
  type KeyAction,
  type Pressed,
} from './keys';

/** What became of a key press that was meant as a choice. */
export type Recorded =
  { type: 'waiting' } | { type: 'unusable' } | { type: 'taken'; by: KeyAction } | { type: 'chosen' };

interface Keys {
  chosen: ChosenKeys;
  record: (action: KeyAction, event: Pressed) => Recorded;
  reset: () => void;
}

/** The keys that this browser's person chose. */
export const useKeys = create<Keys>((set, get) => ({
  chosen: readChosen(heldKeys()),
  record: (action, event) => {
    const wanted = isOnMessage(action) ? messageKeyOf(event) : combinationOf(event, onMac);
    if (wanted === undefined) return { type: 'waiting' };
    if (wanted === 'unusable') return { type: 'unusable' };
    const others = { ...get().chosen };
    delete others[action];
    const by = takenBy(wanted, action, others);
    if (by) return { type: 'taken', by };
    const chosen = isUsual(action, wanted) ? others : { ...others, [action]: wanted };
    set({ chosen });
    holdKeys(chosen);
    return { type: 'chosen' };
  },
  reset: () => {
    set({ chosen: {} });
    holdKeys({});
  },
}));
