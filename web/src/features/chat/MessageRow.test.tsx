import { i18n } from '@lingui/core';
import { I18nProvider } from '@lingui/react';
import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { expect, it, vi } from 'vitest';
import type { SendState } from '../../core/generated/SendState';
import { MessageRow, type MessageActions } from './MessageRow';

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
          canWrite
          singleKeys
          actions={acts}
          onFocusRow={() => {}}
        />
      </I18nProvider>,
    );
    await userEvent.click(screen.getByRole('button', { name: /Try again$/ }));
    expect(acts.retry).toHaveBeenCalledExactlyOnceWith('m');
    screen.getByRole('article').focus();
    await userEvent.keyboard('{Delete}');
    expect(acts.remove).toHaveBeenCalledExactlyOnceWith('m');
  },
);
