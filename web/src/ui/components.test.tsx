import { i18n } from '@lingui/core';
import { I18nProvider } from '@lingui/react';
import { act, render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { useState, type ReactNode } from 'react';
import { describe, expect, it, vi } from 'vitest';
import { initials } from './Avatar';
import { Bubble } from './Bubble';
import { Button } from './Button';
import { CodeInput } from './CodeInput';
import { Composer, type ComposerContext } from './Composer';
import { DeliveryTicks, type TickState } from './DeliveryTicks';
import { findEmoji } from './emoji';
import { daysBetween, formatBytes, formatDay, formatListTime } from './format';
import { PasswordField } from './PasswordField';
import { RichText } from './RichText';
import { SwitchRow } from './SettingRow';
import { TextField } from './TextField';
import { Toast } from './Toast';
import { TrustLine } from './TrustLine';

const show = (node: ReactNode) => render(<I18nProvider i18n={i18n}>{node}</I18nProvider>);

describe('Button', () => {
  it('does nothing while it is loading, and says so', async () => {
    const onClick = vi.fn();
    show(
      <Button loading onClick={onClick}>
        Save
      </Button>,
    );
    const button = screen.getByRole('button', { name: 'Save' });
    await userEvent.click(button);
    expect(onClick).not.toHaveBeenCalled();
    expect(button.getAttribute('aria-busy')).toBe('true');
  });
});

describe('TextField', () => {
  it('ties the error to the field', () => {
    show(<TextField label="Handle" error="Taken" />);
    const field = screen.getByLabelText('Handle');
    expect(field.getAttribute('aria-invalid')).toBe('true');
    const note = document.getElementById(field.getAttribute('aria-describedby') ?? '');
    expect(note?.textContent).toContain('Taken');
  });

  it('shows and hides a password', async () => {
    show(<PasswordField label="Password" defaultValue="secret" />);
    const field = screen.getByLabelText('Password');
    expect(field.getAttribute('type')).toBe('password');
    await userEvent.click(screen.getByRole('button', { name: 'Show password' }));
    expect(field.getAttribute('type')).toBe('text');
  });
});

describe('SwitchRow', () => {
  it('turns by its row and by its switch, once each', async () => {
    const onChange = vi.fn();
    show(<SwitchRow title="Read receipts" checked={false} onChange={onChange} />);
    await userEvent.click(screen.getByText('Read receipts'));
    await userEvent.click(screen.getByRole('switch', { name: 'Read receipts' }));
    expect(onChange.mock.calls).toEqual([[true], [true]]);
  });
});

describe('RichText', () => {
  it('draws emphasis and links, and leaves everything else as text', () => {
    const { container } = show(
      <RichText text={'*bold* _it_ ~no~ `x*y` <b>html</b> https://a.example/x_y. javascript:alert(1)'} />,
    );
    expect(container.querySelector('strong')?.textContent).toBe('bold');
    expect(container.querySelector('em')?.textContent).toBe('it');
    expect(container.querySelector('code')?.textContent).toBe('x*y');
    expect(container.querySelector('b')).toBeNull();
    const links = [...container.querySelectorAll('a')];
    expect(links.map((link) => link.getAttribute('href'))).toEqual(['https://a.example/x_y']);
    expect(links[0]?.getAttribute('rel')).toContain('noopener');
    expect(container.textContent).toContain('javascript:alert(1)');
  });

  it('does not take snake_case or 2*3*4 for emphasis', () => {
    const { container } = show(<RichText text="a_snake_case 2*3*4" />);
    expect(container.querySelector('em, strong')).toBeNull();
  });
});

describe('DeliveryTicks', () => {
  it('has another shape for every state, not only another colour', () => {
    const states: TickState[] = ['queued', 'waiting', 'sent', 'delivered', 'read', 'failed'];
    const shapes = states.map((state) => {
      const { container, unmount } = show(<DeliveryTicks state={state} />);
      const svg = container.querySelector('svg');
      const shape = [...(svg?.children ?? [])]
        .map((part) => `${part.tagName}${part.getAttribute('d') ?? ''}${part.getAttribute('r') ?? ''}`)
        .join();
      expect(svg?.getAttribute('aria-label')).toBeTruthy();
      unmount();
      return shape;
    });
    expect(new Set(shapes).size).toBe(states.length);
  });
});

describe('Bubble', () => {
  it('opens the quoted message and takes reactions', async () => {
    const onOpen = vi.fn();
    const onReaction = vi.fn();
    show(
      <Bubble
        direction="in"
        position="only"
        text="Yes"
        time="10:00"
        edited
        quote={{ author: 'You', text: 'Coming?', onOpen }}
        reactions={[{ emoji: '👍', by: 'Mara', mine: false, count: 1 }]}
        onReaction={onReaction}
      />,
    );
    await userEvent.click(screen.getByRole('button', { name: /Coming/ }));
    await userEvent.click(screen.getByRole('button', { name: '👍 Mara' }));
    expect(onOpen).toHaveBeenCalledOnce();
    expect(onReaction).toHaveBeenCalledWith('👍');
    expect(screen.getByText('edited')).toBeTruthy();
  });
});

describe('Composer', () => {
  const onSend = vi.fn();
  const onEditLast = vi.fn();
  const onCancel = vi.fn();
  function Harness({ enterSends = true, context }: { enterSends?: boolean; context?: ComposerContext }) {
    const [value, setValue] = useState('');
    return (
      <Composer
        value={value}
        placeholder="Message Mara"
        onChange={setValue}
        onSend={(text) => {
          onSend(text);
          setValue('');
        }}
        onEditLast={onEditLast}
        onCancelContext={onCancel}
        context={context}
        enterSends={enterSends}
        bytesMax={20}
      />
    );
  }
  const field = () => screen.getByRole('textbox', { name: 'Message Mara' });

  it('sends with Enter, breaks the line with Shift+Enter, and trims', async () => {
    onSend.mockClear();
    show(<Harness />);
    await userEvent.type(field(), 'one{Shift>}{Enter}{/Shift}two {Enter}');
    expect(onSend).toHaveBeenCalledExactlyOnceWith('one\ntwo');
  });

  it('sends with Ctrl+Enter when Enter makes a new line', async () => {
    onSend.mockClear();
    show(<Harness enterSends={false} />);
    await userEvent.type(field(), 'a{Enter}b{Control>}{Enter}{/Control}');
    expect(onSend).toHaveBeenCalledExactlyOnceWith('a\nb');
  });

  it('neither sends blanks nor what is too long', async () => {
    onSend.mockClear();
    show(<Harness />);
    await userEvent.type(field(), '   {Enter}');
    await userEvent.clear(field());
    await userEvent.type(field(), 'ä'.repeat(11) + '{Enter}');
    expect(onSend).not.toHaveBeenCalled();
    expect(screen.getByRole('alert').textContent).toBe('Too long by 2 bytes');
  });

  it('edits the last message with Up in an empty field only', async () => {
    onEditLast.mockClear();
    show(<Harness />);
    await userEvent.type(field(), '{ArrowUp}');
    await userEvent.type(field(), 'x{ArrowUp}');
    expect(onEditLast).toHaveBeenCalledOnce();
  });

  it('completes a short code instead of sending it', async () => {
    onSend.mockClear();
    show(<Harness />);
    await userEvent.type(field(), 'yes :thumbsu{Enter}');
    expect((field() as HTMLTextAreaElement).value).toBe('yes 👍 ');
    expect(onSend).not.toHaveBeenCalled();
    await userEvent.type(field(), '{Enter}');
    expect(onSend).toHaveBeenCalledExactlyOnceWith('yes 👍');
  });

  it('leaves a reply with Escape', async () => {
    onCancel.mockClear();
    show(<Harness context={{ kind: 'reply', title: 'Mara', text: 'Coming?' }} />);
    await userEvent.type(field(), '{Escape}');
    expect(onCancel).toHaveBeenCalledOnce();
  });
});

describe('CodeInput', () => {
  it('takes typing, pasting and Backspace', async () => {
    function Harness() {
      const [value, setValue] = useState('');
      return (
        <>
          <CodeInput labels={['1', '2', '3']} value={value} onChange={setValue} />
          <output>{value}</output>
        </>
      );
    }
    show(<Harness />);
    await userEvent.click(screen.getByLabelText('1'));
    await userEvent.keyboard('a');
    await userEvent.paste('bc');
    expect(screen.getByRole('status').textContent).toBe('ABC');
    expect(document.activeElement).toBe(screen.getByLabelText('3'));
    await userEvent.keyboard('{Backspace}{Backspace}');
    expect(document.activeElement).toBe(screen.getByLabelText('2'));
  });
});

describe('Toast', () => {
  it('leaves by itself after its seconds, or by Undo', async () => {
    vi.useFakeTimers();
    try {
      const gone = vi.fn();
      show(<Toast toast={{ id: 1, text: 'Deleted', seconds: 5, onUndo: () => {} }} onGone={gone} />);
      // One second at a time: every second is drawn before the next begins.
      const seconds = async (count: number) => {
        for (let passed = 0; passed < count; passed += 1) await act(() => vi.advanceTimersByTimeAsync(1000));
      };
      await seconds(4);
      expect(gone).not.toHaveBeenCalled();
      screen.getByRole('button', { name: /Undo/ }).click();
      expect(gone).toHaveBeenCalledWith(1, true);
      gone.mockClear();
      await seconds(2);
      expect(gone).toHaveBeenCalledWith(1, false);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('TrustLine', () => {
  it('says a sentence for every state', () => {
    show(<TrustLine state="new_identity" since="Tuesday" />);
    expect(screen.getByText('New keys since Tuesday. Check again')).toBeTruthy();
  });
});

describe('words and dates', () => {
  it('makes at most two letters of a name', () => {
    expect(initials('Mara')).toBe('MA');
    expect(initials('mara lind')).toBe('ML');
    expect(initials('@x')).toBe('X');
    expect(initials('')).toBe('?');
    expect(initials('🦊 fox')).toBe('🦊F');
  });

  it('counts calendar days, not spans of 24 hours', () => {
    const lateEvening = new Date(2026, 2, 3, 23, 50).getTime();
    const soonAfter = new Date(2026, 2, 4, 0, 10).getTime();
    expect(daysBetween(lateEvening, soonAfter)).toBe(1);
    expect(formatDay(lateEvening, soonAfter, 'en')).toBe('Yesterday');
    expect(formatListTime(soonAfter, soonAfter, 'de')).toBe('00:10');
    expect(formatListTime(new Date(2025, 2, 3).getTime(), soonAfter, 'en')).toBe('Mar 3, 2025');
  });

  it('writes sizes with three figures at most', () => {
    expect(formatBytes(84_000, 'en')).toBe('84 kB');
    expect(formatBytes(1_840_000, 'en')).toBe('1.8 MB');
  });

  it('finds emoji by short code', () => {
    expect(findEmoji('thumbs', 3).map((found) => found.emoji)).toEqual(['👍', '👎']);
    expect(findEmoji('zzz', 3)).toEqual([]);
  });
});
