/** Invite links: `https://HOST/#PAYLOAD`. The part after `#` never reaches a server. */

/** base64url text of the engine; longer than any it makes. */
const PAYLOAD = /^[A-Za-z0-9_-]{16,1024}$/;

export function inviteUrl(payload: string, origin: string = globalThis.location.origin): string {
  return `${origin}/#${payload}`;
}

/** The payload in a pasted link, a scanned code or a bare payload; null when it is none. */
export function invitePayload(text: string): string | null {
  const trimmed = text.trim();
  const hash = trimmed.indexOf('#');
  const payload = hash < 0 ? trimmed : trimmed.slice(hash + 1);
  return PAYLOAD.test(payload) ? payload : null;
}

/** The payload this page was opened with. Read it once: it is taken out of the address bar and the history. */
export function takeInviteFromAddress(): string | null {
  const { hash, pathname, search } = globalThis.location;
  const payload = hash.length > 1 ? invitePayload(hash) : null;
  if (payload !== null) globalThis.history.replaceState(globalThis.history.state, '', pathname + search);
  return payload;
}
