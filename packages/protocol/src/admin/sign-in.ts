/** How administrators come in: invitations (the set-up code is the first), sign-in with a second factor, sessions. */
import { z } from 'zod';
import { displayName, idSchema, mailAddress } from '../schemas.ts';
import { operation } from './operation.ts';
import { RECOVERY_CODES } from './own-factors.ts';
import { PASSWORD_DUE, passwordField as password } from './passwords.ts';
import { GrantScope, PERMISSIONS, ROLES } from './permissions.ts';

/** Six digits of an authenticator app (RFC 6238). */
const totpCode = z.string().regex(/^\d{6}$/);
const code = z.string().min(1).max(100);
const time = z.iso.datetime();

const Grant = z.object({ role: z.enum(ROLES), scope: GrantScope });

/** A token to send as `Authorization: Bearer`; in a browser it comes as a cookie and is left out here. */
export const SessionToken = z.object({
  token: z.string().optional(),
  expiresAt: time,
  /** To be kept and shown at the next sign-in (`deviceToken`): with it, wrong tries of others hold up nobody. In a browser a cookie that stays, and left out here. */
  deviceToken: z.string().optional(),
});
/** What an earlier sign-in gave; one that is not good any more counts as none. In a browser a cookie. */
export const deviceToken = z.string().max(100).optional();

export const invitationOpen = operation({
  method: 'POST',
  path: '/invitations/open',
  summary:
    'Begins to accept an invitation, or the set-up code that the first start printed: chooses a password and gets the secret for an authenticator app. Nothing is changed yet.',
  access: 'public',
  body: z.object({
    code,
    password,
    /** Asked for where the invitation does not say for whom it is, as the set-up code. */
    name: displayName.optional(),
    mail: mailAddress.optional(),
  }),
  result: z.object({ mail: mailAddress, totpSecret: z.string(), totpUri: z.string() }),
  errors: ['invitation_not_valid', 'password_weak', 'mail_taken'],
  example: {
    body: {
      code: 'KV1-7Q2M-…',
      password: 'a long sentence that only I know',
      name: 'Anna',
      mail: 'anna@acme.test',
    },
    result: {
      mail: 'anna@acme.test',
      totpSecret: 'JBSWY3DP…',
      totpUri: 'otpauth://totp/Kuvert:anna@acme.test?secret=JBSWY3DP…',
    },
  },
});

export const invitationAccept = operation({
  method: 'POST',
  path: '/invitations/accept',
  summary:
    'Accepts an invitation with a code of the authenticator app, and signs in. The recovery codes are shown this once.',
  access: 'public',
  body: z.object({ code, totp: totpCode, cookie: z.boolean().default(false) }),
  result: SessionToken.extend({ recoveryCodes: z.array(z.string()).length(RECOVERY_CODES) }),
  errors: ['invitation_not_valid', 'sign_in_failed', 'mail_taken', 'address_not_allowed'],
  example: {
    body: { code: 'KV1-7Q2M-…', totp: '287082' },
    result: {
      token: 'jv0m…',
      expiresAt: '2026-01-02T20:00:00Z',
      recoveryCodes: Array.from({ length: RECOVERY_CODES }, () => 'k3fq-…'),
    },
  },
});

export const sessionCreate = operation({
  method: 'POST',
  path: '/sessions',
  summary:
    'Signs in with mail address, password and second factor, all at once; a refusal does not say which of them was wrong.',
  access: 'public',
  body: z.object({
    mail: mailAddress,
    password,
    secondFactor: z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('totp'), code: totpCode }),
      z.object({ kind: z.literal('recovery'), code }),
    ]),
    cookie: z.boolean().default(false),
    deviceToken,
  }),
  result: SessionToken.extend({
    /** Set when another password has to be chosen before anything else: because it is older than the rules of a place allow, or known from a breach. */
    passwordDue: z.enum(PASSWORD_DUE).optional(),
  }),
  errors: ['sign_in_failed', 'address_not_allowed', 'passkey_required'],
  example: {
    body: {
      mail: 'anna@acme.test',
      password: 'a long sentence that only I know',
      secondFactor: { kind: 'totp', code: '287082' },
      deviceToken: 'q1Zb…',
    },
    result: { token: 'jv0m…', expiresAt: '2026-01-02T20:00:00Z', deviceToken: 'w8Tn…' },
  },
});

export const sessionStepUp = operation({
  method: 'POST',
  path: '/sessions/current/step-up',
  summary: 'Shows a second factor again, for what asks for a fresh one; good for five minutes.',
  access: 'signed-in',
  beforeNewPassword: true,
  body: z.object({ totp: totpCode }),
  result: z.object({ until: time }),
  errors: ['sign_in_failed', 'passkey_required'],
  example: { body: { totp: '287082' }, result: { until: '2026-01-02T08:05:00Z' } },
});

export const sessionList = operation({
  method: 'GET',
  path: '/sessions',
  summary: 'Lists where one is signed in.',
  access: 'signed-in',
  beforeNewPassword: true,
  result: z.object({
    sessions: z
      .array(
        z.object({
          sessionId: idSchema('session'),
          createdAt: time,
          lastSeenAt: time,
          address: z.string(),
          isCurrent: z.boolean(),
        }),
      )
      .max(100),
  }),
  example: {
    result: {
      sessions: [
        {
          sessionId: 'se_…',
          createdAt: '2026-01-02T08:00:00.000Z',
          lastSeenAt: '2026-01-02T08:04:00.000Z',
          address: '192.0.2.7',
          isCurrent: true,
        },
      ],
    },
  },
});

export const sessionEnd = operation({
  method: 'DELETE',
  path: '/sessions/{sessionId}',
  summary: 'Signs out one of one’s own sessions, at once.',
  access: 'signed-in',
  beforeNewPassword: true,
  params: z.object({ sessionId: idSchema('session') }),
  example: { params: { sessionId: 'se_…' } },
});

export const me = operation({
  method: 'GET',
  path: '/me',
  summary: 'Says who I am and what I may do where.',
  access: 'signed-in',
  beforeNewPassword: true,
  result: z.object({
    administratorId: idSchema('administrator'),
    name: displayName,
    mail: mailAddress,
    sessionId: idSchema('session'),
    grants: z.array(
      Grant.extend({ permissions: z.array(z.enum(Object.keys(PERMISSIONS) as [keyof typeof PERMISSIONS])) }),
    ),
    stepUpUntil: time.nullable(),
    recoveryCodesLeft: z.int(),
    /** Passkeys that one has, and whether nothing else counts as a second factor. */
    passkeys: z.int(),
    passkeysOnly: z.boolean(),
    password: z.object({
      chosenAt: time,
      /** When the rules of a place ask for another; null for never, which NIST and BSI advise. */
      expiresAt: time.nullable(),
      /** Why another has to be chosen before anything else; null when nothing is due. */
      due: z.enum(PASSWORD_DUE).nullable(),
    }),
  }),
  example: {
    result: {
      administratorId: 'ad_…',
      name: 'Anna',
      mail: 'anna@acme.test',
      sessionId: 'se_…',
      grants: [
        {
          role: 'auditor',
          scope: { kind: 'tenant', tenantId: 'tn_…' },
          permissions: ['tenant.read', 'audit.read'],
        },
      ],
      stepUpUntil: '2026-01-02T08:05:00.000Z',
      recoveryCodesLeft: 10,
      passkeys: 1,
      passkeysOnly: false,
      password: { chosenAt: '2025-11-02T08:00:00.000Z', expiresAt: null, due: null },
    },
  },
});
