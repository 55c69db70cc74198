/**
 * Making legs: content → frame with chain number → packed → one ratchet step and one sealed leg per listed device. Everything
 * of a batch (ratchets, frames, legs, chain, outbox rows) is committed in one transaction before the first byte is sent (wire.md §4).
 */
import {
  conversationIdFor,
  type FrameHeader,
  nextChainEntry,
  packFrame,
  SessionError,
} from '@kuvert/crypto/session';
import {
  type DeviceId,
  KuvertError,
  LIFETIME_MS,
  type ListedDevice,
  type PrekeyBundle,
} from '@kuvert/protocol';
import { frameInChain } from './chains/frame-in-chain.ts';
import { beginChain, tellStart } from './chains/own-chain.ts';
import { type Context, newSubmitId, stageSessions } from './context.ts';
import { legHash } from './leg-hash.ts';
import { ownListHead } from './own-device.ts';
import type { KnownAccount, OutboxRow, OwnChain, SealedRow } from './store.ts';

/** Rows that are sealed and committed at once. */
const BATCH_ROWS = 32;
/** Content bytes after which a batch ends early. */
const BATCH_BYTES = 2_000_000;

/** To whom something for a person is sealed: all devices that count, but this one. */
export function peersOf({ own }: Context, { list, inactive }: KnownAccount): ListedDevice[] {
  return list.devices.filter(({ device }) => device !== own.deviceId && !inactive.includes(device));
}

/** Devices of a person with which a new session must be started first. */
export function listDevicesWithoutSession(context: Context, account: KnownAccount): DeviceId[] {
  const { store, clock } = context;
  const { cipher } = stageSessions(context);
  return peersOf(context, account)
    .map((entry) => entry.device)
    .filter((device) => store.sessions.isMarkedForRenewal(device) || !cipher.hasSession(device, clock.now()));
}

/** Legs that were made, to be written down in a transaction, or to be forgotten. */
export interface StagedRows {
  /** @param seqOf under which number a row stands by now */
  commit(seqOf?: (seq: number) => number): void;
}

/**
 * Makes the legs of the next rows that wait for a person. Runs in the operation queue, and is worth something in the same operation only.
 * @param bundles for devices that need a new session; others may be in it and are not used
 * @returns undefined where nothing waits
 * @throws KuvertError `no_device`, `identity_not_trusted` (a bundle that the listed key has not signed)
 */
export async function stageNextRows(
  context: Context,
  account: KnownAccount,
  bundles: ReadonlyMap<DeviceId, PrekeyBundle>,
): Promise<StagedRows | undefined> {
  const { store, own } = context;
  const { personId } = account;
  const peers = peersOf(context, account);
  const rows = takeBatch(store.outbox.listToSeal(personId, BATCH_ROWS));
  if (rows.length === 0) return undefined;
  if (peers.length === 0 && personId === own.personId) {
    // Whoever has one device only has nobody to keep in step.
    return {
      commit() {
        for (const row of rows) store.outbox.discard(row.seq);
      },
    };
  }
  if (peers.length === 0) throw new KuvertError('no_device');
  const starting = new Map<DeviceId, PrekeyBundle>();
  for (const device of listDevicesWithoutSession(context, account)) {
    const bundle = bundles.get(device);
    if (bundle === undefined) throw new KuvertError('no_device');
    starting.set(device, bundle);
  }
  return stageRows(context, { account, peers, rows, starting });
}

/**
 * Makes the legs of one row for a person with whom nothing is to be begun. Runs in the operation queue, and is worth something in the next operation only.
 * @returns undefined where more is to be done
 */
export async function stageRow(
  context: Context,
  account: KnownAccount,
  row: OutboxRow,
): Promise<StagedRows | undefined> {
  const peers = peersOf(context, account);
  if (peers.length === 0 || listDevicesWithoutSession(context, account).length > 0) return undefined;
  return stageRows(context, { account, peers, rows: [row], starting: new Map() });
}

/** @param parts.starting of devices with which a session begins */
async function stageRows(
  context: Context,
  parts: {
    readonly account: KnownAccount;
    readonly peers: readonly ListedDevice[];
    readonly rows: readonly OutboxRow[];
    readonly starting: Map<DeviceId, PrekeyBundle>;
  },
): Promise<StagedRows> {
  const { store, clock, own, random } = context;
  const { account, peers, rows, starting } = parts;
  const { personId } = account;
  const renewed = [...starting.keys()];
  const staged = stageSessions(context);
  const conversation = conversationIdFor(own.tenantId, own.personId, personId);
  let chain = store.chains.getOwn(conversation) ?? beginChain(context, personId);
  const before = chain.head;
  const sealed: SealedRow[] = [];
  for (const row of rows) {
    const next = frameInChain(context, row, chain, (numbered) =>
      headerOf(context, { row, account, conversation, chain: numbered }),
    );
    chain = next.chain;
    const { frame, link } = next;
    const packed = packFrame(frame, random(32));
    const legs: SealedRow['legs'][number][] = [];
    for (const peer of peers) {
      const bundle = starting.get(peer.device);
      const { plaintext } = packed;
      const step = { peer, plaintext, class: row.class, nowMs: clock.now(), bundle };
      const { leg, writes } = await staged.cipher.encrypt(step).catch((cause: unknown) => {
        throw cause instanceof SessionError ? new KuvertError('identity_not_trusted', { cause }) : cause;
      });
      staged.absorb(writes);
      starting.delete(peer.device);
      legs.push({ device: peer.device, bytes: leg, hash: legHash(leg) });
    }
    const submitId = newSubmitId(context);
    const listHash = Uint8Array.from(account.pin.hash);
    sealed.push({ seq: row.seq, frame, chain: link, submitId, listHash, body: packed.body, legs });
  }
  return {
    commit(seqOf = (seq) => seq) {
      store.sessions.apply(staged.writes());
      for (const device of renewed) store.sessions.clearRenewal(device);
      if (renewed.length > 0) store.directory.deleteTake(personId);
      for (const row of sealed) store.outbox.putSealed({ ...row, seq: seqOf(row.seq) });
      if (chain.head.seq === 0) return;
      const devices = peers.map((peer) => peer.device);
      tellStart(context, chain, before, devices);
      // What was told of the chain meanwhile stays told.
      store.chains.putOwn({ ...(store.chains.getOwn(conversation) ?? chain), head: chain.head, devices });
    },
  };
}

function takeBatch(rows: readonly OutboxRow[]): readonly OutboxRow[] {
  let size = 0;
  const end = rows.findIndex((row) => {
    size += row.content.length;
    return size > BATCH_BYTES;
  });
  return end === -1 ? rows : rows.slice(0, Math.max(1, end));
}

/** What stands in front of content; without a chain it takes no number. */
export function headerOf(
  context: Context,
  parts: {
    row: Pick<OutboxRow, 'contentId' | 'kind' | 'sentAtMs'>;
    account: KnownAccount;
    conversation: FrameHeader['conversation'];
    chain: OwnChain | undefined;
  },
): FrameHeader {
  const { own } = context;
  const { row, account, conversation, chain } = parts;
  const peer = { version: account.pin.version, hash: Uint8Array.from(account.pin.hash) };
  return {
    v: 1,
    tenant: own.tenantId,
    conversation,
    senderPerson: own.personId,
    senderDevice: own.deviceId,
    contentId: row.contentId,
    kind: row.kind,
    sentAtMs: row.sentAtMs,
    lifetimeMs: LIFETIME_MS[1],
    lists: { own: ownListHead(context), peer },
    ...(chain && { chain: nextChainEntry(chain.head) }),
  };
}
