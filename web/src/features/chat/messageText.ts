import { useLingui } from '@lingui/react';
import type { ItemBody } from '../../core/generated/ItemBody';
import type { SystemEvent } from '../../core/generated/SystemEvent';
import { isolated } from '../../ui/bidi';

/** The words for everything in a conversation that is not a written text. */
export function useBodyText(title: string): (body: ItemBody, fromMe: boolean) => string {
  const { _ } = useLingui();
  const name = isolated(title);
  const systemText = useSystemText(name);
  return (body, fromMe) => {
    switch (body.type) {
      case 'text':
        return body.text;
      case 'deleted':
        return fromMe ? _('chat.youDeleted') : _('chat.theyDeleted', { name });
      case 'healing':
        return _('chat.healing', { name });
      case 'lost':
        return _('chat.lost');
      case 'unsupported':
        return _('chat.unsupported');
      case 'system':
        return systemText(body.event);
    }
  };
}

function useSystemText(name: string): (event: SystemEvent) => string {
  const { _ } = useLingui();
  return (event) => {
    switch (event) {
      case 'request_sent':
        return _('chat.sysRequestSent', { name });
      case 'request_accepted':
        return _('chat.sysRequestAccepted');
      case 'devices_changed':
        return _('chat.sysDevicesChanged', { name });
      case 'old_keys':
        return _('chat.sysOldKeys', { name });
      case 'new_identity':
        return _('chat.sysNewIdentity', { name });
      case 'new_identity_accepted':
        return _('chat.sysNewIdentityAccepted', { name });
      case 'verified':
        return _('chat.sysVerified', { name });
      case 'verification_removed':
        return _('chat.sysVerificationRemoved', { name });
      case 'frozen':
        return _('chat.sysFrozen', { name });
      case 'thawed':
        return _('chat.sysThawed', { name });
      case 'gap':
        return _('chat.sysGap');
      case 'blocked':
        return _('chat.sysBlocked', { name });
      case 'unblocked':
        return _('chat.sysUnblocked', { name });
    }
  };
}
