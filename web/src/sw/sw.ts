/**
 * The service worker: keeps the app's shell for offline use, wakes on push.
 * Knows file names of this build; must never open the store, read a message or say who wrote one.
 */

/** Every file of this build, written in by src/sw/plugin.ts. */
declare const __SHELL__: { version: string; files: string[] };

/** What this file needs of the service worker's types, which exclude those of pages. */
interface Extendable extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface Fetching extends Extendable {
  request: Request;
  respondWith(response: Promise<Response>): void;
}
interface Clicked extends Extendable {
  notification: Notification;
}
interface WindowClient {
  visibilityState: 'visible' | 'hidden';
  focus(): Promise<unknown>;
  postMessage(message: unknown): void;
}
interface Scope {
  registration: ServiceWorkerRegistration;
  clients: {
    claim(): Promise<void>;
    matchAll(options: { type: 'window'; includeUncontrolled: boolean }): Promise<WindowClient[]>;
    openWindow(url: string): Promise<unknown>;
  };
  skipWaiting(): Promise<void>;
  addEventListener(type: 'install' | 'activate' | 'push', listener: (event: Extendable) => void): void;
  addEventListener(type: 'fetch', listener: (event: Fetching) => void): void;
  addEventListener(type: 'notificationclick', listener: (event: Clicked) => void): void;
  addEventListener(type: 'message', listener: (event: MessageEvent<unknown>) => void): void;
}

const scope = globalThis as unknown as Scope;
const PREFIX = 'securechat-shell-';
const CACHE = PREFIX + __SHELL__.version;
const PAGE = '/';
/** The relay's own paths are never answered from here. */
const RELAY_PATHS = ['/v1/', '/ws', '/docs', '/redoc', '/openapi.json', '/healthz', '/metrics'];

scope.addEventListener('install', (event) => event.waitUntil(store()));
scope.addEventListener('activate', (event) => event.waitUntil(activate()));
scope.addEventListener('push', (event) => event.waitUntil(wake()));

scope.addEventListener('fetch', (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== 'GET' || url.origin !== globalThis.location.origin) return;
  if (RELAY_PATHS.some((path) => url.pathname.startsWith(path))) return;
  event.respondWith(answer(event.request, url));
});

scope.addEventListener('message', (event) => {
  if ((event.data as { type?: unknown } | null)?.type === 'activate') void scope.skipWaiting();
});

scope.addEventListener('notificationclick', (event) => {
  event.notification.close();
  const data = event.notification.data as { conversationId?: unknown } | null;
  event.waitUntil(open(typeof data?.conversationId === 'string' ? data.conversationId : null));
});

/** All files or none: a shell of two builds would not start. */
async function store(): Promise<void> {
  const cache = await caches.open(CACHE);
  await cache.addAll([PAGE, ...__SHELL__.files].map((file) => new Request(file, { cache: 'reload' })));
}

async function activate(): Promise<void> {
  const names = await caches.keys();
  await Promise.all(
    names.filter((name) => name.startsWith(PREFIX) && name !== CACHE).map((name) => caches.delete(name)),
  );
  await scope.clients.claim();
}

/** The page and its files always come from one build; a new build is taken as a whole, when the person says so. */
async function answer(request: Request, url: URL): Promise<Response> {
  const cache = await caches.open(CACHE);
  const held = await cache.match(request.mode === 'navigate' ? PAGE : url.pathname);
  return held ?? fetch(request);
}

/** A push carries nothing: it wakes. A visible window shows what is new by itself. */
async function wake(): Promise<void> {
  const windows = await scope.clients.matchAll({ type: 'window', includeUncontrolled: true });
  for (const window of windows) window.postMessage({ type: 'wake' });
  if (windows.some((window) => window.visibilityState === 'visible')) return;
  const german = navigator.language.startsWith('de');
  await scope.registration.showNotification('SecureChat', {
    body: german ? 'Neue Nachricht' : 'New message',
    icon: '/icon-192.png',
    tag: 'wake',
  });
}

async function open(conversationId: string | null): Promise<void> {
  const windows = await scope.clients.matchAll({ type: 'window', includeUncontrolled: true });
  const window = windows.find((candidate) => candidate.visibilityState === 'visible') ?? windows[0];
  if (!window) {
    await scope.clients.openWindow(PAGE);
    return;
  }
  await window.focus();
  if (conversationId !== null) window.postMessage({ type: 'open', conversationId });
}
