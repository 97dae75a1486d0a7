/** The only place where script addresses are made: Trusted Types policy `sc`, same origin only. */
import workerUrl from './worker/engine.worker.ts?worker&url';

/** Not in the DOM library of this TypeScript version. */
interface ScriptUrlPolicy {
  createScriptURL(url: string): string;
}
interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL: (url: string) => string }): ScriptUrlPolicy;
}

let policy: ScriptUrlPolicy | undefined;

export function startWorker(): Worker {
  return new Worker(scriptUrl(workerUrl), { type: 'module', name: 'securechat-core' });
}

/** An address of this origin as the browser's script sinks accept it. */
export function scriptUrl(url: string): string {
  const trusted = (globalThis as { trustedTypes?: TrustedTypes }).trustedTypes;
  if (!trusted) return sameOrigin(url);
  policy ??= trusted.createPolicy('sc', { createScriptURL: sameOrigin });
  return policy.createScriptURL(url);
}

function sameOrigin(url: string): string {
  if (new URL(url, globalThis.location.href).origin !== globalThis.location.origin) {
    throw new TypeError('scripts come from this origin only');
  }
  return url;
}
