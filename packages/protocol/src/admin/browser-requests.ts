/**
 * What a terminal cannot do by itself: it has somebody show (or make) a passkey in a browser. The terminal asks and prints the address of a page; the page runs WebAuthn there and shows an
 * answer of eight characters; the answer, typed into that terminal, finishes what it asked for. So whoever sends somebody such an address has nothing of it without the answer.
 */
import { z } from 'zod';
import { deviceName } from '../schemas.ts';
import { apiTime, operation } from './operation.ts';
import { Created, Shown } from './passkeys.ts';

/** What a page of this kind is for. */
export const BROWSER_REQUEST_KINDS = ['sign-in', 'step-up', 'add-passkey'] as const;

const code = z.string().min(1).max(100);
const answer = z.string().min(1).max(40);
const Begun = z.object({
  /** Of this request; the page has it behind the `#` of its address. */
  code: z.string(),
  /** The page's address, below the server's where no public one is set. */
  page: z.string(),
  expiresAt: apiTime,
});
const begun = { code: 'k3fq-…', page: '/api/v1/browser#k3fq-…', expiresAt: '2026-01-02T08:05:00.000Z' };

export const browserSignInBegin = operation({
  method: 'POST',
  path: '/sessions/browser',
  summary:
    'Begins to sign in where there is no browser, with a passkey shown in one: answers with the address of a page. Good for five minutes.',
  access: 'public',
  changesNothing: true,
  result: Begun,
  example: { result: begun },
});

export const browserSignInFinish = operation({
  method: 'POST',
  path: '/sessions/browser/finish',
  summary: 'Signs in with the answer that the page has shown.',
  access: 'public',
  body: z.object({ code, answer }),
  result: z.object({ token: z.string(), expiresAt: apiTime }),
  errors: ['sign_in_failed', 'address_not_allowed', 'browser_request_not_valid'],
  example: {
    body: { code: 'k3fq-…', answer: '7q2m-…' },
    result: { token: 'jv0m…', expiresAt: '2026-01-02T20:00:00Z' },
  },
});

export const browserStepUpBegin = operation({
  method: 'POST',
  path: '/sessions/current/step-up/browser',
  summary:
    'Begins to show a passkey of one’s own again where there is no browser: answers with the address of a page. Good for five minutes.',
  access: 'signed-in',
  beforeNewPassword: true,
  changesNothing: true,
  result: Begun,
  example: { result: begun },
});

export const browserStepUpFinish = operation({
  method: 'POST',
  path: '/sessions/current/step-up/browser/finish',
  summary: 'Finishes it with the answer that the page has shown; good for five minutes.',
  access: 'signed-in',
  beforeNewPassword: true,
  body: z.object({ code, answer }),
  result: z.object({ until: apiTime }),
  errors: ['sign_in_failed', 'browser_request_not_valid'],
  example: { body: { code: 'k3fq-…', answer: '7q2m-…' }, result: { until: '2026-01-02T08:05:00Z' } },
});

export const passkeyAddInBrowser = operation({
  method: 'POST',
  path: '/passkeys/browser',
  summary:
    'Begins to add a passkey where there is no browser: answers with the address of a page that makes and adds it. Good for five minutes.',
  access: 'signed-in',
  stepUp: true,
  changesNothing: true,
  body: z.object({ name: deviceName }),
  result: Begun,
  example: { body: { name: 'Laptop' }, result: begun },
});

export const browserPageOpen = operation({
  method: 'POST',
  path: '/browser-requests/open',
  summary:
    'For the page: what it is opened for, from where that was asked, and what the browser has to be given.',
  access: 'public',
  changesNothing: true,
  body: z.object({ code }),
  result: z.object({
    kind: z.enum(BROWSER_REQUEST_KINDS),
    /** Where the terminal is that asks. */
    address: z.string(),
    options: z.record(z.string(), z.unknown()),
  }),
  errors: ['browser_request_not_valid'],
  example: {
    body: { code: 'k3fq-…' },
    result: {
      kind: 'step-up',
      address: '192.0.2.7',
      options: { challenge: 'q1Zb…', rpId: 'kuvert.acme.test', userVerification: 'required' },
    },
  },
});

export const browserPageAnswer = operation({
  method: 'POST',
  path: '/browser-requests/answer',
  summary:
    'For the page: gives what the browser has made or shown. Answers with what is to be typed into the terminal; for a passkey that was added there is nothing to type.',
  access: 'public',
  body: z.object({ code, credential: z.union([Shown, Created]) }),
  result: z.object({ answer: z.string().optional() }),
  errors: ['browser_request_not_valid', 'sign_in_failed', 'passkey_not_valid'],
  example: {
    body: {
      code: 'k3fq-…',
      credential: {
        id: 'AQID…',
        rawId: 'AQID…',
        type: 'public-key',
        clientExtensionResults: {},
        response: { clientDataJSON: 'eyJ0…', authenticatorData: 'SZYN…', signature: 'MEUC…' },
      },
    },
    result: { answer: '7q2m-…' },
  },
});
