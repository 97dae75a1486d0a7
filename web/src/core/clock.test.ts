// @vitest-environment node
import { build, loadConfigFromFile, type Rollup } from 'vite';
import { expect, test } from 'vitest';

const MARK = 'securechat_clock_offset_ms';

/** The clock as a build with the constants of vite.config.ts ships it. */
async function built(define: Record<string, unknown> | undefined): Promise<string> {
  const entry = new URL('./clock.ts', import.meta.url).pathname;
  const result = await build({
    configFile: false,
    logLevel: 'silent',
    define,
    build: { write: false, lib: { entry, formats: ['es'], fileName: 'clock' } },
  });
  return (result as Rollup.RolldownOutput[])[0]?.output[0].code ?? '';
}

test('a build for people cannot shift the clock', async () => {
  const config = await loadConfigFromFile({ command: 'build', mode: 'production' }, 'vite.config.ts');
  const code = await built(config?.config.define);
  expect(code).toContain('Date.now()');
  expect(code).not.toContain(MARK);
  expect(code).not.toContain('location');
});

test('a build with the hook can', async () => {
  expect(await built({ __CLOCK_HOOK__: 'true' })).toContain(MARK);
});
