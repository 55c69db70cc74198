/**
 * The rows of a submit through the product's own store, and nothing else of the product: a record of the submit, two gates that must be
 * there, a mailbox row; deletes of what was acknowledged, in lists. The one user of the server's store outside the
 * server, where a store is opened nowhere else.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { makeId, putU32, putU48 } from '@kuvert/protocol';
import {
  binaryCollection,
  bytesPart,
  type CommitOp,
  openStore,
  type TenantScope,
} from '@kuvert/server/store';

const LIFETIME_MS = 30 * 86_400_000;
const DELETES_MAX = 512;
const RECORD_BYTES = 41;

const records = binaryCollection('submit-records', { key: [bytesPart(6), bytesPart(12)], clustered: true });
const recipients = binaryCollection('recipient-gates', { key: [bytesPart(17)], gate: true });
const senders = binaryCollection('sender-gates', { key: [bytesPart(17)], gate: true });
const mailboxRows = binaryCollection('mailbox-rows', {
  key: [bytesPart(17), bytesPart(16)],
  expires: true,
});

/** Rows of one tenant. */
export interface DurableRows {
  /** Commits a row for a device and resolves with its key when it is durable. */
  add(sender: Uint8Array, device: Uint8Array, row: Uint8Array): Promise<Uint8Array>;
  /** Removes rows some time soon. */
  remove(storedKeys: readonly Uint8Array[]): void;
  close(): Promise<void>;
}

/** Opens a store in a folder that is there and empty. */
export async function openDurableRows(folder: string): Promise<DurableRows> {
  const store = await openStore({
    folder,
    keys: memoryKeys(),
    collections: [records, recipients, senders, mailboxRows],
    onFailure: (error) => {
      throw error;
    },
  });
  const tenantId = makeId('tenant', randomBytes(16));
  await store.operator().createTenantSpace(tenantId);
  const scope = store.tenant(tenantId);
  const { ops } = store;
  const gates = gateKeeper(scope, (gate, device) => ops.put(gate, [device], new Uint8Array(0)));
  const leaving: Uint8Array[] = [];
  let removing: Promise<void> | undefined;
  let count = 0;

  async function removeAll(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    while (leaving.length > 0) {
      await scope.commit(leaving.splice(0, DELETES_MAX).map((key) => ops.delete(mailboxRows, key)));
    }
    removing = undefined;
  }

  return {
    async add(sender, device, row) {
      await gates.ensure(senders, sender);
      await gates.ensure(recipients, device);
      const nowMs = Date.now();
      const rowId = orderedBytes(16, nowMs, ++count);
      const storedKey = Buffer.concat([device, rowId]);
      const time = rowId.subarray(0, 6);
      const outcome = await scope.commit([
        ops.insert(records, [time, randomBytes(12)], new Uint8Array(RECORD_BYTES)),
        ops.mustExist(recipients, [device]),
        ops.mustExist(senders, [sender]),
        ops.put(mailboxRows, storedKey, row, nowMs + LIFETIME_MS),
      ]);
      if (!outcome.committed) throw new Error('a commit of the store layer was refused');
      return storedKey;
    },
    remove(storedKeys) {
      leaving.push(...storedKeys);
      removing ??= removeAll();
    },
    async close() {
      await removing;
      await store.close();
    },
  };
}

type Gate = typeof senders | typeof recipients;

/** Makes gates before their first use; afterwards nothing waits. */
function gateKeeper(scope: TenantScope, put: (gate: Gate, device: Uint8Array) => CommitOp) {
  const there = new Set<string>();
  return {
    ensure(gate: Gate, device: Uint8Array): Promise<unknown> | undefined {
      const name = gate.name + Buffer.from(device).toString('latin1');
      if (there.has(name)) return undefined;
      there.add(name);
      return scope.commit([put(gate, Uint8Array.from(device))]);
    },
  };
}

function orderedBytes(length: number, nowMs: number, count: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  putU48(bytes, 0, nowMs);
  putU32(bytes, 6, count);
  return bytes;
}

/** A wrapping key that lives as long as the process, like the store that it is for. */
export function memoryKeys(): Parameters<typeof openStore>[0]['keys'] {
  const key = randomBytes(32);
  const keyId = 'bench';
  return {
    currentKeyId: () => keyId,
    keyIds: () => [keyId],
    refresh: async () => undefined,
    async wrap(plain, context) {
      const nonce = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(context);
      const sealed = Buffer.concat([cipher.update(plain), cipher.final()]);
      return { keyId, wrapped: Uint8Array.from(Buffer.concat([nonce, cipher.getAuthTag(), sealed])) };
    },
    async unwrap({ wrapped }, context) {
      const decipher = createDecipheriv('aes-256-gcm', key, wrapped.subarray(0, 12));
      decipher.setAAD(context).setAuthTag(wrapped.subarray(12, 28));
      return Uint8Array.from(Buffer.concat([decipher.update(wrapped.subarray(28)), decipher.final()]));
    },
    addVersion: async () => keyId,
    retire: async () => undefined,
  };
}
