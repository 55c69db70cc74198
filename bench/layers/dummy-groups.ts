/** Groups as far as a layer below the product needs them: who is in one, noted without looking at signatures or keys. */
import { decodeCbor, GroupEntry, groupsChange, ID_BYTES, idToBytes } from '@kuvert/protocol';
import { SUBMIT_AT } from '../wire/layout.ts';

/** What a device asks. */
export interface GroupRequest {
  readonly id: number;
  readonly method: string;
  readonly params: unknown;
}

/** @see the top of this file */
export class DummyGroups {
  readonly #devices = new Map<string, Uint8Array[]>();

  /** @throws Error for a method that no group needs here */
  answer({ method, params }: GroupRequest) {
    if (method === 'groups.devices') return { epoch: 1, set: new Uint8Array(32), members: [] };
    if (method !== 'groups.change') throw new Error(`a layer does not know ${method}`);
    const { entry, keys } = groupsChange.params.parse(params);
    const { group, seq } = GroupEntry.parse(decodeCbor(entry.bytes));
    const name = nameOf(idToBytes(group));
    // Everybody who joins brings a key, so the keys say which devices there are.
    const devices = keys.map(({ device }) => idToBytes(device));
    this.#devices.set(name, [...(this.#devices.get(name) ?? []), ...devices]);
    return { epoch: seq };
  }

  /** The devices that a submit is for; undefined when it is not for a group. */
  devicesOf(submit: Uint8Array): readonly Uint8Array[] | undefined {
    if (this.#devices.size === 0) return undefined;
    return this.#devices.get(nameOf(submit.subarray(SUBMIT_AT.to, SUBMIT_AT.to + ID_BYTES)));
  }
}

function nameOf(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, id.length).toString('latin1');
}
