import { i18n } from '@lingui/core';
import { I18nProvider } from '@lingui/react';
import { act, render, screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { standInClient } from '../../gallery/client';
import { account, answer } from '../../gallery/fixtures';
import { heldKeys } from '../core/early';
import type { AccountView } from '../core/generated/AccountView';
import type { Query } from '../core/generated/Query';
import type { View } from '../core/generated/View';
import { CoreProvider } from '../core/CoreProvider';
import type { CoreState } from '../core/state';
import { messages as german } from '../locales/de.po';
import { settingsPages } from '../features/settings/pages';
import { App } from './App';

// Fetched here, so that no test waits for it against the clock.
beforeAll(() => Promise.all([import('./SignedIn'), import('./SettingsScreens')]));

beforeEach(() => {
  location.hash = '';
});

function open(
  path: string,
  options: {
    account?: Partial<AccountView>;
    core?: Partial<CoreState>;
    command?: Parameters<typeof standInClient>[1] extends infer O
      ? O extends { command?: infer C }
        ? C
        : never
      : never;
    invite?: string;
    /** Changes what the fixtures answer. */
    revise?: (view: View) => View;
  } = {},
) {
  location.hash = path;
  const read = (query: Query): View => {
    const view: View =
      query.type === 'account' ? { type: 'account', ...account, ...options.account } : answer(query);
    return options.revise?.(view) ?? view;
  };
  const stand = standInClient(read, { core: options.core, command: options.command });
  render(
    <I18nProvider i18n={i18n}>
      <CoreProvider client={stand.client}>
        <App invite={options.invite ?? null} />
      </CoreProvider>
    </I18nProvider>,
  );
  return stand;
}

/** What the browser does when an address is typed. */
function goTo(path: string) {
  act(() => {
    location.hash = path;
    window.dispatchEvent(new PopStateEvent('popstate'));
  });
}

const none: Partial<AccountView> = { state: 'none', handle: '' };

describe('before there is an account', () => {
  it('signs up with a handle and a password: four interactions from the first page', async () => {
    vi.spyOn(navigator, 'userAgent', 'get').mockReturnValue('(X11; Linux x86_64) Gecko Firefox/140.0');
    const { commands } = open('/', { account: none });
    await userEvent.click(screen.getByRole('button', { name: 'Create account' }));
    await userEvent.type(screen.getByLabelText('Handle'), '@Elin');
    await userEvent.type(screen.getByLabelText('Password'), 'correct horse');
    await userEvent.click(screen.getByRole('button', { name: 'Create account' }));
    await waitFor(() =>
      expect(commands).toEqual([
        {
          type: 'sign_up',
          handle: 'elin',
          password: 'correct horse',
          display_name: '',
          device_name: 'Firefox on Linux',
        },
      ]),
    );
  });

  it('sends nothing that cannot be right, and says what is wrong at the field', async () => {
    const { commands } = open('/signup', { account: none });
    await userEvent.type(screen.getByLabelText('Handle'), '9');
    await userEvent.type(screen.getByLabelText('Password'), 'short');
    await userEvent.click(screen.getByRole('button', { name: 'Create account' }));
    expect(commands).toEqual([]);
    expect(screen.getByLabelText('Handle').getAttribute('aria-invalid')).toBe('true');
    expect(screen.getByLabelText('Password').getAttribute('aria-invalid')).toBe('true');
  });

  it('puts a refusal where it belongs', async () => {
    open('/signup', {
      account: none,
      command: () => ({ type: 'err', refusal: { code: 'handle_taken', retry_after_s: null } }),
    });
    await userEvent.type(screen.getByLabelText('Handle'), 'elin');
    await userEvent.type(screen.getByLabelText('Password'), 'correct horse');
    await userEvent.click(screen.getByRole('button', { name: 'Create account' }));
    expect(await screen.findByText('This handle is taken. Try another.')).toBeTruthy();
  });

  it('says when the account lives on another device', async () => {
    open('/login', {
      account: none,
      command: () => ({ type: 'err', refusal: { code: 'device_not_linked', retry_after_s: null } }),
    });
    await userEvent.type(screen.getByLabelText('Handle'), 'elin');
    await userEvent.type(screen.getByLabelText('Password'), 'correct horse');
    await userEvent.click(screen.getByRole('button', { name: 'Log in' }));
    expect((await screen.findByRole('alert')).textContent).toContain('not one of its devices');
  });

  it('names the device at log-in as at sign-up', async () => {
    vi.spyOn(navigator, 'userAgent', 'get').mockReturnValue('(X11; Linux x86_64) Gecko Firefox/140.0');
    const { commands } = open('/login', { account: none });
    await userEvent.type(screen.getByLabelText('Handle'), 'elin');
    await userEvent.type(screen.getByLabelText('Password'), 'correct horse');
    await userEvent.click(screen.getByRole('button', { name: 'Log in' }));
    await waitFor(() =>
      expect(commands).toEqual([
        {
          type: 'log_in',
          handle: 'elin',
          password: 'correct horse',
          device_name: 'Firefox on Linux',
        },
      ]),
    );
  });
});

describe('when the store does not open', () => {
  const kinds = [
    'locked_by_another',
    'wrong_key',
    'key_missing',
    'evicted',
    'full',
    'no_storage',
    'too_new',
    'corrupt',
    'crashed',
  ] as const;
  it.each(kinds)('explains %s and deletes nothing', (kind) => {
    const { commands } = open('/', { core: { boot: { state: 'failed', kind } } });
    expect(screen.getByRole('alert').textContent).toContain('Nothing was deleted by the app.');
    expect(commands).toEqual([]);
  });

  it('asks for the passphrase', async () => {
    open('/', { core: { boot: { state: 'locked' } } });
    expect(screen.getByLabelText('Passphrase')).toBeTruthy();
    await waitFor(() => expect(document.title).toBe('Unlock – SecureChat'));
  });
});

describe('signed in', () => {
  it('lists the chats with what each row says', async () => {
    open('/');
    expect(await screen.findByRole('heading', { name: 'Chats' })).toBeTruthy();
    expect(screen.getByRole('link', { name: /Message requests/ })).toBeTruthy();
  });

  it.each([
    ['/', '(5) Chats – SecureChat'],
    ['/chats/mara', '(5) Chat – SecureChat'],
    ['/chats/mara/info', '(5) Contact info – SecureChat'],
    ['/chats/mara/verify', '(5) Compare safety number – SecureChat'],
    ['/new', '(5) Contacts – SecureChat'],
    ['/settings', '(5) Settings – SecureChat'],
    ['/settings/privacy', '(5) Privacy and lock – SecureChat'],
    ['/settings/nowhere', '(5) Settings – SecureChat'],
  ])('names the place %s in the title, and nobody', async (path, title) => {
    open(path);
    await waitFor(() => expect(document.title).toBe(title));
  });

  it.each(settingsPages)('opens the settings page %s in both languages', async (page) => {
    open(`/settings/${page}`);
    const english = (await screen.findAllByRole('heading', { level: 1 })).map(
      (heading) => heading.textContent,
    );
    act(() => i18n.loadAndActivate({ locale: 'de', messages: german }));
    const texts = document.body.textContent;
    expect(english.length).toBeGreaterThan(1);
    // A key without a text would be shown as the key itself.
    expect(texts).not.toMatch(/\b(settings|ui|privacy|storage|sessions|server|kit|about|keys)\.[a-z]\w+/);
  });

  it('accepts, declines and blocks a request', async () => {
    const { commands } = open('/chats/ask');
    await userEvent.click(await screen.findByRole('button', { name: 'Accept' }));
    await userEvent.click(screen.getByRole('button', { name: 'Decline' }));
    await waitFor(() =>
      expect(commands.map((command) => command.type)).toEqual(
        expect.arrayContaining(['accept_request', 'decline_request']),
      ),
    );
    expect(commands.some((command) => command.type === 'mark_read')).toBe(false);
  });

  it('marks as read also what is placed above the newest message', async () => {
    let arrived = false;
    const { commands, changed } = open('/chats/mara', {
      revise: (view) => {
        if (view.type !== 'timeline') return view;
        const newest = view.items.at(-1);
        const incoming = view.items.find((item) => !item.from_me);
        if (!newest || !incoming) return view;
        if (!arrived) return { ...view, unread: 1, first_unread: incoming.message_id };
        const late = { ...incoming, message_id: 'late', at_ms: newest.at_ms };
        return {
          ...view,
          items: [...view.items.slice(0, -1), late, newest],
          unread: 1,
          first_unread: 'late',
        };
      },
    });
    await screen.findByRole('textbox', { name: 'Message Mara' });
    const marks = () => commands.filter((command) => command.type === 'mark_read');
    await waitFor(() => expect(marks()).toHaveLength(1));
    arrived = true;
    act(() => changed());
    await waitFor(() => expect(marks()).toHaveLength(2));
    expect(marks()[1]).toEqual(marks()[0]);
  });

  it('leads from the list of contacts to what is known of one', async () => {
    open('/new');
    await userEvent.click(await screen.findByRole('link', { name: 'Contact info: Mara' }));
    expect(location.hash).toMatch(/^#\/contacts\/\w+$/);
    expect(await screen.findByRole('heading', { name: 'Contact info' })).toBeTruthy();
  });

  it('shows a draft that is told after the conversation was opened, and never over what is written', async () => {
    let draft = '';
    const { changed } = open('/chats/mara', {
      revise: (view) => (view.type === 'conversation' ? { ...view, draft } : view),
    });
    const field = await screen.findByRole<HTMLTextAreaElement>('textbox', { name: 'Message Mara' });
    expect(field.value).toBe('');
    draft = 'half a thought';
    act(changed);
    expect(field.value).toBe('half a thought');
    await userEvent.type(field, ' more');
    draft = 'half';
    act(changed);
    expect(field.value).toBe('half a thought more');
  });

  it('sends what was written and clears the field', async () => {
    const { commands } = open('/chats/mara');
    const field = await screen.findByRole('textbox', { name: 'Message Mara' });
    await userEvent.type(field, 'On my way{Enter}');
    await waitFor(() =>
      expect(commands).toContainEqual({
        type: 'send_text',
        conversation_id: 'mara',
        text: 'On my way',
        reply_to: null,
      }),
    );
    expect((field as HTMLTextAreaElement).value).toBe('');
    expect(commands).toContainEqual({ type: 'set_typing', conversation_id: 'mara', active: true });
  });

  it('gives the words back when sending is refused', async () => {
    open('/chats/mara', {
      command: (command) =>
        command.type === 'send_text'
          ? { type: 'err', refusal: { code: 'storage_full', retry_after_s: null } }
          : { type: 'ok', reply: { type: 'done' } },
    });
    const field = await screen.findByRole('textbox', { name: 'Message Mara' });
    await userEvent.type(field, 'On my way{Enter}');
    await waitFor(() => expect((field as HTMLTextAreaElement).value).toBe('On my way'));
    expect(screen.getByText('This device has no room left.')).toBeTruthy();
  });

  it('edits the last own message with Up', async () => {
    const { commands } = open('/chats/mara');
    await userEvent.type(await screen.findByRole('textbox', { name: 'Message Mara' }), '{ArrowUp}');
    const field = await screen.findByDisplayValue('Shall we meet at 7:30?');
    await userEvent.type(field, '!{Enter}');
    await waitFor(() =>
      expect(commands.find((command) => command.type === 'edit_message')).toMatchObject({
        text: 'Shall we meet at 7:30?!',
      }),
    );
  });

  it.each(['{Escape}', '{Enter}', '!{Enter}'])(
    'writes on where it was after an edit ended with %s',
    async (keys) => {
      open('/chats/mara');
      await userEvent.type(await screen.findByRole('textbox', { name: 'Message Mara' }), '{ArrowUp}');
      const editing = await screen.findByDisplayValue('Shall we meet at 7:30?');
      await userEvent.type(editing, keys);
      const field = await screen.findByRole('textbox', { name: 'Message Mara' });
      expect(field).not.toBe(editing);
      await waitFor(() => expect(document.activeElement).toBe(field));
    },
  );

  it('writes at once in the chat whose row was opened, and leaves the list as it was', async () => {
    vi.spyOn(window, 'matchMedia').mockImplementation(
      (media) =>
        ({
          matches: media === '(pointer: fine)',
          addEventListener: vi.fn(),
          removeEventListener: vi.fn(),
        }) as never,
    );
    open('/');
    const row = await waitFor(() => {
      const found = document.querySelector<HTMLElement>('[data-chat="mara"]');
      if (!found) throw new Error('the row is not there yet');
      return found;
    });
    act(() => row.focus());
    await userEvent.keyboard('{Enter}');
    const field = await screen.findByRole('textbox', { name: 'Message Mara' });
    await waitFor(() => expect(document.activeElement).toBe(field));
    expect(document.querySelector('[data-chat="mara"]')).toBe(row);
  });

  it.each([
    ['/chats/gone', 'This chat is not here', 'Back to chats', '#/'],
    ['/chats/gone/info', 'This contact is not here', 'Back to chats', '#/'],
    ['/chats/gone/verify', 'This chat is not here', 'Back to chats', '#/'],
    ['/contacts/gone', 'This contact is not here', 'Back to contacts', '#/new'],
    ['/chats/mara/message/gone', 'This message is not here', 'Back to the chat', '#/chats/mara'],
  ])('says at %s that nothing is there, and leads back', async (path, words, back, address) => {
    open(path);
    const title = await screen.findByRole('heading', { name: words });
    const way = within(title.parentElement as HTMLElement).getByRole('link', { name: back });
    expect(way.getAttribute('href')).toBe(address);
    expect(document.querySelector('[aria-busy]')).toBeNull();
  });

  it('never tells the engine that a chat is looked at which is not there', async () => {
    const { client } = open('/chats/mara');
    await screen.findByRole('textbox', { name: 'Message Mara' });
    const focus = vi.spyOn(client, 'focus');
    goTo('/chats/gone');
    expect(await screen.findByText('This chat is not here')).toBeTruthy();
    expect(focus).not.toHaveBeenCalledWith('gone');
    goTo('/chats/jonas');
    await waitFor(() => expect(focus).toHaveBeenCalledWith('jonas'));
  });

  it('warns of new keys before anything can be written', async () => {
    const { commands } = open('/chats/jonas');
    expect(await screen.findByText(/You had compared safety numbers/)).toBeTruthy();
    expect(screen.getByRole('textbox', { name: 'Message Jonas' })).toHaveProperty('disabled', true);
    await userEvent.click(screen.getByRole('button', { name: 'Accept the new keys' }));
    expect(commands).toContainEqual({
      type: 'accept_new_identity',
      contact_id: 'jonas',
      number: null,
    });
  });

  it('shows the sixty digits, and both answers', async () => {
    const { commands } = open('/chats/mara/verify');
    const digits = await screen.findByRole('list', { name: 'Safety number' });
    expect(digits.textContent.replace(/\D/g, '')).toHaveLength(60);
    await userEvent.click(screen.getByRole('button', { name: 'They differ' }));
    expect(commands).toContainEqual({
      type: 'set_verified',
      contact_id: 'mara',
      verified: false,
      number: expect.stringMatching(/^(\d{5} ){11}\d{5}$/) as string,
    });
    expect((await screen.findByRole('alert')).textContent).toContain('The numbers differ.');
  });

  it('compares the number of new keys before they are accepted', async () => {
    const { commands } = open('/chats/jonas/verify');
    expect(await screen.findByText(/This is the number of the new keys/)).toBeTruthy();
    await userEvent.click(screen.getByRole('button', { name: 'They differ' }));
    expect((await screen.findByRole('alert')).textContent).toContain('The numbers differ.');
    expect(commands).toEqual([]);
    await userEvent.click(screen.getByRole('button', { name: 'They match: accept' }));
    await screen.findByText(/marked as checked in person/);
    const number = '37294 81056 44912 70368 15520 92847 60133 28475 99016 34782 51209 86641';
    expect(commands).toEqual([
      { type: 'accept_new_identity', contact_id: 'jonas', number },
      { type: 'set_verified', contact_id: 'jonas', verified: true, number },
    ]);
  });

  it('takes no answer to a number that changed while it was compared', async () => {
    let groups = 'before';
    const { changed } = open('/chats/mara/verify', {
      revise: (view) => (view.type === 'safety_number' ? { ...view, groups: [groups] } : view),
    });
    expect(await screen.findByText('before')).toBeTruthy();
    groups = 'after';
    act(changed);
    expect(await screen.findByText(/have just changed/)).toBeTruthy();
    expect(screen.queryByRole('button', { name: 'They match' })).toBeNull();
    await userEvent.click(screen.getByRole('button', { name: 'Compare again' }));
    expect(await screen.findByText('after')).toBeTruthy();
    expect(screen.getByRole('button', { name: 'They match' })).toBeTruthy();
  });

  it('adds by handle', async () => {
    const { commands } = open('/add');
    await userEvent.type(await screen.findByLabelText('Their handle or link'), '@mara{Enter}');
    await waitFor(() =>
      expect(commands).toContainEqual({ type: 'add_contact', by: { type: 'handle', handle: 'mara' } }),
    );
  });

  it('uses the invite the app was opened with, once', async () => {
    const { commands } = open('/', { invite: 'abcdefghijklmnopqrstuvwxyz' });
    await waitFor(() =>
      expect(commands.filter((command) => command.type === 'add_contact')).toEqual([
        { type: 'add_contact', by: { type: 'link', payload: 'abcdefghijklmnopqrstuvwxyz' } },
      ]),
    );
  });

  it('goes to a chat by keyboard alone', async () => {
    open('/');
    await screen.findByRole('heading', { name: 'Chats' });
    await userEvent.keyboard('{Control>}k{/Control}');
    await userEvent.type(await screen.findByRole('searchbox', { name: 'Go to a chat' }), 'jon{Enter}');
    await waitFor(() => expect(location.hash).toBe('#/chats/jonas'));
  });

  it('obeys keys that the person chose, until they go back', async () => {
    open('/settings/shortcuts');
    await userEvent.click(await screen.findByRole('button', { name: 'Change keys: Go to a chat' }));
    await userEvent.keyboard('{Control>}f{/Control}');
    expect(screen.getByText('Already used for: Search in this chat')).toBeTruthy();
    await userEvent.keyboard('j');
    expect(screen.getByText(/needs these keys/)).toBeTruthy();
    await userEvent.keyboard('{Control>}j{/Control}');
    expect(screen.getAllByText('Ctrl J')).not.toHaveLength(0);
    await userEvent.keyboard('{Control>}j{/Control}');
    expect(await screen.findByRole('searchbox', { name: 'Go to a chat' })).toBeTruthy();
    await userEvent.keyboard('{Escape}');
    await userEvent.click(screen.getByRole('button', { name: 'Change keys: Reply to a message' }));
    await userEvent.keyboard('e');
    expect(screen.getByText('Already used for: React to a message')).toBeTruthy();
    await userEvent.keyboard('{ArrowUp}');
    expect(screen.getByText(/Choose one letter/)).toBeTruthy();
    await userEvent.keyboard('q');
    expect(screen.getAllByText('Q')).not.toHaveLength(0);
    await userEvent.click(screen.getByRole('button', { name: 'Back to the usual keys' }));
    expect(screen.queryByText('Ctrl J')).toBeNull();
    expect(heldKeys()).toEqual({});
  });

  it('says that it is offline in a strip, not in a dialog', async () => {
    open('/', { account: { connection: 'offline' } });
    expect(await screen.findByText('Offline.')).toBeTruthy();
    expect(screen.queryByRole('dialog')).toBeNull();
  });
});
