/** Three dots in a bubble; the only thing that loops. `label` is announced. */
export function TypingDots({ label }: { label: string }) {
  return (
    <div
      role="status"
      className="inline-flex animate-fade rounded-lg bg-bubble-in px-3 py-2 shadow-1 forced:border"
    >
      <span className="sr-only">{label}</span>
      <span aria-hidden className="flex h-[22px] items-center gap-[5px] px-0.5 py-1">
        <i className="size-[7px] animate-dot rounded-full bg-electric forced:border" />
        <i className="size-[7px] animate-dot rounded-full bg-electric [animation-delay:150ms] forced:border" />
        <i className="size-[7px] animate-dot rounded-full bg-electric [animation-delay:300ms] forced:border" />
      </span>
    </div>
  );
}
