/**
 * A message whose file is nearly at the server, sealed while the server still works on it: it is computed ahead and kept in memory, and written down
 * only with the server's word, in the transaction that lets the message go. Until then it has no number in its chain that another message would have to wait for. Whatever
 * runs in the operation queue in between makes it worthless, because ratchets and chains may have moved: then it is sealed as any other message is.
 */
import { type ContentId, equalBytes, type PersonId } from '@kuvert/protocol';
import { isGroupLane } from './chains/own-chain.ts';
import type { Context } from './context.ts';
import { type StagedRows, stageRow } from './sealing.ts';
import { awaitsConfirmation } from './trust/confirmation.ts';

interface Ahead {
  readonly turn: number;
  readonly lane: PersonId;
  readonly listHash: Uint8Array;
  readonly rows: StagedRows;
}

/** @see the top of this file */
export class MessagesAhead {
  readonly #context: Context;
  readonly #isOpen: (lane: PersonId) => boolean;
  readonly #ready = new Map<ContentId, Ahead>();

  /** @param isOpen nothing stands before messages to this person */
  constructor(context: Context, isOpen: (lane: PersonId) => boolean) {
    this.#context = context;
    this.#isOpen = isOpen;
  }

  /** Seals a message that is held, if that can be done now. */
  async prepare(contentId: ContentId): Promise<void> {
    const { operations, store } = this.#context;
    await operations.run(async () => {
      const row = store.outbox.findByContentId(contentId);
      if (row?.work !== 'hold' || row.frame !== undefined || row.toGroup !== undefined) return;
      const account = row.toPerson && store.directory.getAccount(row.toPerson);
      if (!account || isGroupLane(account.personId) || awaitsConfirmation(this.#context, account)) return;
      if (!this.#isFree(account.personId)) return;
      const rows = await stageRow(this.#context, account, row);
      if (rows === undefined) return;
      const { turn } = operations;
      this.#ready.set(contentId, { turn, lane: account.personId, listHash: account.pin.hash, rows });
    });
  }

  /** To be asked in an operation: true when what was prepared can go as it is. Otherwise it is forgotten. */
  isReady(contentId: ContentId): boolean {
    const { operations, store } = this.#context;
    const ahead = this.#ready.get(contentId);
    const hash = ahead && store.directory.getAccount(ahead.lane)?.pin.hash;
    const isReady =
      hash !== undefined && ahead?.turn === operations.turn - 1 && equalBytes(hash, ahead.listHash);
    if (isReady && this.#isFree(ahead.lane)) return true;
    this.forget(contentId);
    return false;
  }

  /** Writes down what {@link MessagesAhead.isReady} has found to be ready, of a message that was released. Has to run in a transaction. */
  commit(contentId: ContentId): void {
    const row = this.#context.store.outbox.findByContentId(contentId);
    const ahead = this.#ready.get(contentId);
    if (row !== undefined) ahead?.rows.commit(() => row.seq);
  }

  forget(contentId: ContentId): void {
    this.#ready.delete(contentId);
  }

  /** What waits to be sealed for somebody goes first. */
  #isFree(lane: PersonId): boolean {
    return this.#isOpen(lane) && this.#context.store.outbox.listToSeal(lane, 1).length === 0;
  }
}
