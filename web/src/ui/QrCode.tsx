import encodeQR from 'qr';
import { useMemo } from 'react';
import { classes } from './classes';

/** Draws `text` as a QR code: always dark on white, so that every camera reads it. */
export function QrCode({ text, label, className }: { text: string; label: string; className?: string }) {
  const { path, size } = useMemo(() => {
    const rows = encodeQR(text, 'raw', { ecc: 'medium', border: 1 });
    const steps: string[] = [];
    rows.forEach((row, y) =>
      row.forEach((dark, x) => {
        if (dark) steps.push(`M${x} ${y}h1v1h-1z`);
      }),
    );
    return { path: steps.join(''), size: rows.length };
  }, [text]);
  return (
    <span className={classes('block rounded-lg border border-divider bg-white p-4', className)}>
      <svg
        viewBox={`0 0 ${size} ${size}`}
        role="img"
        aria-label={label}
        shapeRendering="crispEdges"
        className="block size-full fill-ink"
      >
        <path d={path} />
      </svg>
    </span>
  );
}
