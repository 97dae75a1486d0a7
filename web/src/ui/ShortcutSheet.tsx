import { Kbd } from './Kbd';

export interface ShortcutGroup {
  title: string;
  shortcuts: readonly { label: string; keys: string }[];
}

/** The table of keys, grouped by place. */
export function ShortcutTable({ groups }: { groups: readonly ShortcutGroup[] }) {
  return (
    <div className="grid gap-6">
      {groups.map((group) => (
        <section key={group.title}>
          <h2 className="mb-1 text-13 text-text-2">{group.title}</h2>
          <dl className="divide-y divide-divider">
            {group.shortcuts.map((shortcut) => (
              <div key={shortcut.label} className="flex items-center justify-between gap-4 py-2">
                <dt>{shortcut.label}</dt>
                <dd>
                  <Kbd keys={shortcut.keys} />
                </dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
    </div>
  );
}
