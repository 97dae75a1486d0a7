import { useDeferredValue, useState } from 'react';
import { useNavigate } from 'react-router';
import { useQuery } from '../../core/hooks';
import { QuickSwitcher } from '../../ui/QuickSwitcher';

const SHOWN_MAX = 20;

/** Ctrl/Cmd+K over the chats and contacts of this device. */
export function ChatSwitcher({ open, onClose }: { open: boolean; onClose: () => void }) {
  const [text, setText] = useState('');
  const wanted = useDeferredValue(text.trim());
  const navigate = useNavigate();
  const chats = useQuery(open ? { type: 'chats', filter: 'all' } : null);
  const contacts = useQuery(open && wanted !== '' ? { type: 'contacts', text: wanted } : null);
  const found =
    wanted === ''
      ? chats?.type === 'chats'
        ? chats.items.map((item) => ({
            id: `/chats/${item.conversation_id}`,
            title: item.title,
            detail: item.preview?.text ?? '',
            seed: item.colour_seed,
          }))
        : []
      : contacts?.type === 'contacts'
        ? contacts.contacts.map((contact) => ({
            id: contact.conversation_id
              ? `/chats/${contact.conversation_id}`
              : `/contacts/${contact.contact_id}`,
            title: contact.name,
            detail: `@${contact.handle}`,
            seed: contact.colour_seed,
          }))
        : [];
  const close = () => {
    setText('');
    onClose();
  };
  return (
    <QuickSwitcher
      open={open}
      onClose={close}
      text={text}
      onText={setText}
      items={found.slice(0, SHOWN_MAX)}
      onChoose={(path) => {
        close();
        void navigate(path, { state: { write: true } });
      }}
    />
  );
}
