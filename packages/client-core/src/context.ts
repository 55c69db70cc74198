/** What the parts of the messenger share. */
import type { OwnDevice as CipherDevice } from '@kuvert/crypto/session';
import {
  type GroupId,
  type Id,
  type IdType,
  makeId,
  makeSubmitId,
  type PersonId,
  type SubmitId,
} from '@kuvert/protocol';
import type { ChangeBoard } from './conversations/changes.ts';
import type { EntryRow } from './conversations/store.ts';
import type { ReplayEvidence } from './inbox-store.ts';
import type { OperationQueue } from './operation-queue.ts';
import type { OwnDevice } from './own-device.ts';
import type { Clock, Random } from './ports.ts';
import type { ProgressBoard } from './progress.ts';
import type { ServerTime } from './server-time.ts';
import { StagedSessions } from './staged-sessions.ts';
import type { Store } from './store.ts';
import type { PolicyPort } from './ticks/policy.ts';

/** The messenger's surroundings, made once. */
export interface Context {
  readonly own: OwnDevice;
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  /** What the organisation has decided. */
  readonly policy: PolicyPort;
  /** Everything that touches ratchets or decides from what is stored and then writes. */
  readonly operations: OperationQueue;
  /** Where changes in conversations are told. */
  readonly changes: ChangeBoard;
  /** Where it is told how far longer work is. */
  readonly progress: ProgressBoard;
  /** How far the server's clock is ahead of ours, as of its last welcome. */
  readonly serverOffset: ServerTime;
  /** Receipts wait to be told. */
  receiptsDue(): void;
  /** Devices of one's own wait to be told something. */
  ownStateDue(): void;
  /** A part of a history has left, or was asked for. */
  historyDue(): void;
  /** A member of a group needs the sender key of this device once more. */
  senderKeyWanted(groupId: GroupId, personId: PersonId): void;
  /** Something was missed here that another device of one's own may have. */
  historyMissed(): void;
  /** The time of a message that disappears has begun to run. */
  timersStarted(): void;
  /** Of this message nothing is kept any more: what belongs to it elsewhere can go too. */
  entryGone(row: EntryRow, as: 'deleted' | 'removed'): void;
  /** A replay was told of; for tests, which have to find out why. */
  readonly onReplay?: (evidence: ReplayEvidence) => void;
  /** Something may have come to rest, or may have to be done. */
  changed(): void;
  /** The store cannot go on (full disk): the connection is ended, nothing is lost. */
  failed(cause: unknown): void;
}

/** Ratchet state for a batch that is committed as one. */
export function stageSessions({ own, store }: Context): StagedSessions {
  const { tenantId, deviceId, identityPrivateKey, registrationId } = own;
  const device: CipherDevice = { tenantId, deviceId, identityPrivateKey, registrationId };
  return new StagedSessions(device, store.sessions, store.groups);
}

/** A fresh id. */
export function newId<T extends IdType>({ random }: Context, type: T): Id<T> {
  return makeId(type, random(16));
}

/** A time between none and `maxMs`, at random, in whole milliseconds: what is done after it tells nobody what it was done for. */
export function randomMs({ random }: Pick<Context, 'random'>, maxMs: number): number {
  const [high = 0, low = 0] = random(2);
  return Math.floor(((high * 256 + low) / 65_536) * maxMs);
}

/** A fresh submit id of this moment by the server's clock, because the server forgets old ones by it. */
export function newSubmitId({ random, clock, serverOffset }: Context): SubmitId {
  return makeSubmitId(Math.max(0, clock.now() + serverOffset.ms), random(10));
}
