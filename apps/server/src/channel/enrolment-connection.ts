/** An open connection of somebody with a token: a few requests of access `enrolment`, nothing else (wire.md §3). */
import { KuvertError, RECORD_TYPES } from '@kuvert/protocol';
import { ChannelConnection, type ConnectionParts } from './channel-connection.ts';
import { answerRequest, readRequest } from './dispatch.ts';
import { LIMITS } from './limits.ts';

/** @see OpenConnection */
export class EnrolmentConnection extends ChannelConnection {
  readonly #address: string;
  #requests = 0;

  constructor(parts: ConnectionParts & { readonly address: string }) {
    super(parts);
    this.#address = parts.address;
  }

  protected override handle(record: Uint8Array): boolean {
    if (record[0] !== RECORD_TYPES.request) throw new KuvertError('bad_request');
    const request = readRequest(record);
    if (++this.#requests > LIMITS.enrolmentRequestsMax) {
      this.close('rate_limited');
      return false;
    }
    const from = { access: 'enrolment', caller: { address: this.#address } } as const;
    answerRequest(request, from, this.host).then((answer) => {
      this.outgoing.send(answer);
      this.finished(record);
    });
    return true;
  }
}
