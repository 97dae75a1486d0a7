/** Longer messages are shown folded: about as much as fills a screen. */
const CHARACTERS_MAX = 1_500;
const LINES_MAX = 24;
/** Nothing is folded to hide less than this: the button would take as much room. */
const SPARED_CHARACTERS = 200;
const SPARED_LINES = 4;

/** The beginning of a long text, cut between two words where there are any; null for a text that is shown whole. */
export function folded(text: string): string | null {
  const lines = text.split('\n', LINES_MAX + SPARED_LINES + 1);
  if (lines.length <= LINES_MAX + SPARED_LINES && text.length <= CHARACTERS_MAX + SPARED_CHARACTERS)
    return null;
  const start = lines.slice(0, LINES_MAX).join('\n');
  if (start.length <= CHARACTERS_MAX) return `${start.trimEnd()} …`;
  const cut = start.slice(0, CHARACTERS_MAX);
  const word = cut.search(/\s\S*$/);
  if (word > CHARACTERS_MAX - SPARED_CHARACTERS) return `${cut.slice(0, word).trimEnd()} …`;
  // One endless word: never through the middle of a character.
  const last = [...new Intl.Segmenter().segment(cut)].at(-1)?.index ?? cut.length;
  return `${cut.slice(0, last)}…`;
}
