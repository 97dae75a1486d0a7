/** What a person would call this browser and its system, from the words it introduces itself with. */

/** The first that fits wins: most browsers also claim to be those below them. */
const browsers: readonly [RegExp, string][] = [
  [/\bEdgA?\//, 'Edge'],
  [/\bOPR\//, 'Opera'],
  [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\b(?:Firefox|FxiOS)\//, 'Firefox'],
  [/(?:Chrome|CriOS)\//, 'Chrome'],
  [/\bSafari\//, 'Safari'],
];

const systems: readonly [RegExp, string][] = [
  [/\biPhone\b/, 'iPhone'],
  [/\biPad\b/, 'iPad'],
  [/\bAndroid\b/, 'Android'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bWindows\b/, 'Windows'],
  [/\bMac OS X\b/, 'macOS'],
  [/\bLinux\b/, 'Linux'],
];

/** Nothing for what is not known: a wrong word would be worse than none. */
export function deviceWords(introduced: string = navigator.userAgent): {
  browser: string | undefined;
  system: string | undefined;
} {
  const named = (list: readonly [RegExp, string][]) => list.find(([sign]) => sign.test(introduced))?.[1];
  return { browser: named(browsers), system: named(systems) };
}
