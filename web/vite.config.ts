import { fileURLToPath } from 'node:url';
import { lingui } from '@lingui/vite-plugin';
import tailwindcss from '@tailwindcss/vite';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';
import { serviceWorker } from './src/sw/plugin';

/** Where `vite dev` forwards the relay's own paths; the built app is served by the relay itself. */
const relay = process.env['SECURECHAT_URL'] ?? 'http://localhost:8000';

export default defineConfig({
  plugins: [react(), tailwindcss(), lingui(), serviceWorker()],
  define: {
    // Tests shift the clock of a build of their own; a build for people has no such code (core/clock.test.ts).
    __CLOCK_HOOK__: JSON.stringify(process.env['SECURECHAT_CLOCK_HOOK'] === 'on'),
  },
  resolve: {
    // Written by `cargo xtask wasm`.
    alias: { '@engine': fileURLToPath(new URL('../target/web/wasm', import.meta.url)) },
  },
  build: {
    outDir: 'dist',
    target: 'es2022',
    // The content policy allows neither data: addresses nor inline scripts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    cssCodeSplit: false,
    sourcemap: false,
    reportCompressedSize: true,
    rollupOptions: {
      output: {
        entryFileNames: 'assets/[name]-[hash].js',
        chunkFileNames: 'assets/[name]-[hash].js',
        assetFileNames: 'assets/[name]-[hash][extname]',
      },
    },
  },
  worker: { format: 'es' },
  server: {
    proxy: {
      '/v1': relay,
      '/ws': { target: relay, ws: true },
    },
  },
  test: {
    environment: 'happy-dom',
    include: ['src/**/*.test.{ts,tsx}'],
    setupFiles: ['src/test-setup.ts'],
    restoreMocks: true,
    coverage: {
      provider: 'v8',
      include: ['src/**/*.{ts,tsx}'],
      exclude: ['src/**/*.test.{ts,tsx}', 'src/core/generated/**', 'src/test-setup.ts'],
      reporter: ['text-summary', 'json-summary', 'lcov'],
      reportsDirectory: 'coverage',
    },
  },
});
