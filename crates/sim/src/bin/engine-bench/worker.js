// The worker of the engine's benchmark: the shipped module, called as the app's worker calls it, with a watch beside it.
import init, * as engine from '/engine/securechat.js';

const HANDLE_TRIES = 100;
const HANDLE_RETRY_MS = 20;

const operations = {
  async open({ key, now }) {
    await start();
    return timed(() => openStore(key, now))[0];
  },

  close() {
    engine.close();
    engine.release_pool();
    return null;
  },

  async first_page({ key, now, chats, limit }) {
    await start();
    const [store, items] = timed(() => {
      openStore(key, now);
      const { conversation_id } = JSON.parse(engine.query(chats)).items[0];
      const page = { type: 'timeline', conversation_id, before: null, after: null, around: null, limit };
      return JSON.parse(engine.query(JSON.stringify(page))).items.length;
    });
    return { store, items };
  },

  run({ inputs, now }) {
    const ms = [];
    const outputs = [];
    for (const input of inputs) {
      const [spent, output] = timed(() => engine.handle(input, now));
      ms.push(spent);
      outputs.push(output);
    }
    return { ms, outputs, deadline: engine.next_deadline() ?? null };
  },

  query({ query }) {
    const [ms, view] = timed(() => {
      const view = engine.query(query);
      // The screen pays for reading it, too.
      JSON.parse(view);
      return view;
    });
    return { ms, view };
  },

  async flush({ rounds }) {
    const root = await navigator.storage.getDirectory();
    const file = await root.getFileHandle('floor', { create: true });
    const handle = await file.createSyncAccessHandle();
    const page = new Uint8Array(4096).fill(1);
    const ms = [];
    for (let round = 0; round < rounds; round += 1) {
      ms.push(
        timed(() => {
          handle.write(page, { at: 4096 * round });
          handle.flush();
        })[0],
      );
    }
    handle.close();
    return ms;
  },
};

async function start() {
  globalThis.securechatPanicked = (place) => self.postMessage({ error: `panic at ${place}` });
  await init({ module_or_path: '/engine/securechat_bg.wasm' });
  for (let tried = 1; ; tried += 1) {
    try {
      await engine.install_pool();
      return;
    } catch (thrown) {
      // The worker before lets go of its files a moment later.
      if (thrown !== 'in_use' || tried === HANDLE_TRIES) throw thrown;
      await new Promise((resolve) => setTimeout(resolve, HANDLE_RETRY_MS));
    }
  }
}

function openStore(key, now) {
  const bytes = Uint8Array.from(atob(key.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
  engine.open(bytes, crypto.getRandomValues(new Uint8Array(32)), now);
}

function timed(act) {
  const start = performance.now();
  const value = act();
  return [performance.now() - start, value];
}

self.onmessage = async ({ data }) => {
  try {
    self.postMessage({ value: await operations[data.op](data) });
  } catch (thrown) {
    self.postMessage({ error: String(thrown) });
  }
};
