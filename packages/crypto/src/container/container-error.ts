import { KuvertError } from '@kuvert/protocol';

/** Why a container does not open. The sentences for people are in the catalogue. */
export type ContainerErrorCode = 'container_wrong_passphrase' | 'container_damaged' | 'container_too_new';

/** A container header that does not open, or not with this passphrase. */
export class ContainerError extends KuvertError {
  declare readonly code: ContainerErrorCode;

  /** @param explanation a fixed sentence for developers, without secrets */
  constructor(code: ContainerErrorCode, explanation: string, options: { cause?: unknown } = {}) {
    super(code, options);
    this.message = explanation;
  }
}
