/** What somebody wants to send, checked before anything is written down. */
import { KuvertError, mailAddress, TEXT_LIMITS, utf8 } from '@kuvert/protocol';
import type { OwnDevice } from './own-device.ts';

/** A text and whom it is for. */
export interface TextToSend {
  readonly to: string;
  readonly text: string;
}

/**
 * The same with the address as it is compared.
 * @throws KuvertError `bad_request`, `recipient_self`, `text_not_utf8`, `text_too_long`
 */
export function checkTextToSend(own: Pick<OwnDevice, 'mail'>, { to, text }: TextToSend): TextToSend {
  const mail = mailAddress.safeParse(to);
  if (!mail.success) throw new KuvertError('bad_request', { details: { field: 'to' } });
  if (mail.data === own.mail) throw new KuvertError('recipient_self');
  if (!text.isWellFormed()) throw new KuvertError('text_not_utf8');
  if (text.length > TEXT_LIMITS.codePointsMax) {
    let codePoints = 0;
    for (const _ of text) codePoints++;
    if (codePoints > TEXT_LIMITS.codePointsMax || utf8(text).length > TEXT_LIMITS.bytesMax) {
      throw new KuvertError('text_too_long');
    }
  }
  return { to: mail.data, text };
}
