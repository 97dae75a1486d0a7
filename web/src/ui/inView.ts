/** A third of it, or of the frame that shows it, is on screen: of messages that fill a screen, one always is. */
export function isInView(element: HTMLElement, frame: HTMLElement): boolean {
  const [it, shown] = [element.getBoundingClientRect(), frame.getBoundingClientRect()];
  const overlap = Math.min(it.bottom, shown.bottom) - Math.max(it.top, shown.top);
  return overlap >= Math.min(it.height, shown.height) / 3;
}
