/** Keys, as they are printed on a keyboard. */
export function Kbd({ keys }: { keys: string }) {
  return (
    <kbd className="rounded-sm border border-divider bg-surface px-1.5 font-sans text-12 leading-5 font-medium whitespace-nowrap text-text-3">
      {keys}
    </kbd>
  );
}
