import { useLingui } from '@lingui/react';
import {
  Archive,
  ArchiveRestore,
  ArrowLeft,
  Bell,
  BellOff,
  EllipsisVertical,
  PanelRight,
  Pin,
  PinOff,
  Search,
  ShieldQuestion,
} from 'lucide-react';
import { Link, useNavigate } from 'react-router';
import type { Command } from '../../core/generated/Command';
import type { ConversationView } from '../../core/generated/ConversationView';
import { Avatar } from '../../ui/Avatar';
import { formatMoment } from '../../ui/format';
import { IconButton } from '../../ui/IconButton';
import { Menu } from '../../ui/Menu';
import { TrustLine } from '../../ui/TrustLine';

/** Who this is, and in one line how the conversation is protected. */
export function ConversationHeader({
  view,
  detailsOpen,
  searchOpen,
  onSearch,
  onRun,
}: {
  view: ConversationView;
  detailsOpen: boolean;
  searchOpen: boolean;
  onSearch: () => void;
  onRun: (command: Command) => void;
}) {
  const { _, i18n } = useLingui();
  const navigate = useNavigate();
  const id = view.conversation_id;
  const info = `/chats/${id}/info`;
  const since = 'at_ms' in view.trust ? formatMoment(view.trust.at_ms, i18n.locale) : undefined;
  return (
    <header
      data-region
      tabIndex={-1}
      className="flex h-(--header-h) shrink-0 items-center gap-1 border-b border-divider bg-surface pe-1 outline-none max-md:ps-1 md:gap-3 md:ps-5 md:pe-3"
    >
      <Link
        to="/"
        aria-label={_('ui.back')}
        className="grid size-11 shrink-0 place-items-center rounded-md text-text-2 hover:bg-hover md:hidden"
      >
        <ArrowLeft size={20} strokeWidth={1.75} aria-hidden className="rtl:rotate-180" />
      </Link>
      <Link
        to={info}
        title={_('chat.openInfo', { name: view.title })}
        className="flex min-w-0 flex-1 items-center gap-3 rounded-md"
      >
        <span className="max-xs:hidden">
          <Avatar name={view.title} seed={view.colour_seed} size={40} />
        </span>
        <div className="min-w-0">
          <h1 dir="auto" className="w-fit max-w-full truncate leading-5 font-semibold">
            {view.title}
          </h1>
          <TrustLine state={view.trust.type} since={since} />
        </div>
      </Link>
      <div className="flex shrink-0 items-center">
        <IconButton icon={Search} label={_('chat.searchHere')} pressed={searchOpen} onClick={onSearch} />
        <span className="max-md:hidden">
          <IconButton
            icon={PanelRight}
            label={_('chat.info')}
            pressed={detailsOpen}
            onClick={() => void navigate(detailsOpen ? `/chats/${id}` : info)}
          />
        </span>
        <Menu
          label={_('chat.menu')}
          trigger={<IconButton icon={EllipsisVertical} label={_('chat.menu')} />}
          entries={[
            {
              id: 'verify',
              label: _('chat.checkSafety'),
              icon: ShieldQuestion,
              onAction: () => void navigate(`/chats/${id}/verify`),
            },
            {
              id: 'pin',
              label: view.pinned ? _('chat.unpin') : _('chat.pin'),
              icon: view.pinned ? PinOff : Pin,
              onAction: () => onRun({ type: 'set_pinned', conversation_id: id, pinned: !view.pinned }),
            },
            {
              id: 'mute',
              label: view.muted ? _('chat.unmute') : _('chat.mute'),
              icon: view.muted ? Bell : BellOff,
              onAction: () => onRun({ type: 'set_muted', conversation_id: id, muted: !view.muted }),
            },
            {
              id: 'archive',
              label: view.archived ? _('chat.unarchive') : _('chat.archive'),
              icon: view.archived ? ArchiveRestore : Archive,
              onAction: () => onRun({ type: 'set_archived', conversation_id: id, archived: !view.archived }),
            },
          ]}
        />
      </div>
    </header>
  );
}
