/** Who has the addresses that were written to: rows of the outbox wait until the server has named the person. */
import { KuvertError } from '@kuvert/protocol';
import type { Context } from './context.ts';
import { conversationWith } from './conversations/known.ts';
import { tellOutgoing } from './conversations/outgoing.ts';
import type { Directory } from './directory.ts';
import { LaneBlocks, pauseAfter } from './lane-blocks.ts';
import type { Connection } from './ports.ts';

/** Addresses that are looked up in one go. */
const ADDRESSES_AT_ONCE = 1_000;

/** @see the top of this file */
export class Addressees {
  readonly #context: Context;
  readonly #directory: Directory;
  readonly #blocks: LaneBlocks<string>;

  /** @param onEnd a pause is over: they can be looked up again */
  constructor(context: Context, directory: Directory, onEnd: () => void) {
    this.#context = context;
    this.#directory = directory;
    this.#blocks = new LaneBlocks(context.clock, onEnd);
  }

  /** True while one that could not be looked up is tried again soon. */
  isWaiting(): boolean {
    return this.#blocks.hasShort();
  }

  /** Whatever waits can be tried at once. */
  clear(): void {
    this.#blocks.clear();
  }

  /**
   * Looks up all that are not known yet. One that nobody has leaves a notice.
   * @param isCurrent false when the connection is no longer the one to use
   */
  async resolve(connection: Connection, isCurrent: () => boolean): Promise<void> {
    const { store, clock } = this.#context;
    for (const mail of store.outbox.listUnresolvedMails(ADDRESSES_AT_ONCE)) {
      if (this.#blocks.has(mail) || !isCurrent()) continue;
      try {
        const person = await this.#directory.findByMail(connection, mail);
        store.transaction(() => {
          store.outbox.resolveMail(mail, person.personId);
          this.#context.changes.entriesOf(conversationWith(this.#context, person.personId, mail));
        });
      } catch (error) {
        if (!(error instanceof KuvertError)) throw error;
        if (!isCurrent()) return;
        if (error.code === 'recipient_unknown') {
          store.notices.add({ kind: 'recipient_unknown', atMs: clock.now(), code: error.code });
          store.outbox.setMailProblem(mail, error.code);
          tellOutgoing(this.#context, mail);
        }
        this.#blocks.block(mail, pauseAfter(error));
      }
    }
  }
}
