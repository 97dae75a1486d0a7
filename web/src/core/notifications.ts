/** Desktop notifications, shown through the service worker so that a click finds a window. */
import { i18n } from '@lingui/core';
import type { ConversationId } from './generated/ConversationId';
import type { Notice } from './messages';

export type NotificationPermissionState = 'default' | 'granted' | 'denied' | 'unsupported';

export function notificationPermission(): NotificationPermissionState {
  return 'Notification' in globalThis ? Notification.permission : 'unsupported';
}

/** Call it inside a click. */
export async function askForNotifications(): Promise<NotificationPermissionState> {
  if (!('Notification' in globalThis)) return 'unsupported';
  return Notification.requestPermission();
}

export async function showNotice(notice: Notice): Promise<void> {
  if (notificationPermission() !== 'granted') return;
  const registration = await navigator.serviceWorker.getRegistration();
  await registration?.showNotification(notice.title || 'SecureChat', {
    body: notice.preview ?? i18n._('notice.newMessage'),
    icon: '/icon-192.png',
    badge: '/icon-192.png',
    // One notification per conversation, replaced by the next.
    tag: notice.conversationId,
    data: { conversationId: notice.conversationId },
  });
}

/** What a conversation was notified of is being read. */
export async function withdrawNotice(conversationId: ConversationId): Promise<void> {
  if (notificationPermission() !== 'granted') return;
  const registration = await navigator.serviceWorker.getRegistration();
  const shown = (await registration?.getNotifications({ tag: conversationId })) ?? [];
  for (const notification of shown) notification.close();
}

/** Tells when a notification was clicked. Answers the function that stops telling. */
export function onNoticeOpened(open: (conversationId: ConversationId) => void): () => void {
  if (!('serviceWorker' in navigator)) return () => {};
  const listener = (event: MessageEvent<unknown>) => {
    const data = event.data as { type?: unknown; conversationId?: unknown } | null;
    if (data?.type === 'open' && typeof data.conversationId === 'string') open(data.conversationId);
  };
  navigator.serviceWorker.addEventListener('message', listener);
  return () => navigator.serviceWorker.removeEventListener('message', listener);
}
