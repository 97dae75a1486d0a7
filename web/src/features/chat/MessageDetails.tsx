import { useLingui } from '@lingui/react';
import { X } from 'lucide-react';
import { useNavigate } from 'react-router';
import { useQuery } from '../../core/hooks';
import { useTickWord } from '../../ui/DeliveryTicks';
import { formatMoment } from '../../ui/format';
import { Gone } from '../../ui/Gone';
import { IconButton } from '../../ui/IconButton';
import { RichText } from '../../ui/RichText';

/** When a message was written, stored, delivered and read, and what it said before. */
export function MessageDetails({ conversationId, messageId }: { conversationId: string; messageId: string }) {
  const { _, i18n } = useLingui();
  const navigate = useNavigate();
  const tickWord = useTickWord();
  const view = useQuery({ type: 'message_details', message_id: messageId });
  const moment = (ms: number) => formatMoment(ms, i18n.locale);
  return (
    <>
      <header className="flex h-(--header-h) shrink-0 items-center gap-2 ps-5 pe-3">
        <h2 className="flex-1 text-17">{_('details.title')}</h2>
        <IconButton
          icon={X}
          label={_('ui.close')}
          onClick={() => void navigate(`/chats/${conversationId}`)}
        />
      </header>
      {view?.type === 'not_found' && (
        <Gone
          title={_('details.gone')}
          back={{ href: `#/chats/${conversationId}`, label: _('details.back') }}
        >
          {_('details.goneDetail')}
        </Gone>
      )}
      {view?.type === 'message_details' && (
        <div className="min-h-0 flex-1 overflow-y-auto px-5 pb-6">
          {view.item.body.type === 'text' && (
            <blockquote className="rounded-md bg-sunken px-3.5 py-2.5">
              <RichText text={view.item.body.text} />
            </blockquote>
          )}
          <dl className="mt-4 grid grid-cols-[auto_1fr] gap-x-4 gap-y-3">
            {view.item.state && <Fact name={_('details.state')} value={tickWord(view.item.state.type)} />}
            <Fact name={_('details.written')} value={moment(view.written_at_ms)} />
            {view.accepted_at_ms !== null && (
              <Fact name={_('details.accepted')} value={moment(view.accepted_at_ms)} />
            )}
            {view.delivered_at_ms !== null && (
              <Fact name={_('details.delivered')} value={moment(view.delivered_at_ms)} />
            )}
            {view.read_at_ms !== null && <Fact name={_('details.read')} value={moment(view.read_at_ms)} />}
            {view.expires_at_ms !== null && view.delivered_at_ms === null && (
              <Fact name={_('details.expires')} value={moment(view.expires_at_ms)} />
            )}
            <Fact name={_('details.devices')} value={_('details.deviceCount', { count: view.devices })} />
          </dl>
          {view.edits.length > 0 && (
            <section className="mt-6">
              <h3 className="mb-2 text-15">{_('details.edits')}</h3>
              <ol className="flex flex-col gap-3">
                {view.edits.map((edit) => (
                  <li key={edit.at_ms}>
                    <time className="text-12 text-text-3">{moment(edit.at_ms)}</time>
                    <p className="wrap-anywhere whitespace-pre-wrap">{edit.text}</p>
                  </li>
                ))}
              </ol>
            </section>
          )}
        </div>
      )}
    </>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <>
      <dt className="text-text-2">{name}</dt>
      <dd className="text-end">{value}</dd>
    </>
  );
}
