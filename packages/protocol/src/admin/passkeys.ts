/** Passkeys (WebAuthn Level 3) of administrators. One that has verified its user is password and second factor in one, and cannot be given away to a false page. */
import { z } from 'zod';
import { deviceName, idSchema } from '../schemas.ts';
import { operation } from './operation.ts';
import { deviceToken, SessionToken } from './sign-in.ts';

const time = z.iso.datetime();
const base64url = z
  .string()
  .max(20_000)
  .regex(/^[A-Za-z0-9_-]*$/);
/** For `navigator.credentials`, by `PublicKeyCredential.parseCreationOptionsFromJSON` and its like. */
const options = z.record(z.string(), z.unknown());
const credential = {
  id: base64url,
  rawId: base64url,
  type: z.literal('public-key'),
  authenticatorAttachment: z.string().max(40).nullish(),
  clientExtensionResults: z.record(z.string(), z.unknown()),
};
/** What a browser gives when a passkey was made. */
export const Created = z.object({
  ...credential,
  response: z.object({
    clientDataJSON: base64url,
    attestationObject: base64url,
    transports: z.array(z.string().max(20)).max(10).optional(),
  }),
});
/** What a browser gives when one was shown. */
export const Shown = z.object({
  ...credential,
  response: z.object({
    clientDataJSON: base64url,
    authenticatorData: base64url,
    signature: base64url,
    userHandle: base64url.nullish(),
  }),
});
export type PasskeyCreated = z.output<typeof Created>;
export type PasskeyShown = z.output<typeof Shown>;

/** Parts that a browser makes are cut short. */
const exampleCredential = { id: 'AQID…', rawId: 'AQID…', type: 'public-key', clientExtensionResults: {} };

export const passkeyBegin = operation({
  method: 'POST',
  path: '/passkeys/begin',
  summary: 'Begins to add a passkey: answers with what the browser has to be given. Good for five minutes.',
  access: 'signed-in',
  stepUp: true,
  result: z.object({ options }),
  example: {
    result: {
      options: { challenge: 'q1Zb…', rp: { id: 'kuvert.acme.test', name: 'Kuvert' }, user: { id: 'AQID…' } },
    },
  },
});

export const passkeyCreate = operation({
  method: 'POST',
  path: '/passkeys',
  summary: 'Adds the passkey that the browser has made.',
  access: 'signed-in',
  stepUp: true,
  body: z.object({ name: deviceName, credential: Created }),
  result: z.object({ passkeyId: idSchema('passkey') }),
  errors: ['passkey_not_valid'],
  example: {
    body: {
      name: 'Laptop',
      credential: {
        ...exampleCredential,
        response: { clientDataJSON: 'eyJ0…', attestationObject: 'o2Nm…', transports: ['internal'] },
      },
    },
    result: { passkeyId: 'pk_…' },
  },
});

export const passkeyList = operation({
  method: 'GET',
  path: '/passkeys',
  summary: 'Lists one’s own passkeys.',
  access: 'signed-in',
  result: z.object({
    passkeys: z
      .array(
        z.object({
          passkeyId: idSchema('passkey'),
          name: deviceName,
          createdAt: time,
          lastUsedAt: time.nullable(),
          /** Kept by a service of its maker too, and not in one device alone. */
          isSynced: z.boolean(),
        }),
      )
      .max(20),
  }),
  example: {
    result: {
      passkeys: [
        {
          passkeyId: 'pk_…',
          name: 'Laptop',
          createdAt: '2026-01-02T08:00:00.000Z',
          lastUsedAt: null,
          isSynced: false,
        },
      ],
    },
  },
});

export const passkeyDelete = operation({
  method: 'DELETE',
  path: '/passkeys/{passkeyId}',
  summary: 'Removes one of one’s own passkeys, and ends all of one’s other sessions.',
  access: 'signed-in',
  stepUp: true,
  params: z.object({ passkeyId: idSchema('passkey') }),
  errors: ['passkey_required'],
  example: { params: { passkeyId: 'pk_…' } },
});

const exampleShown = {
  ...exampleCredential,
  response: {
    clientDataJSON: 'eyJ0…',
    authenticatorData: 'SZYN…',
    signature: 'MEUC…',
    userHandle: 'AQID…',
  },
};

export const passkeySignInBegin = operation({
  method: 'POST',
  path: '/sessions/passkey/begin',
  summary: 'Begins to sign in with a passkey, without a name: answers with what the browser has to be given.',
  access: 'public',
  result: z.object({ options }),
  example: {
    result: {
      options: { challenge: 'q1Zb…', rpId: 'kuvert.acme.test', userVerification: 'required' },
    },
  },
});

export const passkeySignIn = operation({
  method: 'POST',
  path: '/sessions/passkey',
  summary: 'Signs in with a passkey that has verified its user; no password and no code besides.',
  access: 'public',
  body: z.object({ credential: Shown, cookie: z.boolean().default(false), deviceToken }),
  result: SessionToken,
  errors: ['sign_in_failed', 'address_not_allowed'],
  example: {
    body: {
      credential: exampleShown,
    },
    result: { token: 'jv0m…', expiresAt: '2026-01-02T20:00:00Z' },
  },
});

export const passkeyStepUpBegin = operation({
  method: 'POST',
  path: '/sessions/current/step-up/passkey/begin',
  summary:
    'Begins to show a passkey of one’s own again, for what asks for a fresh second factor: answers with what the browser has to be given.',
  access: 'signed-in',
  beforeNewPassword: true,
  result: z.object({ options }),
  example: {
    result: {
      options: { challenge: 'q1Zb…', rpId: 'kuvert.acme.test', userVerification: 'required' },
    },
  },
});

export const passkeyStepUp = operation({
  method: 'POST',
  path: '/sessions/current/step-up/passkey',
  summary: 'Shows a passkey of one’s own again; good for five minutes.',
  access: 'signed-in',
  beforeNewPassword: true,
  body: z.object({ credential: Shown }),
  result: z.object({ until: time }),
  errors: ['sign_in_failed'],
  example: { body: { credential: exampleShown }, result: { until: '2026-01-02T08:05:00Z' } },
});
