import { useLingui } from '@lingui/react';
import { ArrowUp, Check, Pencil, Reply, Smile, X } from 'lucide-react';
import { useEffect, useImperativeHandle, useRef, useState, type KeyboardEvent, type Ref } from 'react';
import { classes } from './classes';
import { findEmoji } from './emoji';
import { EmojiPicker } from './EmojiPicker';
import { IconButton } from './IconButton';

export interface ComposerHandle {
  focus: () => void;
}

export interface ComposerContext {
  kind: 'reply' | 'edit';
  title: string;
  text: string;
}

/** A short code being written at the end of the text. */
const shortCode = /(^|\s):([a-z_+-]{2,20})$/;

/** Where a message is written. Always ready, grows with the text, buttons stay on the last line. */
export function Composer({
  value,
  placeholder,
  onChange,
  onSend,
  onEditLast,
  context,
  onCancelContext,
  enterSends,
  bytesMax,
  disabled,
  ref,
}: {
  value: string;
  placeholder: string;
  onChange: (value: string) => void;
  /** Called with text that is neither blank nor too long. */
  onSend: (text: string) => void;
  onEditLast: () => void;
  context?: ComposerContext;
  onCancelContext: () => void;
  enterSends: boolean;
  bytesMax: number;
  disabled?: boolean;
  ref?: Ref<ComposerHandle>;
}) {
  const { _ } = useLingui();
  const field = useRef<HTMLTextAreaElement>(null);
  const [picking, setPicking] = useState(false);
  useImperativeHandle(
    ref,
    () => ({
      focus: () => {
        const area = field.current;
        area?.focus();
        // Before anybody wrote in it the caret stands in front of words that are there already.
        if (area?.selectionEnd === 0) area.setSelectionRange(area.value.length, area.value.length);
      },
    }),
    [],
  );
  useEffect(() => {
    const area = field.current;
    if (!area) return;
    area.style.height = 'auto';
    area.style.height = `${Math.min(area.scrollHeight, 200)}px`;
  }, [value]);

  // `:` and letters at the end of the text offer emoji; any other letter ends it.
  const suggested = findEmoji(shortCode.exec(value)?.[2] ?? '\0', 5);
  const bytes = new TextEncoder().encode(value).length;
  const tooLong = bytes > bytesMax;
  const sendable = value.trim() !== '' && !tooLong && !disabled;
  const send = () => {
    if (sendable) onSend(value.trim());
  };

  const complete = (emoji: string) => {
    const code = shortCode.exec(value);
    if (code) onChange(`${value.slice(0, code.index)}${code[1] ?? ''}${emoji} `);
    field.current?.focus();
  };

  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    if (event.nativeEvent.isComposing) return;
    const first = suggested[0];
    if (first && (event.key === 'Tab' || event.key === 'Enter') && !event.shiftKey) {
      event.preventDefault();
      complete(first.emoji);
      return;
    }
    const plain = !event.shiftKey && !event.altKey && !event.ctrlKey && !event.metaKey;
    if (
      event.key === 'Enter' &&
      ((enterSends && plain) || (!enterSends && (event.ctrlKey || event.metaKey)))
    ) {
      event.preventDefault();
      send();
    } else if (event.key === 'ArrowUp' && value === '' && plain) {
      event.preventDefault();
      onEditLast();
    } else if (event.key === 'Escape' && context) {
      event.stopPropagation();
      onCancelContext();
    }
  };

  const insert = (emoji: string) => {
    const area = field.current;
    const at = area?.selectionStart ?? value.length;
    const to = area?.selectionEnd ?? at;
    onChange(value.slice(0, at) + emoji + value.slice(to));
    setPicking(false);
    area?.focus();
  };

  return (
    <div className="mx-auto w-full max-w-170">
      <div
        className={classes(
          'rounded-lg border bg-surface shadow-1',
          'has-[textarea:focus-visible]:border-transparent has-[textarea:focus-visible]:outline-2 has-[textarea:focus-visible]:-outline-offset-1',
          tooLong
            ? 'border-danger has-[textarea:focus-visible]:outline-danger'
            : 'border-divider has-[textarea:focus-visible]:outline-electric forced:border-control',
        )}
      >
        {suggested.length > 0 && (
          <div
            role="group"
            aria-label={_('ui.emoji')}
            className="flex flex-wrap gap-1 border-b border-divider p-1.5"
          >
            {suggested.map(({ emoji, name }, index) => (
              <button
                key={emoji}
                type="button"
                onClick={() => complete(emoji)}
                className={classes(
                  'flex min-h-8 items-center gap-1.5 rounded-md px-2 text-13 text-text-2 hover:bg-press',
                  index === 0 && 'bg-press',
                )}
              >
                <span aria-hidden className="text-17">
                  {emoji}
                </span>
                :{name}
              </button>
            ))}
            <span role="status" className="sr-only">
              {_('ui.emojiOffer', { name: suggested[0]?.name ?? '' })}
            </span>
          </div>
        )}
        {context && <ContextBar context={context} onCancel={onCancelContext} />}
        <div className="flex min-h-13 items-end ps-4 pe-2">
          <textarea
            ref={field}
            rows={1}
            value={value}
            disabled={disabled}
            dir="auto"
            placeholder={placeholder}
            aria-label={placeholder}
            aria-invalid={tooLong || undefined}
            onChange={(event) => onChange(event.target.value)}
            onKeyDown={onKeyDown}
            enterKeyHint={enterSends ? 'send' : 'enter'}
            className="max-h-50 min-w-0 flex-1 resize-none self-center bg-transparent py-3.5 pe-1.5 outline-none placeholder:truncate"
          />
          {!disabled && (
            <EmojiPicker
              open={picking}
              onOpenChange={setPicking}
              onPick={insert}
              trigger={<IconButton icon={Smile} label={_('ui.emoji')} className="mb-1.5" />}
            />
          )}
          <button
            type="button"
            aria-label={context?.kind === 'edit' ? _('ui.saveEdit') : _('ui.send')}
            title={context?.kind === 'edit' ? _('ui.saveEdit') : _('ui.send')}
            disabled={!sendable}
            onClick={send}
            className="hit-44 mb-[7px] ms-1 grid size-9 shrink-0 place-items-center rounded-full transition-[background-color,scale] enabled:bg-accent enabled:text-accent-ink enabled:inset-ring-1 enabled:inset-ring-accent-edge enabled:hover:bg-accent-hover enabled:active:scale-95 disabled:text-text-3 forced:border"
          >
            {context?.kind === 'edit' ? (
              <Check size={20} strokeWidth={2.25} aria-hidden />
            ) : (
              <ArrowUp size={20} strokeWidth={2.25} aria-hidden />
            )}
          </button>
        </div>
      </div>
      {tooLong && (
        <p role="alert" className="px-2 pt-1 text-13 text-danger">
          {_('ui.tooLong', { over: bytes - bytesMax })}
        </p>
      )}
    </div>
  );
}

function ContextBar({ context, onCancel }: { context: ComposerContext; onCancel: () => void }) {
  const { _ } = useLingui();
  const Icon = context.kind === 'reply' ? Reply : Pencil;
  return (
    <div className="flex items-center gap-3 border-b border-divider ps-4 pe-2 pt-1.5 pb-1">
      <Icon size={18} strokeWidth={1.75} aria-hidden className="shrink-0 text-electric" />
      <p className="min-w-0 flex-1 border-s-3 border-electric ps-2.5 text-13 text-text-2">
        <b className="block font-semibold text-text">{context.title}</b>
        <span dir="auto" className="block truncate">
          {context.text}
        </span>
      </p>
      <IconButton icon={X} label={_('ui.cancel')} onClick={onCancel} />
    </div>
  );
}
