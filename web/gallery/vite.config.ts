import { lingui } from '@lingui/vite-plugin';
import tailwindcss from '@tailwindcss/vite';
import react from '@vitejs/plugin-react';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

/** A page for looking at screens with invented data. It is never part of the app that is built. */
export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  plugins: [react(), tailwindcss(), lingui()],
  define: { __CLOCK_HOOK__: 'false' },
  server: { port: 5199, strictPort: true, fs: { allow: ['..'] } },
});
