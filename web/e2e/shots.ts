/** Pictures of every screen x {1280, 390, 320} x {light, dark}, with real data: `npm run shots`. */
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Cast } from './cast';
import { lastScreens, missingRoutes, screens } from './screens';
import { expect, test } from './world';

const FOLDER = resolve(process.env['SHOTS_DIR'] ?? 'test-results/shots');
/** Only the screens whose name contains this. */
const ONLY = process.env['SHOTS_ONLY'] ?? '';

const sizes = [
  { width: 1280, height: 800 },
  { width: 390, height: 844 },
  { width: 320, height: 640 },
];

test('screenshots of every screen and state', async ({ world }) => {
  expect(missingRoutes(), 'routes without a row in the table').toEqual([]);
  mkdirSync(FOLDER, { recursive: true });
  const cast = await Cast.gather(world);
  const wanted = [...screens, ...lastScreens].filter((screen) => screen.name.includes(ONLY));
  for (const screen of wanted) {
    await test.step(screen.name, async () => {
      for (const { width, height } of sizes) {
        await cast.people[screen.who].page.setViewportSize({ width, height });
        const page = await cast.show(screen);
        // It may be another page than before.
        await page.setViewportSize({ width, height });
        for (const scheme of ['light', 'dark'] as const) {
          await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
          // The page hears of the scheme a moment later, and colours move to it.
          await expect(page.locator('html')).toHaveAttribute('data-theme', scheme);
          await cast.check(screen, page);
          await page.screenshot({
            path: join(FOLDER, `${screen.name}-${width}-${scheme}.png`),
            animations: 'disabled',
          });
        }
      }
    });
  }
});
