/** Invented people and messages, to look at screens and to test them. Never part of the app that is built. */
import type { AccountView } from '../src/core/generated/AccountView';
import type { ChatItem } from '../src/core/generated/ChatItem';
import type { ContactItem } from '../src/core/generated/ContactItem';
import type { ConversationView } from '../src/core/generated/ConversationView';
import type { ItemBody } from '../src/core/generated/ItemBody';
import type { Query } from '../src/core/generated/Query';
import type { SendState } from '../src/core/generated/SendState';
import type { Settings } from '../src/core/generated/Settings';
import type { TimelineItem } from '../src/core/generated/TimelineItem';
import type { View } from '../src/core/generated/View';

export const NOW = new Date(2026, 10, 20, 11, 6).getTime();
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

export const settings: Settings = {
  read_receipts: true,
  typing_indicators: true,
  notifications: true,
  notification_preview: true,
  theme: 'system',
  accent: 'both',
  density: 'comfortable',
  language: 'en',
  enter_sends: true,
  single_key_shortcuts: true,
};

export const account: AccountView = {
  state: 'ready',
  handle: 'elin',
  display_name: 'Elin',
  account_id: 'account',
  device_id: 'device',
  device_name: 'Firefox on Linux',
  connection: 'online',
  kit_taken: false,
  unread: 5,
  requests: 2,
  clock_ahead_ms: null,
} as AccountView;

export function chat(id: string, title: string, part: Partial<ChatItem> = {}): ChatItem {
  return {
    conversation_id: id,
    contact_id: id,
    title,
    colour_seed: id.length + title.charCodeAt(0),
    preview: { from_me: false, kind: 'text', text: 'See you at the workshop', state: null },
    last_at_ms: NOW - DAY,
    unread: 0,
    draft: '',
    typing: false,
    pinned: false,
    muted: false,
    archived: false,
    blocked: false,
    request: 'none',
    trust: { type: 'unverified' },
    ...part,
  };
}

export const chats: ChatItem[] = [
  chat('mara', 'Mara', { typing: true, pinned: true, last_at_ms: NOW, colour_seed: 4 }),
  chat('trail', 'Tomas', {
    unread: 3,
    last_at_ms: NOW - 8 * MINUTE,
    colour_seed: 1,
    preview: { from_me: false, kind: 'text', text: 'Rain until ten, then clear', state: null },
  }),
  chat('jonas', 'Jonas', {
    unread: 1,
    last_at_ms: NOW - 25 * MINUTE,
    colour_seed: 0,
    preview: { from_me: false, kind: 'healing', text: '', state: null },
  }),
  chat('ines', 'Ines', { draft: 'The keys are with', last_at_ms: NOW - 96 * MINUTE, colour_seed: 5 }),
  chat('petra', 'Petra', {
    muted: true,
    unread: 12,
    last_at_ms: NOW - 170 * MINUTE,
    colour_seed: 3,
    preview: {
      from_me: false,
      kind: 'text',
      text: 'Boiler is fixed, thank you all for the help',
      state: null,
    },
  }),
  chat('theo', 'Theo', {
    colour_seed: 6,
    preview: { from_me: true, kind: 'text', text: 'See you at the workshop', state: { type: 'read' } },
  }),
  chat('lena', 'Lena', {
    colour_seed: 2,
    preview: { from_me: true, kind: 'text', text: 'I vote for the short one', state: { type: 'delivered' } },
  }),
  chat('amara', 'Amara', {
    colour_seed: 1,
    last_at_ms: NOW - 2 * DAY,
    preview: { from_me: false, kind: 'deleted', text: '', state: null },
  }),
  chat('davit', 'Davit', { colour_seed: 3, last_at_ms: NOW - 20 * DAY, blocked: true }),
];

let counter = 0;
export function item(
  minutesAgo: number,
  fromMe: boolean,
  body: ItemBody | string,
  state: SendState['type'] | null = null,
  reactions: TimelineItem['reactions'] = [],
): TimelineItem {
  counter += 1;
  return {
    message_id: `m${counter}`,
    at_ms: NOW - minutesAgo * MINUTE,
    from_me: fromMe,
    body: typeof body === 'string' ? { type: 'text', text: body, edited: false, reply_to: null } : body,
    state:
      state === null
        ? null
        : state === 'failed'
          ? { type: 'failed', code: 'server_failed' }
          : { type: state },
    reactions,
  };
}

export const conversation: TimelineItem[] = [
  item(1500, false, { type: 'system', event: 'request_accepted' }),
  item(
    1440,
    false,
    'Found it. Two hours from the station, and the *hut* has room: https://rail.example/winter',
  ),
  item(1438, true, 'Beautiful. I will book the train.', 'read', [
    { emoji: '🙌', from_me: false, from_them: true },
  ]),
  item(118, false, 'Which one? There is the early train, or the one after, which needs a change.'),
  item(
    106,
    true,
    {
      type: 'text',
      text: 'The 07:52 works. I will wait by the clock.',
      edited: true,
      reply_to: {
        message_id: 'm4',
        from_me: false,
        text: 'Which one? There is the early train',
        available: true,
      },
    },
    'read',
    [{ emoji: '👍', from_me: true, from_them: true }],
  ),
  item(90, false, { type: 'healing', asked_at_ms: NOW }),
  item(80, false, { type: 'deleted' }),
  item(70, false, { type: 'system', event: 'devices_changed' }),
  item(5, false, 'Train is confirmed, three seats together.'),
  item(4, false, 'Can you bring the small stove? Mine is at Jonas’s.'),
  item(3, true, 'Yes, and the pot that fits inside it.', 'delivered'),
  item(2, true, 'Key box at the hut: 4417', 'sent'),
  item(1, true, 'Can you hear the stream?', 'failed'),
  item(0, true, 'Shall we meet at 7:30?', 'queued'),
];

export function conversationView(id: string): ConversationView {
  const row = chats.find((entry) => entry.conversation_id === id) ?? chat(id, 'Unknown person');
  return {
    conversation_id: id,
    contact_id: id,
    title: row.title,
    handle: row.title.toLowerCase(),
    colour_seed: row.colour_seed,
    trust:
      id === 'mara'
        ? { type: 'verified', at_ms: NOW - 9 * DAY }
        : id === 'jonas'
          ? { type: 'new_identity', at_ms: NOW - DAY, was_verified: true }
          : row.trust,
    request: id === 'ask' ? 'incoming' : 'none',
    blocked: row.blocked,
    muted: row.muted,
    pinned: row.pinned,
    archived: false,
    typing: row.typing,
    draft: row.draft,
    unread: 2,
    cannot_send: id === 'jonas' ? 'new_identity' : null,
  };
}

export const contacts: ContactItem[] = chats.map((row) => ({
  contact_id: row.contact_id,
  conversation_id: row.conversation_id,
  name: row.title,
  handle: `${row.title.toLowerCase()}.k`,
  colour_seed: row.colour_seed,
  favourite: row.pinned,
  blocked: row.blocked,
  trust: conversationView(row.conversation_id).trust,
  request: 'none',
}));

const many = Array.from({ length: 400 }, (_, index) =>
  item(
    4000 - index * 7,
    index % 5 < 2,
    `Message number ${index + 1}${index % 7 === 0 ? ', and some more words so that it takes two lines on a narrow screen' : ''}`,
    index % 5 < 2 ? 'read' : null,
  ),
);

/** Windows over a list, as the engine answers them. */
export function timelineWindow(all: TimelineItem[], query: Extract<Query, { type: 'timeline' }>): View {
  const { around, limit } = query;
  const at = around === null ? -1 : all.findIndex((entry) => entry.message_id === around);
  if (around !== null && at < 0) return { type: 'not_found' };
  const start = at < 0 ? Math.max(0, all.length - limit) : Math.max(0, at - Math.floor(limit / 2));
  const items = all.slice(start, start + limit);
  return {
    type: 'timeline',
    items,
    has_older: start > 0,
    has_newer: start + items.length < all.length,
    first_unread: all === conversation ? (all[8]?.message_id ?? null) : null,
    unread: 2,
  };
}

/** Answers every query; `empty` is the first day of an account. */
export function answer(query: Query, empty = false): View {
  switch (query.type) {
    case 'account':
      return { type: 'account', ...account, ...(empty && { unread: 0, requests: 0, kit_taken: true }) };
    case 'settings':
      return { type: 'settings', settings };
    case 'chats':
      return {
        type: 'chats',
        items: empty
          ? []
          : query.filter === 'requests'
            ? [chat('ask', 'Unknown person', { request: 'incoming', unread: 1 })]
            : query.filter === 'unread'
              ? chats.filter((row) => row.unread > 0)
              : query.filter === 'archived'
                ? []
                : chats,
      };
    case 'conversation':
      return query.conversation_id === 'gone'
        ? { type: 'not_found' }
        : { type: 'conversation', ...conversationView(query.conversation_id) };
    case 'timeline':
      return timelineWindow(query.conversation_id === 'theo' ? many : conversation, query);
    case 'message_details': {
      if (query.message_id === 'gone') return { type: 'not_found' };
      const found = conversation.find((entry) => entry.message_id === query.message_id) ?? conversation[4];
      if (!found) return { type: 'not_found' };
      return {
        type: 'message_details',
        item: found,
        written_at_ms: found.at_ms,
        accepted_at_ms: found.at_ms + 400,
        expires_at_ms: found.at_ms + 30 * DAY,
        delivered_at_ms: found.at_ms + 900,
        read_at_ms: found.at_ms + 5 * MINUTE,
        edits: [{ at_ms: found.at_ms, text: 'The 07:52 works.' }],
        devices: 2,
      };
    }
    case 'contacts':
      return {
        type: 'contacts',
        contacts: empty
          ? []
          : contacts.filter((entry) => entry.name.toLowerCase().startsWith(query.text.toLowerCase())),
      };
    case 'blocked':
      return { type: 'blocked', contacts: contacts.filter((entry) => entry.blocked) };
    case 'contact': {
      if (query.contact_id === 'gone') return { type: 'not_found' };
      const found = contacts.find((entry) => entry.contact_id === query.contact_id) ?? contacts[0];
      if (!found) return { type: 'not_found' };
      return {
        type: 'contact',
        item: found,
        display_name: found.name,
        nickname: '',
        devices: 2,
        added_at_ms: NOW - 40 * DAY,
        identity_short: '9F3A 7C21',
      };
    }
    case 'safety_number':
      return {
        type: 'safety_number',
        groups: '37294 81056 44912 70368 15520 92847 60133 28475 99016 34782 51209 86641'.split(' '),
        qr: 'SC1:' + 'A7'.repeat(60),
        trust: conversationView(query.contact_id).trust,
      };
    case 'invite_link':
      return {
        type: 'invite_link',
        link: {
          payload: 'bW9jay1pbnZpdGUtcGF5bG9hZC1mb3ItdGhlLWdhbGxlcnk_bW9jay1pbnZpdGU-'.replace(
            /[^A-Za-z0-9_-]/g,
            '',
          ),
          created_at_ms: NOW,
          expires_at_ms: Date.now() + 7 * DAY,
          uses_max: 20,
          active: true,
        },
      };
    case 'search':
      return {
        type: 'search',
        more: false,
        contacts: query.text.startsWith('t') ? contacts.filter((entry) => entry.name.startsWith('T')) : [],
        hits: conversation
          .filter(
            (entry) =>
              entry.body.type === 'text' && entry.body.text.toLowerCase().includes(query.text.toLowerCase()),
          )
          .map((entry) => {
            const text = entry.body.type === 'text' ? entry.body.text : '';
            const at = text.toLowerCase().indexOf(query.text.toLowerCase());
            return {
              conversation_id: 'mara',
              message_id: entry.message_id,
              title: 'Mara',
              colour_seed: 4,
              from_me: entry.from_me,
              at_ms: entry.at_ms,
              snippet: [
                { text: text.slice(0, at), matched: false },
                { text: text.slice(at, at + query.text.length), matched: true },
                { text: text.slice(at + query.text.length), matched: false },
              ],
            };
          }),
      };
    case 'sessions':
      return {
        type: 'sessions',
        fetched_at_ms: NOW,
        sessions: [
          {
            session_id: 's1',
            device_id: 'd1',
            name: 'Firefox on Linux',
            created_at_ms: NOW - 40 * DAY,
            last_used_at_ms: NOW,
            current: true,
          },
          {
            session_id: 's2',
            device_id: 'd2',
            name: 'Command line',
            created_at_ms: NOW - 9 * DAY,
            last_used_at_ms: NOW - DAY,
            current: false,
          },
        ],
        events: [
          { kind: 'logged_in', at_ms: NOW - DAY, origin: 'a91f03' },
          { kind: 'login_failed', at_ms: NOW - 8 * DAY, origin: '77c2d0' },
        ],
      };
    case 'recovery_kit':
      return {
        type: 'recovery_kit',
        taken: false,
        groups: ['K7QF', '2MXD', '9TBN', 'HW4R', 'C6YP', 'ZA3J', 'VE8G', '5SUL'],
        check_positions: [9, 22],
      };
    case 'server':
      return {
        type: 'server',
        name: 'chat.example',
        version: '0.1.0',
        retention_days: 30,
        fetched_at_ms: NOW,
        knows: [
          {
            key: 'accounts.identity',
            columns: ['accounts_accounts.account_id', 'accounts_accounts.handle'],
            kept_days: null,
          },
          { key: 'accounts.devices', columns: ['accounts_devices.dsk'], kept_days: null },
          { key: 'accounts.sessions', columns: ['accounts_sessions.session_id'], kept_days: 90 },
          { key: 'accounts.security_events', columns: ['accounts_security_events.kind'], kept_days: 30 },
          { key: 'mailbox.envelope', columns: ['mailbox_envelopes.body'], kept_days: 30 },
          { key: 'something.new', columns: ['something_new.column'], kept_days: 1 },
        ],
      };
    case 'storage':
      return {
        type: 'storage',
        messages: 12_408,
        conversations: 41,
        database_bytes: 18_400_000,
        read_only: false,
      };
  }
}
