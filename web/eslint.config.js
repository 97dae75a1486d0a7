import { readdirSync } from 'node:fs';
import { createTypeScriptImportResolver } from 'eslint-import-resolver-typescript';
import importX from 'eslint-plugin-import-x';
import reactHooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

/**
 * The walls of the web client, made from the folders that exist:
 * `ui` imports nothing of ours, a feature imports no other feature, and nothing below `app` imports `app`.
 */
const features = readdirSync(new URL('./src/features', import.meta.url), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);

/** Every folder of `src` has its walls; what lies elsewhere is not imported. */
const folders = ['app', 'core', 'features', 'locales', 'media', 'sw', 'ui'];

const zones = [
  {
    target: './src',
    from: './src',
    except: folders.map((folder) => `./${folder}`),
    message: 'No walls there: app, core, features, media and ui hold all code.',
  },
  {
    target: './src/ui',
    from: './src',
    except: ['./ui'],
    message: 'ui/ imports nothing of ours: give the component plain data as props.',
  },
  ...features.map((feature) => ({
    target: `./src/features/${feature}`,
    from: './src/features',
    except: [`./${feature}`],
    message: 'A feature may not import another feature: compose them in app/.',
  })),
  {
    target: ['./src/features', './src/core', './src/media'],
    from: './src/app',
    message: 'app/ composes; nothing below it may import it.',
  },
  {
    target: ['./src/core', './src/media'],
    from: './src/features',
    message: 'core/ and media/ know no feature.',
  },
  { target: './src/core', from: './src/ui', message: 'core/ draws nothing.' },
  {
    target: ['./src/app', './src/features', './src/media'],
    from: './src/core/worker',
    message: 'The worker is behind the door: core/ speaks with it.',
  },
  {
    target: ['./src/app', './src/core', './src/features', './src/media', './src/ui'],
    from: './src/sw',
    message: 'The service worker is a program of its own.',
  },
  {
    target: './src/sw',
    from: './src',
    except: ['./sw'],
    message: 'The service worker is a program of its own.',
  },
];

/** Doors to the outside: only core/ and media/ open them. */
const effectGlobals = [
  'fetch',
  'XMLHttpRequest',
  'WebSocket',
  'Worker',
  'SharedWorker',
  'BroadcastChannel',
  'EventSource',
  'indexedDB',
  'localStorage',
  'sessionStorage',
  'RTCPeerConnection',
  'WebTransport',
  'Notification',
  'caches',
  'cookieStore',
].map((name) => ({ name, message: 'Effects live in core/ and media/ only.' }));

const effectProperties = [
  ...['credentials', 'locks', 'mediaDevices', 'sendBeacon', 'serviceWorker', 'storage'].map((property) => ({
    object: 'navigator',
    property,
  })),
  { object: 'document', property: 'cookie' },
].map((door) => ({ ...door, message: 'Effects live in core/ and media/ only.' }));

const html = 'Text is text: no HTML.';

export default tseslint.config(
  { ignores: ['dist', 'coverage', 'src/core/generated', 'test-results', 'playwright-report'] },
  ...tseslint.configs.recommendedTypeChecked,
  {
    files: ['**/*.{ts,tsx}'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { 'import-x': importX, 'react-hooks': reactHooks },
    settings: { 'import-x/resolver-next': [createTypeScriptImportResolver()] },
    rules: {
      ...reactHooks.configs.recommended.rules,
      'import-x/no-restricted-paths': ['error', { basePath: import.meta.dirname, zones }],
      'import-x/no-default-export': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { attributes: false } }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      'no-restricted-syntax': [
        'error',
        { selector: 'JSXAttribute[name.name=/^(dangerouslySetInnerHTML|srcDoc)$/]', message: html },
        { selector: 'Property[key.name=/^(dangerouslySetInnerHTML|srcDoc)$/]', message: html },
        {
          selector: 'MemberExpression[property.name=/^(innerHTML|outerHTML|insertAdjacentHTML|srcdoc)$/]',
          message: html,
        },
        { selector: 'ExportAllDeclaration', message: 'No barrel files.' },
        {
          selector: 'MemberExpression[object.type="MetaProperty"][property.name="glob"]',
          message: 'Import by name.',
        },
        { selector: 'TSImportType', message: 'Import at the head of the file, where the walls look.' },
      ],
      'no-eval': 'error',
      'no-new-func': 'error',
      '@typescript-eslint/no-implied-eval': 'error',
    },
  },
  {
    files: ['src/**'],
    ignores: ['src/core/**', 'src/media/**', 'src/sw/**'],
    languageOptions: { globals: { window: 'readonly', self: 'readonly' } },
    rules: {
      'no-restricted-globals': ['error', { globals: effectGlobals, checkGlobalObject: true }],
      'no-restricted-properties': ['error', ...effectProperties],
    },
  },
  {
    files: ['*.config.ts', 'gallery/vite.config.ts', 'e2e/*.config.ts', 'bench/*.config.ts', '**/*.d.ts'],
    rules: { 'import-x/no-default-export': 'off' },
  },
  { files: ['**/*.{js,mjs}'], ...tseslint.configs.disableTypeChecked },
);
