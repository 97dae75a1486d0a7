import { useLingui } from '@lingui/react';
import { CircleAlert } from 'lucide-react';
import { classes } from './classes';

export type TickState = 'queued' | 'waiting' | 'sent' | 'delivered' | 'read' | 'failed' | 'not_delivered';

/** The word for a state, for screen readers and the details screen. */
export function useTickWord(): (state: TickState) => string {
  const { _ } = useLingui();
  return (state) => {
    switch (state) {
      case 'queued':
        return _('ui.tickQueued');
      case 'waiting':
        return _('ui.tickWaiting');
      case 'sent':
        return _('ui.tickSent');
      case 'delivered':
        return _('ui.tickDelivered');
      case 'read':
        return _('ui.tickRead');
      case 'failed':
        return _('ui.tickFailed');
      case 'not_delivered':
        return _('ui.tickNotDelivered');
    }
  };
}

/** Every state has its own shape: clock, pause, one tick, two ticks, ticks in a pill, a mark. */
export function DeliveryTicks({ state, onSurface }: { state: TickState; onSurface?: boolean }) {
  const word = useTickWord();
  if (state === 'failed' || state === 'not_delivered') {
    return (
      <CircleAlert
        size={14}
        strokeWidth={2.2}
        role="img"
        aria-label={word(state)}
        className={onSurface ? 'text-danger' : 'text-bubble-out-text'}
      />
    );
  }
  return (
    <svg
      viewBox="0 0 20 12"
      width={20}
      height={12}
      overflow="visible"
      role="img"
      aria-label={word(state)}
      className={classes(
        'shrink-0 fill-none stroke-current [stroke-linecap:round] [stroke-linejoin:round] [stroke-width:1.6]',
        onSurface && 'text-text-3',
      )}
    >
      <TickShape state={state} onSurface={onSurface} />
    </svg>
  );
}

function TickShape({ state, onSurface }: { state: TickState; onSurface?: boolean }) {
  const drawn = '[stroke-dasharray:24]';
  switch (state) {
    case 'queued':
      return (
        <>
          <circle cx="13" cy="6" r="4.6" />
          <path d="M13 3.6V6l1.6 1" />
        </>
      );
    case 'waiting':
      return (
        <>
          <circle cx="13" cy="6" r="4.6" />
          <path d="M11.7 4.3v3.4M14.3 4.3v3.4" />
        </>
      );
    case 'sent':
      return <path d="M8.5 6.2 11.3 9l6-6.2" className={classes(drawn, 'animate-tick')} />;
    case 'delivered':
      return (
        <>
          <path d="M4 6.2 6.8 9l6-6.2" />
          <path d="M9.6 8.6l.4.4 6-6.2" className={classes(drawn, 'animate-tick-2')} />
        </>
      );
    case 'read':
      return (
        <>
          <rect
            x=".5"
            y="-.5"
            width="19"
            height="13"
            rx="6.5"
            className={classes(
              'animate-fade',
              onSurface ? 'stroke-accent-text [stroke-width:1]' : 'fill-tick-read stroke-none',
            )}
          />
          <path
            d="M4.2 6.3 6.6 8.7l4.8-5M9.6 8.4l.3.3 4.9-5"
            className={onSurface ? 'stroke-accent-text' : 'stroke-ink'}
          />
        </>
      );
    case 'failed':
    case 'not_delivered':
      return null;
  }
}
