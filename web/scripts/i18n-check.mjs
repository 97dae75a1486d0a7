// Fails when a key used in the source is missing from a catalogue, when a catalogue has a key nothing uses,
// when a text is empty, or when two languages of one key do not name the same placeholders.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(fileURLToPath(new URL('.', import.meta.url)), '..');
const locales = ['en', 'de'];

/** Every `_('feature.key')` and every literal in a `MessageKey` table. */
export function keysIn(source) {
  const found = new Set();
  for (const match of source.matchAll(/(?<![\w$.])(?:_|i18n\._)\(\s*'([^']+)'/g)) found.add(match[1]);
  // Tables of keys are marked where they stand: `/* i18n */ 'feature.key'`.
  for (const match of source.matchAll(/\/\* i18n \*\/\s*'([^']+)'/g)) found.add(match[1]);
  return found;
}

/** Parses the small part of PO that the catalogues use: one msgid, one msgstr, continued strings. */
export function parsePo(text) {
  const messages = new Map();
  let field = null;
  let id = '';
  let value = '';
  const finish = () => {
    if (id !== '') {
      if (messages.has(id)) throw new Error(`the key ${id} stands twice`);
      messages.set(id, value);
    }
    id = '';
    value = '';
    field = null;
  };
  for (const line of text.split('\n')) {
    if (line.startsWith('#') || line.trim() === '') continue;
    const match = /^(msgid|msgstr)?\s*"(.*)"$/.exec(line.trim());
    if (!match) throw new Error(`cannot read the line ${line}`);
    if (match[1] === 'msgid') finish();
    if (match[1]) field = match[1];
    const part = JSON.parse(`"${match[2]}"`);
    if (field === 'msgid') id += part;
    else value += part;
  }
  finish();
  return messages;
}

/** Names of the ICU arguments of a text: `{name}` and `{count, plural, ...}`. */
export function placeholders(text) {
  const names = new Set();
  for (const match of text.matchAll(/\{(\w+)\s*(?:\}|,)/g)) names.add(match[1]);
  return [...names].sort().join(',');
}

function sourceFiles(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'generated' ? [] : sourceFiles(path);
    return /\.tsx?$/.test(entry.name) && !/\.test\.tsx?$/.test(entry.name) ? [path] : [];
  });
}

function check() {
  const used = new Set();
  for (const file of sourceFiles(join(root, 'src')))
    for (const key of keysIn(readFileSync(file, 'utf8'))) used.add(key);
  const catalogues = new Map(
    locales.map((locale) => [
      locale,
      parsePo(readFileSync(join(root, 'src/locales', `${locale}.po`), 'utf8')),
    ]),
  );
  const faults = [];
  for (const [locale, messages] of catalogues) {
    for (const key of used) if (!messages.has(key)) faults.push(`${locale}: ${key} is used but missing`);
    for (const [key, text] of messages) {
      if (!used.has(key)) faults.push(`${locale}: ${key} is in the catalogue but nothing uses it`);
      if (text.trim() === '') faults.push(`${locale}: ${key} has no text`);
      if (!/^[a-z]\w*(\.\w+)+$/i.test(key)) faults.push(`${locale}: ${key} is not of the form feature.key`);
      const first = catalogues.get('en').get(key);
      if (first !== undefined && placeholders(first) !== placeholders(text))
        faults.push(`${locale}: ${key} has other placeholders than en`);
    }
  }
  for (const fault of faults) console.error(fault);
  if (faults.length > 0) process.exit(1);
  console.log(`i18n: ${used.size} keys, complete in ${locales.join(' and ')}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) check();
