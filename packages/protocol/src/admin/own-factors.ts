/** Another authenticator app, or other recovery codes, in the place of one's own. */
import { z } from 'zod';
import { operation } from './operation.ts';

/** How many recovery codes somebody gets at once. */
export const RECOVERY_CODES = 10;

export const authenticatorBegin = operation({
  method: 'POST',
  path: '/me/authenticator/begin',
  summary:
    'Begins to replace one’s own authenticator app: answers with the secret for the new one. The present one goes on to work until a code of the new one was shown.',
  access: 'signed-in',
  stepUp: true,
  changesNothing: true,
  result: z.object({ totpSecret: z.string(), totpUri: z.string() }),
  example: {
    result: {
      totpSecret: 'JBSWY3DP…',
      totpUri: 'otpauth://totp/Kuvert:anna@acme.test?secret=JBSWY3DP…',
    },
  },
});

export const authenticatorChange = operation({
  method: 'PUT',
  path: '/me/authenticator',
  summary:
    'Puts the new authenticator app in the place of the present one, with a code that it shows, and ends all of one’s other sessions. Nothing of the old app is accepted from then on.',
  access: 'signed-in',
  stepUp: true,
  body: z.object({
    /** Of the new app. */
    totp: z.string().regex(/^\d{6}$/),
  }),
  errors: ['sign_in_failed'],
  example: { body: { totp: '287082' } },
});

export const recoveryCodesRenew = operation({
  method: 'POST',
  path: '/me/recovery-codes',
  summary:
    'Draws new recovery codes, shown this once, and ends all of one’s other sessions. The codes of before are void from then on.',
  access: 'signed-in',
  stepUp: true,
  result: z.object({ recoveryCodes: z.array(z.string()).length(RECOVERY_CODES) }),
  example: { result: { recoveryCodes: Array.from({ length: RECOVERY_CODES }, () => 'k3fq-…') } },
});
