import { useNavigate } from 'react-router';
import { useQuery } from '../core/hooks';

/** Alt+arrows: the chat before or after the open one, or the next with something unread; wraps around. */
export function useChatJumps(openChat: string | undefined): (step: 1 | -1, unreadOnly: boolean) => void {
  const navigate = useNavigate();
  const view = useQuery({ type: 'chats', filter: 'all' });
  return (step, unreadOnly) => {
    const items = view?.type === 'chats' ? view.items : [];
    const at = items.findIndex((item) => item.conversation_id === openChat);
    for (let moved = 1; moved <= items.length; moved += 1) {
      const start = at < 0 ? (step === 1 ? -1 : items.length) : at;
      const item = items[(start + step * moved + items.length * 2) % items.length];
      if (!item || (unreadOnly && item.unread === 0)) continue;
      void navigate(`/chats/${item.conversation_id}`, { state: { write: true } });
      return;
    }
  };
}
