import { lazy, Suspense } from 'react';

const ForgetDialog = lazy(() =>
  import('./ForgetDialog').then((module) => ({ default: module.ForgetDialog })),
);

/** The question before everything here is deleted; fetched when it is first asked. */
export function Forget({ open, onClose }: { open: boolean; onClose: () => void }) {
  if (!open) return null;
  return (
    <Suspense>
      <ForgetDialog open onClose={onClose} />
    </Suspense>
  );
}
