import { useCallback, useMemo, useState } from 'react';
import { useQuery } from '../../core/hooks';
import { mergeWindow, type Window } from './timeline';

const PAGE = 60;
/** The engine's longest page. */
const PAGE_MAX = 200;

export interface Timeline extends Window {
  /** Nothing was read yet. */
  loading: boolean;
  firstUnread: string | null;
  unread: number;
  /** The message asked for with `at` is not there (any more). */
  lost: boolean;
  /** Tells which message is in the middle of the screen: what surrounds it is kept fresh and filled. */
  look: (messageId: string) => void;
  toLatest: () => void;
  toMessage: (messageId: string) => void;
}

const NOTHING: Window = { items: [], has_older: false, has_newer: false };

/**
 * A conversation as one growing list: the newest page is always live, and a second live window follows the eye.
 * `at` starts around a message instead of at the end.
 */
export function useTimeline(conversationId: string, at: string | null): Timeline {
  const [shown, setShown] = useState<Window>(NOTHING);
  const [centre, setCentre] = useState<string | null>(at);
  const [detached, setDetached] = useState(at !== null);
  const [startedAt, setStartedAt] = useState(at);
  if (at !== startedAt) {
    setStartedAt(at);
    setCentre(at);
    setDetached(at !== null);
  }

  const newest = useQuery({
    type: 'timeline',
    conversation_id: conversationId,
    before: null,
    after: null,
    around: null,
    limit: PAGE,
  });
  const around = useQuery(
    centre === null
      ? null
      : {
          type: 'timeline',
          conversation_id: conversationId,
          before: null,
          after: null,
          around: centre,
          limit: Math.min(PAGE_MAX, PAGE * 2),
        },
  );

  // Answers are merged while drawing, so that no screen shows one without the other.
  const [merged, setMerged] = useState<{ newest: typeof newest; around: typeof around }>({
    newest: undefined,
    around: undefined,
  });
  if (merged.newest !== newest || merged.around !== around) {
    setMerged({ newest, around });
    let next = shown;
    if (around?.type === 'timeline' && merged.around !== around) next = mergeWindow(next, around) ?? around;
    const adrift = detached && around?.type !== 'not_found';
    const first = next.items.length === 0;
    if (newest?.type === 'timeline' && (first ? !adrift : merged.newest !== newest))
      // Too many arrived at once to touch what is shown: at the end, the newest page is what counts.
      next = mergeWindow(next, newest) ?? (adrift ? { ...next, has_newer: true } : newest);
    setShown(next);
  }

  const look = useCallback((messageId: string) => setCentre(messageId), []);
  const toMessage = useCallback((messageId: string) => {
    setDetached(true);
    setCentre(messageId);
  }, []);
  const toLatest = useCallback(() => {
    setDetached(false);
    setCentre(null);
    if (newest?.type === 'timeline') setShown((before) => mergeWindow(before, newest) ?? newest);
  }, [newest]);

  return useMemo(() => {
    const known = newest?.type === 'timeline' ? newest : null;
    return {
      ...shown,
      loading: known === null && shown.items.length === 0,
      firstUnread: known?.first_unread ?? null,
      unread: known?.unread ?? 0,
      lost: around?.type === 'not_found',
      look,
      toLatest,
      toMessage,
    };
  }, [shown, newest, around, look, toLatest, toMessage]);
}
