import { useLingui } from '@lingui/react';
import { ChevronDown, ChevronUp, X } from 'lucide-react';
import { useDeferredValue, useEffect, useState } from 'react';
import { useQuery } from '../../core/hooks';
import { Button } from '../../ui/Button';
import { IconButton } from '../../ui/IconButton';
import { SearchField } from '../../ui/SearchField';

/** Steps through what was found in this conversation, newest first. */
export function InChatSearch({
  conversationId,
  onShow,
  onClose,
}: {
  conversationId: string;
  onShow: (messageId: string) => void;
  onClose: () => void;
}) {
  const { _ } = useLingui();
  const [text, setText] = useState('');
  const [step, setStep] = useState(0);
  const wanted = useDeferredValue(text.trim());
  const view = useQuery(
    wanted === '' ? null : { type: 'search', text: wanted, conversation_id: conversationId, limit: 100 },
  );
  const hits = view?.type === 'search' ? view.hits : [];
  const at = Math.min(step, Math.max(0, hits.length - 1));
  const shown = hits[at]?.message_id;
  useEffect(() => {
    if (shown) onShow(shown);
    // Only another hit moves the list.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [shown]);
  const go = (by: number) => {
    if (hits.length > 0) setStep((at + by + hits.length) % hits.length);
  };
  return (
    <div className="flex shrink-0 flex-wrap items-center gap-x-1 gap-y-1 border-b border-divider bg-surface px-3 py-1.5 md:gap-x-2 md:px-5">
      <div className="min-w-30 flex-1 md:min-w-40">
        <SearchField
          label={_('chat.searchHere')}
          value={text}
          autoFocus
          onChange={(next) => {
            setStep(0);
            setText(next);
          }}
          onKeyDown={(event) => {
            if (event.key === 'Enter') go(event.shiftKey ? -1 : 1);
            else if (event.key === 'Escape') onClose();
          }}
        />
      </div>
      <p role="status" className="text-13 text-text-2 tabular-nums">
        {wanted === ''
          ? ''
          : hits.length === 0
            ? _('search.none')
            : _('chat.searchPosition', { at: at + 1, of: hits.length })}
      </p>
      <IconButton
        icon={ChevronUp}
        label={_('chat.searchOlder')}
        disabled={hits.length < 2}
        onClick={() => go(1)}
      />
      <IconButton
        icon={ChevronDown}
        label={_('chat.searchNewer')}
        disabled={hits.length < 2}
        onClick={() => go(-1)}
      />
      <Button variant="ghost" onClick={onClose} className="max-md:hidden">
        {_('ui.done')}
      </Button>
      <span className="md:hidden">
        <IconButton icon={X} label={_('ui.done')} onClick={onClose} />
      </span>
    </div>
  );
}
