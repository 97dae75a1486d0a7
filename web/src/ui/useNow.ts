import { useEffect, useState } from 'react';

/** The moment, renewed every minute, so that "today" turns into "yesterday" on an open screen. */
export function useNow(clock: () => number): number {
  const [now, setNow] = useState(clock);
  useEffect(() => {
    const timer = setInterval(() => setNow(clock()), 60_000);
    return () => clearInterval(timer);
  }, [clock]);
  return now;
}
