/**
 * What is stored of devices. Two small collections are **gates**: rows that a submit requires to exist in its own commit, so
 * that a revocation or a new device list that commits in between makes the submit fail instead of slipping through:
 * `active-devices` has a row for each device that may act, `device-sets` one row for each person under the current version of
 * that person's devices.
 */
import {
  bytesSchema,
  type DeviceId,
  ID_BYTES,
  idFromBytes,
  idSchema,
  idToBytes,
  KeyChange,
  Signed,
  timeMs,
  uint32,
} from '@kuvert/protocol';
import { z } from 'zod';
import { counterCodec } from '../../limits/counter-codec.ts';
import { binaryCollection, collection, idPart, integerPart } from '../../store/index.ts';

/** Enrolment tokens, used ones included: they go on answering the repeated request of the device that used them. */
export const enrolmentTokens = collection('enrolment-tokens', {
  document: z.object({
    tokenId: idSchema('enrolmentToken'),
    personId: idSchema('person'),
    /** SHA-256 of the secret under its label. */
    secretHash: bytesSchema(32),
    createdAt: timeMs,
    /** From then on it enrols nobody. */
    expiresAt: timeMs,
    /** Who used it up: the hash of the device list that came with it. */
    usedForList: bytesSchema(32).nullable(),
    /** `reset`: its device begins a new account in the place of the old one. */
    purpose: z.enum(['enrol', 'reset']).optional(),
    /** From then on the row may be removed. */
    forgetAt: timeMs,
  }),
  key: ['tokenId'],
  retention: 'forgetAt',
});

/** Wrong secrets that were shown for a token, by token and window (`attempts.ts`). */
export const tokenAttempts = binaryCollection('token-attempts', {
  key: [idPart('enrolmentToken'), integerPart()],
  codec: counterCodec,
  expires: true,
});

/** A person's certificate and device list, as they were signed. */
export const accounts = collection('accounts', {
  document: z.object({
    personId: idSchema('person'),
    account: Signed,
    deviceList: Signed,
    /** `listHash` of the list. */
    listHash: bytesSchema(32),
    listVersion: uint32,
    /** Earlier versions of the list, oldest first, with when each was replaced. */
    formerLists: z.array(z.object({ list: Signed, until: timeMs })).optional(),
    /** How the account key came to follow others, the last changes. */
    changes: z.array(KeyChange).optional(),
  }),
  key: ['personId'],
});

/** Devices, also revoked ones, so that they never come back under the same id. */
export const devices = collection('devices', {
  document: z.object({
    deviceId: idSchema('device'),
    personId: idSchema('person'),
    noiseStatic: bytesSchema(32),
    identityKey: bytesSchema(33),
    state: z.enum(['active', 'revoked']),
    enrolledAt: timeMs,
    revokedAt: timeMs.nullable(),
    /** `pending`: revoked, and what lay in its mailbox may not be gone yet. */
    cleanup: z.literal('pending').nullable(),
  }),
  key: ['deviceId'],
  indexes: { byCleanup: ['cleanup'] },
});

/** For the operator: in which tenants there is a device with this id. Devices choose their ids, so there may be several. */
export const deviceTenants = collection('device-tenants', {
  scope: 'operator',
  document: z.object({ deviceId: idSchema('device'), tenantId: idSchema('tenant') }),
  key: ['deviceId', 'tenantId'],
});

/** What devices that are being linked will fetch, sealed to them. */
export const linkAnswers = collection('link-answers', {
  document: z.object({
    /** As hex. */
    linkId: z.string().length(32),
    answer: bytesSchema({ min: 1, max: 32_768 }),
    /** From then on nobody is given it. */
    expiresAt: timeMs,
  }),
  key: ['linkId'],
  retention: 'expiresAt',
});

/** For a device that does not know its tenant yet: in which one its answer lies. */
export const linkTenants = collection('link-tenants', {
  scope: 'operator',
  document: z.object({ linkId: z.string().length(32), tenantId: idSchema('tenant'), expiresAt: timeMs }),
  key: ['linkId'],
  retention: 'expiresAt',
});

/** The last state counter with which a device connected (`state-counter.ts`). */
export const deviceStates = binaryCollection('device-states', {
  key: [idPart('device')],
  codec: {
    encode(counter: number): Uint8Array {
      const bytes = new Uint8Array(8);
      new DataView(bytes.buffer).setFloat64(0, counter);
      return bytes;
    },
    decode: (bytes): number => new DataView(bytes.buffer, bytes.byteOffset).getFloat64(0),
  },
});

/** Gate: the device may act. The value is empty. */
export const activeDevices = binaryCollection('active-devices', {
  key: [idPart('device')],
  gate: true,
});

/** What {@link deviceSets} says of a person. */
export interface DeviceSetRow {
  /** Hash of the signed list that a sender must have used. */
  readonly listHash: Uint8Array;
  /** Devices of that list that are not revoked. */
  readonly devices: readonly DeviceId[];
}

const SET_VERSION = 1;

/** Gate: the person's devices in their current version; the version counts up with every change. */
export const deviceSets = binaryCollection('device-sets', {
  key: [idPart('person'), integerPart()],
  gate: true,
  codec: {
    encode: (row: DeviceSetRow) => {
      const bytes = new Uint8Array(33 + row.devices.length * ID_BYTES);
      bytes[0] = SET_VERSION;
      bytes.set(row.listHash, 1);
      row.devices.forEach((device, i) => {
        bytes.set(idToBytes(device), 33 + i * ID_BYTES);
      });
      return bytes;
    },
    decode: (bytes): DeviceSetRow => {
      if (bytes[0] !== SET_VERSION) throw new Error('a device set of an unknown version');
      const devices: DeviceId[] = [];
      for (let at = 33; at < bytes.length; at += ID_BYTES) {
        devices.push(idFromBytes('device', bytes.subarray(at, at + ID_BYTES)));
      }
      return { listHash: bytes.slice(1, 33), devices };
    },
  },
});
