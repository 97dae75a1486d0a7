/** The emoji offered without a search, by the name people type after `:`. Names are the common English short codes. */
export const emojiByName: readonly (readonly [emoji: string, names: string])[] = [
  ['😀', 'grinning smile'],
  ['😂', 'joy laugh tears'],
  ['🙂', 'slight_smile'],
  ['😉', 'wink'],
  ['😊', 'blush'],
  ['😍', 'heart_eyes'],
  ['😘', 'kiss'],
  ['😎', 'sunglasses cool'],
  ['🤔', 'thinking'],
  ['😐', 'neutral'],
  ['🙄', 'rolling_eyes'],
  ['😴', 'sleeping'],
  ['😢', 'cry sad'],
  ['😭', 'sob'],
  ['😡', 'angry rage'],
  ['😱', 'scream'],
  ['🥳', 'party_face'],
  ['🤗', 'hug'],
  ['🤷', 'shrug'],
  ['🙈', 'see_no_evil monkey'],
  ['👍', 'thumbsup yes +1'],
  ['👎', 'thumbsdown no -1'],
  ['👏', 'clap'],
  ['🙏', 'pray thanks please'],
  ['👋', 'wave hello'],
  ['💪', 'muscle strong'],
  ['👌', 'ok_hand'],
  ['🤝', 'handshake deal'],
  ['❤️', 'heart love'],
  ['💔', 'broken_heart'],
  ['✨', 'sparkles'],
  ['🔥', 'fire'],
  ['🎉', 'tada party'],
  ['🎂', 'cake birthday'],
  ['🌹', 'rose'],
  ['☀️', 'sun'],
  ['🌧️', 'rain'],
  ['❄️', 'snow'],
  ['☕', 'coffee'],
  ['🍕', 'pizza'],
  ['🍻', 'beers'],
  ['🚆', 'train'],
  ['✈️', 'plane'],
  ['🚲', 'bike'],
  ['⏰', 'alarm clock'],
  ['✅', 'check done'],
  ['❌', 'cross'],
  ['❓', 'question'],
];

/** What a person is offered first when reacting. */
export const quickReactions = ['👍', '❤️', '😂', '🎉', '😢', '🙏'] as const;

/** Emoji whose short code starts with `letters`, best first. */
export function findEmoji(letters: string, limit: number): { emoji: string; name: string }[] {
  const wanted = letters.toLowerCase();
  const found: { emoji: string; name: string }[] = [];
  for (const [emoji, names] of emojiByName) {
    const name = names.split(' ').find((candidate) => candidate.startsWith(wanted));
    if (name) found.push({ emoji, name });
    if (found.length === limit) break;
  }
  return found;
}
