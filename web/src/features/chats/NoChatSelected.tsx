import { useLingui } from '@lingui/react';
import { Copy, QrCode } from 'lucide-react';
import { useNavigate } from 'react-router';
import { useQuery } from '../../core/hooks';
import { Button } from '../../ui/Button';
import { BubblesArt, EmptyState } from '../../ui/EmptyState';
import { Kbd } from '../../ui/Kbd';

/** Beside the list while no chat is open; on the first day it says how to begin. */
export function NoChatSelected({ newChatKeys, onCopyLink }: { newChatKeys: string; onCopyLink: () => void }) {
  const { _ } = useLingui();
  const navigate = useNavigate();
  const view = useQuery({ type: 'chats', filter: 'all' });
  if (view?.type !== 'chats') return <div className="flex-1" />;
  if (view.items.length > 0)
    return (
      <EmptyState art={<BubblesArt />} title={_('chats.choose')}>
        {_('chats.chooseDetail')}
      </EmptyState>
    );
  return (
    <EmptyState
      art={<BubblesArt />}
      title={_('chats.invite')}
      actions={
        <>
          <Button variant="accent" icon={Copy} onClick={onCopyLink} className="min-h-11">
            {_('chats.copyLink')}
          </Button>
          <Button variant="outline" icon={QrCode} onClick={() => void navigate('/add')} className="min-h-11">
            {_('chats.showQr')}
          </Button>
          <p className="mt-4 w-full text-13 max-md:hidden">
            {_('chats.orHandle')}{' '}
            <button type="button" onClick={() => void navigate('/add')} className="ms-1">
              <Kbd keys={newChatKeys} />
            </button>
          </p>
        </>
      }
    >
      {_('chats.inviteDetail')}
    </EmptyState>
  );
}
