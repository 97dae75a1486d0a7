/** The words on the screen, by their ids, from the catalogue the app is built from. */
import { readFileSync } from 'node:fs';

const catalogue = read(new URL('../src/locales/en.po', import.meta.url));

/** The text of `id`; `{name}` and other places are filled from `values`. */
export function text(id: string, values: Record<string, string | number> = {}): string {
  const found = catalogue.get(id);
  if (found === undefined) throw new Error(`no text with the id ${id}`);
  return found.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? `{${name}}`));
}

function read(file: URL): Map<string, string> {
  const entries = new Map<string, string>();
  let id = '';
  let into: 'id' | 'text' | null = null;
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const match = /^(msgid|msgstr)? ?"(.*)"$/.exec(line);
    if (!match) {
      into = null;
      continue;
    }
    const value = JSON.parse(`"${match[2]}"`) as string;
    if (match[1] === 'msgid') {
      into = 'id';
      id = value;
    } else if (match[1] === 'msgstr') {
      into = 'text';
      entries.set(id, value);
    } else if (into === 'text') {
      entries.set(id, (entries.get(id) ?? '') + value);
    } else if (into === 'id') {
      id += value;
    }
  }
  return entries;
}
