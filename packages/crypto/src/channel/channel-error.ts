import { type ErrorCode, KuvertError } from '@kuvert/protocol';

/** Why a device channel was refused or ended: for logs and tests. It tells nothing about keys or content. */
export type ChannelFailure =
  | 'malformed'
  | 'not_authentic'
  | 'weak_key'
  | 'too_long'
  | 'out_of_turn'
  | 'exhausted'
  | 'closed'
  | 'rejected';

/**
 * The device channel cannot go on (code `channel_broken`). Whoever catches it closes the connection: the
 * object that threw refuses every later call, because after a frame that does not fit there is no telling
 * what else was changed (wire.md §3).
 */
export class ChannelError extends KuvertError {
  readonly failure: ChannelFailure;

  /** @param explanation a fixed sentence for developers, without content */
  constructor(
    failure: ChannelFailure,
    explanation: string,
    options: { cause?: unknown; code?: ErrorCode } = {},
  ) {
    super(options.code ?? 'channel_broken', { cause: options.cause, details: { failure } });
    this.message = explanation;
    this.failure = failure;
  }
}
