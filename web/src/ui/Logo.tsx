/** The mark of the product; decorative unless it is given a name. */
export function Logo({ size = 40, name }: { size?: 32 | 40 | 56; name?: string }) {
  return (
    <svg
      viewBox="0 0 40 40"
      width={size}
      height={size}
      role={name ? 'img' : undefined}
      aria-label={name}
      aria-hidden={name ? undefined : true}
    >
      <rect width="40" height="40" rx="12" className="fill-primary" />
      <path
        d="M20 9.5c6.4 0 11 4.3 11 9.9s-4.6 9.9-11 9.9c-1.5 0-2.9-.2-4.2-.6l-4.3 2.2c-.6.3-1.2-.2-1.1-.8l.8-3.8C9.8 24.5 9 22 9 19.4c0-5.6 4.6-9.9 11-9.9z"
        className="fill-white"
      />
      <circle cx="15.2" cy="19.4" r="1.9" className="fill-primary" />
      <circle cx="20.4" cy="19.4" r="1.9" className="fill-primary" />
      <circle cx="25.6" cy="19.4" r="1.9" className="fill-accent" />
    </svg>
  );
}
