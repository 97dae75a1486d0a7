/** Vite plugin: builds `src/sw/sw.ts` to `/sw.js` with the list of this build's files written in. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import type { Plugin } from 'vite';

const SCRIPT = 'sw.js';

export function serviceWorker(): Plugin {
  let publicDir = '';
  return {
    name: 'securechat-service-worker',
    apply: 'build',
    enforce: 'post',
    configResolved(config) {
      publicDir = config.publicDir;
    },
    buildStart() {
      this.emitFile({ type: 'chunk', id: '/src/sw/sw.ts', fileName: SCRIPT });
    },
    generateBundle(_options, bundle) {
      const script = bundle[SCRIPT];
      if (script?.type !== 'chunk') throw new Error('the service worker was not built');
      if (script.imports.length > 0) throw new Error('the service worker must be one file');
      const built = Object.keys(bundle).filter(isShell);
      const copied = readdirSync(publicDir);
      const files = [...built, ...copied].sort().map((file) => `/${file}`);
      const version = createHash('sha256');
      // Names of built files carry their hash; those of copied files and of the page do not.
      for (const file of files) version.update(file);
      for (const file of copied) version.update(readFileSync(`${publicDir}/${file}`));
      const page = bundle['index.html'];
      if (page?.type === 'asset') version.update(page.source);
      const shell = { version: version.digest('hex').slice(0, 16), files };
      if (!script.code.includes('__SHELL__'))
        throw new Error('the service worker has no place for its file list');
      script.code = script.code.replaceAll('__SHELL__', JSON.stringify(shell));
    },
  };
}

/** Fonts of other scripts are fetched when a text needs them; offline the system's stand in. */
function isShell(file: string): boolean {
  if (file === SCRIPT || file === 'index.html' || file.endsWith('.map')) return false;
  return !file.endsWith('.woff2') || file.includes('-latin-wght');
}
