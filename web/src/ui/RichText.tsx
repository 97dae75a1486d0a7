import { Fragment, type ReactNode } from 'react';

const PATTERN =
  /(https:\/\/[^\s<>"]+[^\s<>".,;:!?)\]}'])|`([^`\n]+)`|(?<![\p{L}\p{N}])\*([^*\n]+)\*(?![\p{L}\p{N}])|(?<![\p{L}\p{N}])_([^_\n]+)_(?![\p{L}\p{N}])|(?<![\p{L}\p{N}])~([^~\n]+)~(?![\p{L}\p{N}])/gu;

/**
 * A message text: `https` links, *bold*, _italic_, ~struck~ and `code`. Text stays text, never HTML.
 * Links open in a new tab and tell the other site nothing about this one.
 */
export function RichText({ text, linkClass = 'text-electric' }: { text: string; linkClass?: string }) {
  const parts: ReactNode[] = [];
  let end = 0;
  for (const match of text.matchAll(PATTERN)) {
    if (match.index > end) parts.push(text.slice(end, match.index));
    end = match.index + match[0].length;
    const [whole, link, code, bold, italic, struck] = match;
    if (link)
      parts.push(
        <a
          href={link}
          target="_blank"
          rel="noreferrer noopener"
          className={`font-medium break-all underline underline-offset-3 ${linkClass}`}
        >
          {link.replace(/^https:\/\//, '')}
        </a>,
      );
    else if (code)
      parts.push(<code className="rounded-sm bg-current/10 px-1 font-mono text-[0.9em]">{code}</code>);
    else if (bold) parts.push(<strong className="font-semibold">{bold}</strong>);
    else if (italic) parts.push(<em>{italic}</em>);
    else if (struck) parts.push(<s>{struck}</s>);
    else parts.push(whole);
  }
  if (end < text.length) parts.push(text.slice(end));
  return (
    <span dir="auto" className="wrap-anywhere whitespace-pre-wrap">
      {parts.map((part, index) => (
        <Fragment key={index}>{part}</Fragment>
      ))}
    </span>
  );
}
