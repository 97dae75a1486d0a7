// Runs before the first paint: the theme this browser showed last (src/core/early.ts), or the system's.
(() => {
  let held = null;
  try {
    held = localStorage.getItem('securechat-theme');
  } catch {
    // This browser keeps nothing for a site.
  }
  const dark = held === 'dark' || (held !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
  if (dark) document.querySelector('meta[name="theme-color"]').content = '#12151F';
})();
