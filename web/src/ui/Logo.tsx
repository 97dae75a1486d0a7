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
        d="M20 9.5c6.400 0 11 4.300 11 9.900s-4.600 9.900-11 9.900c-1.500 0-2.900-.2-4.200-.6l-4.300 2.200c-.6.3-1.200-.2-1.100-.8l.8-3.800C9.800 24.500 9 22 9 19.400c0-5.600 4.600-9.900 11-9.900z"
        className="fill-white"
      />
      <circle cx="15.2" cy="19.4" r="1.9" className="fill-primary" />
      <circle cx="20.4" cy="19.4" r="1.9" className="fill-primary" />
      <circle cx="25.6" cy="19.4" r="1.9" className="fill-accent" />
    </svg>
  );
}
