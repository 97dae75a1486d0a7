import { useLingui } from '@lingui/react';

/** Sixty digits in twelve groups of five: three rows of four, read aloud group by group. */
export function SafetyNumber({ groups }: { groups: readonly string[] }) {
  const { _ } = useLingui();
  return (
    <ol
      aria-label={_('ui.safetyNumber')}
      className="code-text grid w-fit grid-cols-3 gap-x-5 gap-y-2 text-17 font-medium select-all xs:grid-cols-4"
    >
      {groups.map((group, index) => (
        <li key={index}>{group}</li>
      ))}
    </ol>
  );
}
