/** What is stored of those who administer: all in the control file, sealed under the installation's key. */
import { bytesSchema, deviceName, displayName, idSchema, mailAddress, timeMs } from '@kuvert/protocol';
import {
  AllowedNetworks,
  BROWSER_REQUEST_KINDS,
  GrantScope,
  PASSWORD_DUE,
  PERMISSIONS,
  type Permission,
  RECOVERY_CODES,
  ROLES,
} from '@kuvert/protocol/admin';
import { z } from 'zod';
import { binaryCollection, bytesPart, collection } from '../../store/index.ts';

const Grant = z.object({ role: z.enum(ROLES), scope: GrantScope });

/** Somebody who administers. One mail address is one account, whatever they administer. */
export const administrators = collection('administrators', {
  scope: 'operator',
  document: z.object({
    administratorId: idSchema('administrator'),
    name: displayName,
    mail: mailAddress,
    /** PHC string of Argon2id. */
    passwordHash: z.string(),
    passwordSetAt: timeMs,
    /** Base32, RFC 6238. */
    totpSecret: z.string(),
    /** The last time step that was accepted: neither it nor an earlier one is accepted again. */
    totpStep: z.int(),
    /** SHA-256 of the recovery codes that are left. */
    recoveryHashes: z.array(bytesSchema(32)).max(RECOVERY_CODES),
    grants: z.array(Grant).max(100),
    createdAt: timeMs,
  }),
  key: ['administratorId'],
  sealed: ['name', 'mail', 'passwordHash', 'totpSecret', 'recoveryHashes'],
  blind: { byMail: { field: 'mail', unique: true } },
});

/**
 * Who holds a role where, for lists and for the last one who must stay. `administrators.grants` is what counts; both are written in one commit. The place is
 * the id of a tenant, or `installation`.
 */
export const administratorPlaces = collection('administrator-places', {
  scope: 'operator',
  document: z.object({ place: z.string().max(40), administratorId: idSchema('administrator') }),
  key: ['place', 'administratorId'],
});

/** Passkeys of administrators (`passkeys.ts`). */
export const passkeys = collection('admin-passkeys', {
  scope: 'operator',
  document: z.object({
    passkeyId: idSchema('passkey'),
    administratorId: idSchema('administrator'),
    name: deviceName,
    /** As the authenticator made it, base64url. */
    credentialId: z.string().max(2_048),
    /** COSE. */
    publicKey: bytesSchema({ min: 1, max: 4_096 }),
    /** How often the authenticator says that it was used; many always say 0. */
    counter: z.int(),
    isSynced: z.boolean(),
    createdAt: timeMs,
    lastUsedAt: timeMs.nullable(),
  }),
  key: ['passkeyId'],
  indexes: {
    byCredential: { on: ['credentialId'], unique: true },
    byAdministrator: ['administratorId', 'createdAt'],
  },
  sealed: ['name'],
});

/** Challenges that were given out and not answered yet, by their hash. */
export const passkeyChallenges = collection('passkey-challenges', {
  scope: 'operator',
  document: z.object({
    hash: bytesSchema(32),
    /** Whose they are; null for a sign-in. */
    administratorId: idSchema('administrator').nullable(),
    expiresAt: timeMs,
  }),
  key: ['hash'],
  retention: 'expiresAt',
});

/** What terminals have asked browsers for (`browser-requests.ts`), by the hash of their codes. */
export const browserRequests = collection('admin-browser-requests', {
  scope: 'operator',
  document: z.object({
    codeHash: bytesSchema(32),
    kind: z.enum(BROWSER_REQUEST_KINDS),
    /** Whose and from which session it is; null for a sign-in. */
    administratorId: idSchema('administrator').nullable(),
    sessionId: idSchema('session').nullable(),
    /** Of the passkey that is to be added. */
    name: deviceName.nullable(),
    /** Where the terminal is. */
    address: z.string(),
    /** SHA-256 of what the page has shown, and who has shown a passkey there; null before. */
    answerHash: bytesSchema(32).nullable(),
    confirmedBy: idSchema('administrator').nullable(),
    /** Wrong answers so far. */
    tries: z.int(),
    expiresAt: timeMs,
  }),
  key: ['codeHash'],
  sealed: ['name', 'address'],
  retention: 'expiresAt',
});

/** From where and how those come in who administer a place, as in `administrator-places` (`sign-in-rules.ts`). */
export const signInRules = collection('sign-in-rules', {
  scope: 'operator',
  document: z.object({
    place: z.string().max(40),
    networks: AllowedNetworks,
    passkeysOnly: z.boolean(),
    /** Absent in rules of before there was such a thing. */
    passwordMaxAgeDays: z.int().nullable().optional(),
  }),
  key: ['place'],
  sealed: ['networks'],
});

/** Programs with a key of their own. */
export const integrations = collection('integrations', {
  scope: 'operator',
  document: z.object({
    tenantId: idSchema('tenant'),
    integrationId: idSchema('integration'),
    name: displayName,
    /** SHA-256 of the key under its label. */
    keyHash: bytesSchema(32),
    permissions: z.array(z.enum(Object.keys(PERMISSIONS) as [Permission, ...Permission[]])).max(20),
    createdAt: timeMs,
    expiresAt: timeMs,
    lastUsedAt: timeMs.nullable(),
  }),
  key: ['tenantId', 'integrationId'],
  indexes: { byKey: { on: ['keyHash'], unique: true } },
  sealed: ['name'],
  retention: 'expiresAt',
});

/** Devices that somebody has signed in from (`known-devices.ts`), by the hash of their tokens. */
export const knownDevices = collection('admin-known-devices', {
  scope: 'operator',
  document: z.object({
    /** SHA-256 of the token under its label. */
    tokenHash: bytesSchema(32),
    administratorId: idSchema('administrator'),
    createdAt: timeMs,
    expiresAt: timeMs,
  }),
  key: ['tokenHash'],
  indexes: { byAdministrator: ['administratorId', 'createdAt'] },
  retention: 'expiresAt',
});

/** Where an administrator is signed in. */
export const adminSessions = collection('admin-sessions', {
  scope: 'operator',
  document: z.object({
    sessionId: idSchema('session'),
    administratorId: idSchema('administrator'),
    /** SHA-256 of the token under its label. */
    tokenHash: bytesSchema(32),
    createdAt: timeMs,
    lastSeenAt: timeMs,
    stepUpAt: timeMs,
    /** Nothing but choosing another password may be done in it. */
    passwordDue: z.enum(PASSWORD_DUE).optional(),
    /** Of an authenticator app that is to take the place of the present one (`own-factors.ts`). */
    newTotpSecret: z.string().optional(),
    address: z.string(),
    /** From then on it is over, whatever happens in it. */
    endsAt: timeMs,
  }),
  key: ['sessionId'],
  indexes: {
    byToken: { on: ['tokenHash'], unique: true },
    byAdministrator: ['administratorId', 'createdAt'],
  },
  sealed: ['address', 'newTotpSecret'],
  retention: 'endsAt',
});

/** Codes with which somebody becomes an administrator; the set-up code of the first start is one. */
export const invitations = collection('admin-invitations', {
  scope: 'operator',
  document: z.object({
    /** SHA-256 of the code under its label. */
    codeHash: bytesSchema(32),
    /** `first`: for the first administrator of a tenant, and void once there is one. */
    /** `reset`: whoever has lost the second factor comes back to their account with it. */
    kind: z.enum(['set-up', 'invitation', 'first', 'reset']),
    /** Whose account a `reset` is for. */
    administratorId: idSchema('administrator').optional(),
    invitationId: idSchema('invitation'),
    /** As in `administrator-places`. */
    place: z.string().max(40),
    grants: z.array(Grant).max(100),
    /** For whom it is; null for whoever holds the code. */
    mail: mailAddress.nullable(),
    /** What whoever holds the code has chosen so far; null before. */
    chosen: z
      .object({ name: displayName, mail: mailAddress, passwordHash: z.string(), totpSecret: z.string() })
      .nullable(),
    createdAt: timeMs,
    expiresAt: timeMs,
  }),
  key: ['codeHash'],
  indexes: { byKind: ['kind', 'createdAt'], byPlace: ['place', 'createdAt'] },
  sealed: ['chosen', 'mail'],
  retention: 'expiresAt',
});

/** Failed sign-ins, by who and where from (`sign-in-delays.ts`). */
export const signInFailures = binaryCollection('sign-in-failures', {
  scope: 'operator',
  key: [bytesPart(32)],
  codec: {
    encode({ count, lastAtMs }: { count: number; lastAtMs: number }): Uint8Array {
      const bytes = new Uint8Array(16);
      const view = new DataView(bytes.buffer);
      view.setFloat64(0, count);
      view.setFloat64(8, lastAtMs);
      return bytes;
    },
    decode(bytes: Uint8Array) {
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      return { count: view.getFloat64(0), lastAtMs: view.getFloat64(8) };
    },
  },
  expires: true,
});
