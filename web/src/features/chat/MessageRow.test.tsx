import { i18n } from '@lingui/core';
import { I18nProvider } from '@lingui/react';
import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { useState } from 'react';
import { expect, it, vi } from 'vitest';
import type { SendState } from '../../core/generated/SendState';
import { MessageRow, type MessageActions, type MessageKeys } from './MessageRow';

function actions(): MessageActions {
  const nothing = () => vi.fn();
  return {
    reply: nothing(),
    edit: nothing(),
    remove: nothing(),
    react: nothing(),
    retry: nothing(),
    details: nothing(),
    copy: nothing(),
    open: nothing(),
  };
}

const keys: MessageKeys = {
  actionOf: ({ key }) => (key === 'x' ? 'remove' : key === 'e' ? 'react' : undefined),
  labels: { reply: 'R', react: 'E', remove: 'X' },
};

it.each<SendState>([{ type: 'failed', code: 'not_accepted' }, { type: 'not_delivered' }])(
  'a message that is $type can be tried again and deleted',
  async (state) => {
    const acts = actions();
    const item = {
      message_id: 'm',
      at_ms: 0,
      from_me: true,
      body: { type: 'text' as const, text: 'words', edited: false, reply_to: null },
      state,
      reactions: [],
    };
    render(
      <I18nProvider i18n={i18n}>
        <MessageRow
          row={{ item, position: 'only', dayStarts: false, unreadStarts: false }}
          name="Ada"
          day=""
          unread={0}
          focused
          found={false}
          unfolded={false}
          canWrite
          messageKeys={keys}
          actions={acts}
          onFocusRow={() => {}}
          onUnfold={() => {}}
        />
      </I18nProvider>,
    );
    await userEvent.click(screen.getByRole('button', { name: /Try again$/ }));
    expect(acts.retry).toHaveBeenCalledExactlyOnceWith('m');
    screen.getByRole('article').focus();
    await userEvent.keyboard('{Delete}');
    expect(acts.remove).not.toHaveBeenCalled();
    await userEvent.keyboard('x');
    expect(acts.remove).toHaveBeenCalledExactlyOnceWith('m');
    for (const end of ['{Escape}', '{Enter}']) {
      await userEvent.keyboard('e');
      expect(document.activeElement?.getAttribute('aria-label')).toMatch(/^React with/);
      await userEvent.keyboard(end);
      expect(document.activeElement, 'the focus comes back').toBe(screen.getByRole('article'));
    }
    expect(acts.react).toHaveBeenCalledTimes(1);
  },
);

it('a long message is folded, and unfolded by keyboard', async () => {
  const text = `${'words and words '.repeat(1_000)}the end of it`;
  const item = {
    message_id: 'm',
    at_ms: 0,
    from_me: false,
    body: { type: 'text' as const, text, edited: false, reply_to: null },
    state: null,
    reactions: [],
  };
  function Row() {
    const [unfolded, setUnfolded] = useState(false);
    return (
      <MessageRow
        row={{ item, position: 'only', dayStarts: false, unreadStarts: false }}
        name="Ada"
        day=""
        unread={0}
        focused
        found={false}
        unfolded={unfolded}
        canWrite
        messageKeys={keys}
        actions={actions()}
        onFocusRow={() => {}}
        onUnfold={(_id, whole) => setUnfolded(whole)}
      />
    );
  }
  render(
    <I18nProvider i18n={i18n}>
      <Row />
    </I18nProvider>,
  );
  const message = screen.getByRole('article');
  const more = screen.getByRole('button', { name: 'Read more' });
  expect(more.getAttribute('aria-expanded')).toBe('false');
  expect(message.textContent).not.toContain('the end of it');
  expect(message.getAttribute('aria-label')).not.toContain('the end of it');
  more.focus();
  await userEvent.keyboard('{Enter}');
  expect(message.textContent).toContain('the end of it');
  const less = screen.getByRole('button', { name: 'Show less' });
  expect(less.getAttribute('aria-expanded')).toBe('true');
  expect(document.activeElement).toBe(less);
  await userEvent.keyboard(' ');
  expect(message.textContent).not.toContain('the end of it');
});
