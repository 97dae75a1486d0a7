import { afterEach, expect, test } from 'vitest';
import { invitePayload, inviteUrl, takeInviteFromAddress } from './links';

const PAYLOAD = 'AbCdEf0123456789_-xyz';

afterEach(() => history.replaceState(null, '', '/'));

test.each([
  ['a whole link', `https://chat.example/#${PAYLOAD}`, PAYLOAD],
  ['a bare payload with spaces', `  ${PAYLOAD}\n`, PAYLOAD],
  ['a route of the app', '#/chats/abc', null],
  ['too short', 'https://chat.example/#abc', null],
  ['too long', `#${'A'.repeat(1025)}`, null],
  ['another alphabet', `#${PAYLOAD}+/=`, null],
  ['nothing', '', null],
])('reads %s', (_, text, payload) => {
  expect(invitePayload(text)).toBe(payload);
});

test('a link reads back', () => {
  expect(invitePayload(inviteUrl(PAYLOAD, 'https://chat.example'))).toBe(PAYLOAD);
});

test('the payload is taken out of the address once', () => {
  history.replaceState(null, '', `/#${PAYLOAD}`);
  expect(takeInviteFromAddress()).toBe(PAYLOAD);
  expect(location.hash).toBe('');
  expect(takeInviteFromAddress()).toBeNull();
});

test('a route in the address is left alone', () => {
  history.replaceState(null, '', '/#/settings');
  expect(takeInviteFromAddress()).toBeNull();
  expect(location.hash).toBe('#/settings');
});
