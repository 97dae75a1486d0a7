// @vitest-environment node
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
// The check itself is plain JavaScript, so that it runs without a build.
// @ts-expect-error it has no types
import { keysIn, parsePo, placeholders } from '../../scripts/i18n-check.mjs';

const find = keysIn as (source: string) => Set<string>;
const parse = parsePo as (text: string) => Map<string, string>;
const names = placeholders as (text: string) => string;

it('finds keys and nothing else', () => {
  expect([...find("_('a.b'); i18n._('c.d', { x }); map_('no.no'); x._('no.no')")]).toEqual(['a.b', 'c.d']);
});

it('compares placeholders, also inside plurals', () => {
  expect(names('{count, plural, one {# day} other {# days}} of {name}')).toBe('count,name');
});

it('refuses a key that stands twice', () => {
  expect(() => parse('msgid "a.b"\nmsgstr "x"\n\nmsgid "a.b"\nmsgstr "y"\n')).toThrow('twice');
});

it('has the same keys in every language', () => {
  const [english, german] = ['en', 'de'].map((locale) =>
    [...parse(readFileSync(new URL(`${locale}.po`, import.meta.url), 'utf8')).keys()].sort(),
  );
  expect(german).toEqual(english);
});
