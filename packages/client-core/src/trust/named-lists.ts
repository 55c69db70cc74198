/**
 * Sealed headers name the device lists that their sender held (wire.md §2), so two honest devices notice when a server has told them
 * different things: a ghost device that only one of them was shown, a new version that is withheld from one, two lists of one version.
 */
import type { FrameHeader, ListHead } from '@kuvert/crypto/session';
import { equalBytes, KuvertError, type PersonId } from '@kuvert/protocol';
import type { Context } from '../context.ts';
import type { Directory } from '../directory.ts';
import { ownListHead } from '../own-device.ts';
import type { Connection } from '../ports.ts';

/** Who has named a list. */
interface Namer {
  readonly device: NonNullable<FrameHeader['senderDevice']>;
  readonly personId: PersonId;
}

/** Compares what others name with what is pinned here. */
export class NamedLists {
  readonly #context: Context;
  /** Lists that are newer than those known here, the newest per person. */
  readonly #newer = new Map<PersonId, { readonly head: ListHead; readonly namer: Namer }>();

  constructor(context: Context) {
    this.#context = context;
  }

  /** Takes what a header names. Runs in the transaction of its batch. */
  compare({ lists }: FrameHeader, namer: Namer): void {
    const { store, own } = this.#context;
    this.#compareOne(namer.personId, lists.own, namer, store.directory.getPin(namer.personId));
    if (lists.peer !== undefined) {
      this.#compareOne(own.personId, lists.peer, namer, ownListHead(this.#context));
    }
  }

  #compareOne(
    personId: PersonId,
    head: ListHead,
    namer: Namer,
    pinned: { readonly version: number; readonly hash: Uint8Array } | undefined,
  ): void {
    if (pinned === undefined) return;
    if (head.version === pinned.version && !isSameHash(head.hash, pinned.hash)) this.#tell(namer);
    if (head.version <= pinned.version) return;
    const before = this.#newer.get(personId);
    if (before === undefined || head.version >= before.head.version)
      this.#newer.set(personId, { head, namer });
  }

  /** Fetches what is newer elsewhere. A server that does not have it, or has another, is noticed. @returns whether there was any */
  async fetchNewer(connection: Connection, directory: Directory): Promise<boolean> {
    const hadAny = this.#newer.size > 0;
    for (const [personId, { head, namer }] of [...this.#newer]) {
      this.#newer.delete(personId);
      try {
        const { pin } = await directory.refresh(connection, personId);
        const isSame = pin.version === head.version && isSameHash(head.hash, pin.hash);
        if (pin.version <= head.version && !isSame) this.#tell(namer);
      } catch (error) {
        // What does not verify has left a notice of its own.
        if (!(error instanceof KuvertError)) throw error;
      }
    }
    return hadAny;
  }

  #tell({ device: deviceId, personId }: Namer): void {
    const { store, clock } = this.#context;
    store.notices.add({ kind: 'list_mismatch', atMs: clock.now(), personId, deviceId });
  }
}

/** In a group's header only the beginning of a hash stands. */
function isSameHash(named: Uint8Array, known: Uint8Array): boolean {
  return equalBytes(named, known.subarray(0, named.length));
}
