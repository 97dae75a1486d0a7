import { useLingui } from '@lingui/react';
import { Copy, Ellipsis, Info, Pencil, Reply, RotateCw, SmilePlus, Trash2 } from 'lucide-react';
import { memo, useRef, useState, type KeyboardEvent } from 'react';
import { Bubble, FailedLine, HealingRow, Tombstone } from '../../ui/Bubble';
import { classes } from '../../ui/classes';
import { useTickWord } from '../../ui/DeliveryTicks';
import { quickReactions } from '../../ui/emoji';
import { folded } from '../../ui/fold';
import { formatClock } from '../../ui/format';
import { IconButton } from '../../ui/IconButton';
import { DaySeparator, SystemLine, UnreadLine } from '../../ui/Lines';
import { Menu, type MenuEntry } from '../../ui/Menu';
import { useRefusalText } from '../../ui/refusals';
import { useBodyText } from './messageText';
import { isBubble, isSameRow, type Row } from './timeline';

export interface MessageActions {
  reply: (id: string) => void;
  edit: (id: string) => void;
  remove: (id: string) => void;
  react: (id: string, emoji: string) => void;
  retry: (id: string) => void;
  details: (id: string) => void;
  copy: (text: string) => void;
  open: (id: string) => void;
}

export interface MessageKeys {
  actionOf: (event: { key: string; code: string }) => 'reply' | 'react' | 'remove' | undefined;
  labels: Record<'reply' | 'react' | 'remove', string>;
}

interface MessageRowProps {
  row: Row;
  name: string;
  day: string;
  unread: number;
  focused: boolean;
  found: boolean;
  /** A long text is shown whole. */
  unfolded: boolean;
  canWrite: boolean;
  /** What single keys do to the focused message, unless they are switched off. */
  messageKeys: MessageKeys | null;
  actions: MessageActions;
  onFocusRow: (id: string) => void;
  onUnfold: (id: string, unfolded: boolean) => void;
}

/** Drawn again only when something in it changed, so that a message costs the same in a long conversation. */
export const MessageRow = memo(DrawnRow, (before, after) => {
  const { row, ...others } = after;
  return (
    isSameRow(before.row, row) &&
    (Object.keys(others) as (keyof typeof others)[]).every((name) => before[name] === others[name])
  );
});

function DrawnRow({
  row,
  name,
  day,
  unread,
  focused,
  found,
  unfolded,
  canWrite,
  messageKeys,
  actions,
  onFocusRow,
  onUnfold,
}: MessageRowProps) {
  const { _, i18n } = useLingui();
  const bodyText = useBodyText(name);
  const tickWord = useTickWord();
  const refusalText = useRefusalText();
  const article = useRef<HTMLDivElement>(null);
  const [over, setOver] = useState(false);
  const [entered, setEntered] = useState(false);
  const [menuOpen, setMenuOpen] = useState(false);
  const [reacting, setReacting] = useState(false);
  const { item } = row;
  const id = item.message_id;
  const clock = formatClock(item.at_ms, i18n.locale);
  const text = bodyText(item.body, item.from_me);
  const author = item.from_me ? _('ui.you') : name;
  const state = item.state?.type;
  const said = (unfolded ? null : folded(text)) ?? text;
  const label =
    item.body.type === 'system'
      ? text
      : [author, clock, said, state && tickWord(state)].filter(Boolean).join(', ');
  const written = isBubble(item);
  const withTools = item.body.type !== 'system' && (over || menuOpen || entered || reacting);

  const keyAction = (event: KeyboardEvent): (() => void) | undefined => {
    if (item.body.type === 'system') return undefined;
    if (event.key === 'Enter' || event.key === ' ') return () => setMenuOpen(true);
    const action = messageKeys?.actionOf(event);
    if (action === 'remove') return () => actions.remove(id);
    if (!written || !canWrite) return undefined;
    if (action === 'reply') return () => actions.reply(id);
    if (action === 'react') return () => setReacting(true);
    return undefined;
  };

  return (
    <div className="mx-auto w-full max-w-170 px-3 md:px-0">
      {row.dayStarts && <DaySeparator>{day}</DaySeparator>}
      {row.unreadStarts && <UnreadLine>{_('chat.newMessages', { count: unread })}</UnreadLine>}
      <div
        ref={article}
        role="article"
        aria-label={label}
        data-message={id}
        tabIndex={focused ? 0 : -1}
        onFocus={(event) => {
          setEntered(event.currentTarget.matches(':focus-visible, :has(:focus-visible)'));
          onFocusRow(id);
        }}
        onBlur={() => setEntered(false)}
        onPointerEnter={(event) => {
          if (event.pointerType === 'mouse') setOver(true);
        }}
        onPointerLeave={() => setOver(false)}
        onContextMenu={(event) => {
          if (item.body.type === 'system' || getSelection()?.toString()) return;
          event.preventDefault();
          setMenuOpen(true);
        }}
        onKeyDown={(event) => {
          if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return;
          const act = keyAction(event);
          if (!act) return;
          event.preventDefault();
          act();
        }}
        className={classes(
          'group rounded-md outline-offset-4',
          row.position === 'only' || row.position === 'start' ? 'pt-3' : 'pt-1',
          item.reactions.length > 0 && 'pb-5',
        )}
      >
        {item.body.type === 'system' ? (
          <SystemLine>{text}</SystemLine>
        ) : (
          <div className={classes('relative flex items-center gap-2', item.from_me && 'flex-row-reverse')}>
            <Body
              row={row}
              text={text}
              clock={clock}
              found={found}
              unfolded={unfolded}
              author={name}
              actions={actions}
              onUnfold={onUnfold}
            />
            <div className={classes('h-9 w-0 shrink-0 md:relative', !withTools && 'invisible')}>
              {withTools && (
                <Tools
                  row={row}
                  canWrite={canWrite}
                  actions={actions}
                  menuOpen={menuOpen}
                  setMenuOpen={setMenuOpen}
                  labels={messageKeys?.labels}
                  reacting={reacting}
                  setReacting={setReacting}
                  onReacted={() => article.current?.focus({ preventScroll: true })}
                />
              )}
            </div>
          </div>
        )}
        {(item.state?.type === 'failed' || item.state?.type === 'not_delivered') && (
          <div className="text-end">
            <FailedLine
              text={
                item.state.type === 'failed'
                  ? _('chat.notSent', { why: refusalText(item.state.code) })
                  : _('chat.notDelivered')
              }
              action={_('chat.tryAgain')}
              onAction={() => actions.retry(id)}
            />
          </div>
        )}
      </div>
    </div>
  );
}

function Body({
  row,
  text,
  clock,
  found,
  unfolded,
  author,
  actions,
  onUnfold,
}: {
  row: Row;
  text: string;
  clock: string;
  found: boolean;
  unfolded: boolean;
  author: string;
  actions: MessageActions;
  onUnfold: (id: string, unfolded: boolean) => void;
}) {
  const { _ } = useLingui();
  const { item, position } = row;
  const last = position === 'only' || position === 'end';
  switch (item.body.type) {
    case 'text': {
      const quote = item.body.reply_to;
      return (
        <Bubble
          direction={item.from_me ? 'out' : 'in'}
          position={position}
          text={item.body.text}
          edited={item.body.edited}
          time={last ? clock : undefined}
          tick={item.state?.type}
          found={found}
          quote={
            quote
              ? {
                  author: quote.from_me ? _('ui.you') : author,
                  text: quote.available ? quote.text : _('chat.quoteGone'),
                  onOpen: quote.available ? () => actions.open(quote.message_id) : undefined,
                }
              : undefined
          }
          reactions={item.reactions.map((reaction) => ({
            emoji: reaction.emoji,
            mine: reaction.from_me,
            count: Number(reaction.from_me) + Number(reaction.from_them),
            by: [reaction.from_me && _('ui.you'), reaction.from_them && author].filter(Boolean).join(', '),
          }))}
          onReaction={(emoji) => actions.react(item.message_id, emoji)}
          unfolded={unfolded}
          onUnfold={(whole) => onUnfold(item.message_id, whole)}
        />
      );
    }
    case 'healing':
      return <HealingRow>{text}</HealingRow>;
    case 'deleted':
    case 'lost':
    case 'unsupported':
      return <Tombstone kind={item.body.type}>{text}</Tombstone>;
    case 'system':
      return null;
  }
}

function Tools({
  row,
  canWrite,
  actions,
  menuOpen,
  setMenuOpen,
  labels,
  reacting,
  setReacting,
  onReacted,
}: {
  row: Row;
  canWrite: boolean;
  actions: MessageActions;
  menuOpen: boolean;
  setMenuOpen: (open: boolean) => void;
  labels: MessageKeys['labels'] | undefined;
  reacting: boolean;
  setReacting: (open: boolean) => void;
  /** The choice of reactions goes away and gives back the focus. */
  onReacted: () => void;
}) {
  const { _ } = useLingui();
  const { item } = row;
  const id = item.message_id;
  const { body } = item;
  const written = body.type === 'text';
  const entries: MenuEntry[] = [];
  if (written && canWrite)
    entries.push(
      {
        id: 'reply',
        label: _('chat.reply'),
        icon: Reply,
        shortcut: labels?.reply,
        onAction: () => actions.reply(id),
      },
      {
        id: 'react',
        label: _('chat.react'),
        icon: SmilePlus,
        shortcut: labels?.react,
        onAction: () => setReacting(true),
      },
    );
  if (written && item.from_me && canWrite)
    entries.push({ id: 'edit', label: _('chat.edit'), icon: Pencil, onAction: () => actions.edit(id) });
  if (written)
    entries.push({ id: 'copy', label: _('ui.copy'), icon: Copy, onAction: () => actions.copy(body.text) });
  if (item.state?.type === 'failed' || item.state?.type === 'not_delivered')
    entries.push({
      id: 'retry',
      label: _('chat.tryAgain'),
      icon: RotateCw,
      onAction: () => actions.retry(id),
    });
  entries.push(
    { id: 'details', label: _('chat.details'), icon: Info, onAction: () => actions.details(id) },
    {
      id: 'delete',
      label: _('chat.delete'),
      icon: Trash2,
      shortcut: labels?.remove,
      danger: true,
      separated: true,
      onAction: () => actions.remove(id),
    },
  );
  return (
    <div
      className={classes(
        'absolute top-0 z-3 flex rounded-md bg-raised p-0.5 shadow-1 ring-1 ring-divider forced:border',
        // Where there is no room beside the bubble, the tools stand above it, at its author's side of the screen.
        item.from_me ? 'end-0' : 'start-0',
        'max-md:-top-9',
      )}
    >
      {reacting ? (
        <QuickReactions
          onPick={(emoji) => {
            onReacted();
            setReacting(false);
            actions.react(id, emoji);
          }}
          onCancel={onReacted}
          onClose={() => setReacting(false)}
        />
      ) : (
        <>
          {written && canWrite && (
            <>
              <IconButton
                icon={Reply}
                size="sm"
                label={_('chat.reply')}
                tabIndex={-1}
                onClick={() => actions.reply(id)}
              />
              <IconButton
                icon={SmilePlus}
                size="sm"
                label={_('chat.react')}
                tabIndex={-1}
                onClick={() => setReacting(true)}
              />
            </>
          )}
          <Menu
            label={_('chat.messageMenu')}
            entries={entries}
            open={menuOpen}
            onOpenChange={setMenuOpen}
            trigger={<IconButton icon={Ellipsis} size="sm" label={_('chat.messageMenu')} tabIndex={-1} />}
          />
        </>
      )}
    </div>
  );
}

function QuickReactions({
  onPick,
  onCancel,
  onClose,
}: {
  onPick: (emoji: string) => void;
  onCancel: () => void;
  onClose: () => void;
}) {
  const { _ } = useLingui();
  return (
    <div
      role="group"
      aria-label={_('chat.react')}
      className="flex"
      onKeyDown={(event) => {
        event.stopPropagation();
        if (event.key !== 'Escape') return;
        onCancel();
        onClose();
      }}
      onBlur={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget)) onClose();
      }}
    >
      {quickReactions.map((emoji, index) => (
        <button
          key={emoji}
          type="button"
          autoFocus={index === 0}
          onClick={() => onPick(emoji)}
          aria-label={_('chat.reactWith', { emoji })}
          className="grid size-8 place-items-center rounded-[8px] text-17 hover:bg-press"
        >
          <span aria-hidden>{emoji}</span>
        </button>
      ))}
    </div>
  );
}
