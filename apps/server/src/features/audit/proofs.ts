/** What a log says about itself: checkpoints, promises and proofs, signed. */
import {
  headAt,
  proveConsistency,
  proveInclusion,
  rootOf,
  signCheckpoint,
  signLogPromise,
  type TreeHead,
} from '@kuvert/crypto/transparency';
import { KuvertError } from '@kuvert/protocol';
import type { Recorded } from '../../acting.ts';
import type { Store } from '../../store/index.ts';
import { forwards } from './collections.ts';
import type { LogKey } from './log-keys.ts';
import { originOf, placeOfLog } from './logs.ts';
import type { LogName } from './records.ts';
import { SEQUENCING, type Sequencer } from './sequencer.ts';

/** @see the head of this file */
export class AuditProofs {
  readonly #store: Store;
  readonly #key: LogKey;
  readonly #sequencer: Pick<Sequencer, 'sequence'>;

  constructor(deps: {
    readonly store: Store;
    readonly key: LogKey;
    readonly sequencer: Pick<Sequencer, 'sequence'>;
  }) {
    this.#store = deps.store;
    this.#key = deps.key;
    this.#sequencer = deps.sequencer;
  }

  /** For tests in which the server itself lies. */
  protected signer() {
    return this.#key.key;
  }

  get publicKey(): Uint8Array<ArrayBuffer> {
    return this.#key.key.publicKey;
  }

  origin(log: LogName): string {
    return originOf(log, this.#key.installation);
  }

  /** A checkpoint that has everything that was recorded before the call. */
  async checkpoint(log: LogName): Promise<{ size: number; note: string }> {
    const head = await this.#sequencer.sequence(log);
    return { size: head.size, note: this.#sign(log, head) };
  }

  /** The checkpoint of an earlier size. @throws KuvertError `not_found` for one that was not reached yet */
  async checkpointAt(log: LogName, size: number): Promise<string> {
    await this.#mustReach(log, size);
    return this.#sign(log, await headAt(size, this.#readOf(log)));
  }

  /** @throws KuvertError `not_found` */
  async inclusion(log: LogName, index: number, size: number): Promise<Uint8Array[]> {
    await this.#mustReach(log, size);
    if (index >= size) throw new KuvertError('not_found');
    return proveInclusion(index, size, this.#readOf(log));
  }

  /** @throws KuvertError `not_found` */
  async consistency(log: LogName, size1: number, size2: number): Promise<Uint8Array[]> {
    await this.#mustReach(log, size2);
    if (size1 < 1 || size1 > size2) throw new KuvertError('not_found');
    return proveConsistency(size1, size2, this.#readOf(log));
  }

  /** The hash of a leaf, also of one whose entry is gone. @throws KuvertError `not_found` */
  leaf(log: LogName, index: number): Promise<Uint8Array> {
    return Promise.resolve(this.#readOf(log)(0, index));
  }

  /**
   * What an answer says of what was recorded for it: that it will be in the log. As text: id of the entry, promise and signature in base64url, with dots between.
   * @returns undefined when nothing was recorded
   */
  async promiseFor(recorded: readonly Recorded[]): Promise<string | undefined> {
    for (const { log, entryId, leaf, atMs } of recorded.toReversed()) {
      // What a transaction recorded that had to run again is not there.
      if (!(await this.#isCommitted(log, entryId))) continue;
      const promise = {
        origin: this.origin(log),
        leaf,
        madeAtMs: atMs,
        inTreeByMs: atMs + SEQUENCING.promisedMs,
      };
      const { bytes, signature } = signLogPromise(promise, this.#key.key);
      const [body, signed] = [bytes, signature].map((part) => Buffer.from(part).toString('base64url'));
      return `${entryId}.${body}.${signed}`;
    }
    return undefined;
  }

  async #isCommitted(log: LogName, entryId: Recorded['entryId']): Promise<boolean> {
    const { scope, tables } = placeOfLog(this.#store, log);
    if ((await scope.find(tables.entries, entryId)) !== undefined) return true;
    return log !== 'operator' && (await this.#store.operator().find(forwards, log, entryId)) !== undefined;
  }

  #sign(log: LogName, head: TreeHead): string {
    const origin = this.origin(log);
    return signCheckpoint(
      { origin, size: head.size, root: rootOf(head) },
      { name: origin, key: this.#key.key },
    );
  }

  #readOf(log: LogName): (level: number, index: number) => Promise<Uint8Array> {
    const { scope, tables } = placeOfLog(this.#store, log);
    return async (level, index) => (await scope.get(tables.nodes, level, index)).value;
  }

  async #mustReach(log: LogName, size: number): Promise<void> {
    const { scope, tables } = placeOfLog(this.#store, log);
    const row = await scope.find(tables.heads, 0);
    if (size < 1 || size > (row?.value.size ?? 0)) throw new KuvertError('not_found');
  }
}
