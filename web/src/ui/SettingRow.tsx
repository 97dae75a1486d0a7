import { useId, type ReactNode } from 'react';
import { Switch } from './Switch';

/** White card of rows with dividers between them. */
export function SettingCard({ children }: { children: ReactNode }) {
  return (
    <div className="divide-y divide-divider rounded-lg bg-surface shadow-1 forced:border">{children}</div>
  );
}

/** One row: words at the start, a control or a value at the end. */
export function SettingRow({
  title,
  description,
  titleId,
  descriptionId,
  children,
}: {
  title: ReactNode;
  description?: ReactNode;
  titleId?: string;
  descriptionId?: string;
  children?: ReactNode;
}) {
  return (
    <div className="flex min-h-14 flex-wrap items-center justify-between gap-x-4 gap-y-2 px-4 py-3 md:px-5">
      <div className="min-w-46 flex-1">
        <div id={titleId}>{title}</div>
        {description && (
          <div id={descriptionId} className="text-13 text-text-2">
            {description}
          </div>
        )}
      </div>
      {children}
    </div>
  );
}

/** A switch whose whole row is the target. */
export function SwitchRow({
  title,
  description,
  checked,
  onChange,
  disabled,
}: {
  title: string;
  description?: string;
  checked: boolean;
  onChange: (checked: boolean) => void;
  disabled?: boolean;
}) {
  const id = useId();
  return (
    <div
      onClick={(event) => {
        if (!disabled && !(event.target as HTMLElement).closest('button')) onChange(!checked);
      }}
      className="cursor-pointer"
    >
      <SettingRow title={title} description={description} titleId={`${id}-t`} descriptionId={`${id}-d`}>
        <Switch
          checked={checked}
          onChange={onChange}
          disabled={disabled}
          labelledBy={`${id}-t`}
          describedBy={description ? `${id}-d` : undefined}
        />
      </SettingRow>
    </div>
  );
}
