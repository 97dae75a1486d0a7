import { useLingui } from '@lingui/react';
import { Check, Copy } from 'lucide-react';
import { useEffect, useState, type ReactNode } from 'react';
import { Button } from './Button';

/** A text to hand on, with the button that copies it. */
export function CopyLine({
  text,
  shown,
  onCopy,
  extra,
}: {
  text: string;
  shown?: string;
  onCopy: (text: string) => Promise<void>;
  extra?: ReactNode;
}) {
  const { _ } = useLingui();
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 2000);
    return () => clearTimeout(timer);
  }, [copied]);
  return (
    <div className="flex min-h-12 items-center gap-2 rounded-md bg-sunken ps-3.5 pe-1 forced:border">
      <span className="min-w-0 flex-1 truncate" title={text}>
        {shown ?? text}
      </span>
      {extra}
      <Button
        variant="accent"
        size="sm"
        icon={copied ? Check : Copy}
        className="md:min-h-10"
        onClick={() => void onCopy(text).then(() => setCopied(true))}
      >
        <span aria-live="polite">{copied ? _('ui.copied') : _('ui.copy')}</span>
      </Button>
    </div>
  );
}
