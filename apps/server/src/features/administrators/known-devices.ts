/**
 * Devices that somebody has signed in from: a random token of 256 bits, given at a complete sign-in and shown at the next one (OWASP's “device cookies”). Who shows it is counted apart from
 * everybody else, so wrong passwords of others, however many and from wherever, hold up nobody who has it. It opens nothing by itself. Only its hash is kept, for one account; each sign-in with
 * it puts another in its place, a few wrong tries in a row make it void, and so does whatever ends all sessions.
 */
import { type AdministratorId, LABELS } from '@kuvert/protocol';
import type { Clock, Random } from '../../clock.ts';
import type { Store, Tx } from '../../store/index.ts';
import { administrators, knownDevices } from './collections.ts';
import { secretHash } from './secret-hash.ts';

/** How long a token is good without a sign-in, how many an account has, and how many wrong tries in a row make one void. */
export const KNOWN_DEVICE_LIMITS = { keptMs: 180 * 86_400_000, perAccount: 10, wrongTries: 10 } as const;
const TOKEN_BYTES = 32;
const TOKEN = /^[A-Za-z0-9_-]{43}$/;

/** @see the head of this file */
export class KnownDevices {
  readonly #store: Pick<Store, 'operator'>;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(deps: {
    readonly store: Pick<Store, 'operator'>;
    readonly clock: Clock;
    readonly random: Random;
  }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#random = deps.random;
  }

  /**
   * The hash of a token that is good for the account of this address. What is none, is over or is another's is undefined, and nothing is looked up by the address, so that whoever has no token
   * of it learns nothing of an account.
   */
  async find(token: string | undefined, mail: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    if (token === undefined || !TOKEN.test(token)) return undefined;
    const tokenHash = secretHash(LABELS.knownDevice, token);
    const scope = this.#store.operator();
    const row = await scope.find(knownDevices, tokenHash);
    if (row === undefined || row.expiresAt <= this.#clock.nowMs()) return undefined;
    const account = await scope.find(administrators, row.administratorId);
    return account?.mail === mail ? tokenHash : undefined;
  }

  /** Makes a token in the commit of a sign-in, in the place of the one that was shown; the oldest beyond the greatest number go. */
  async make(
    tx: Tx<'operator'>,
    administratorId: AdministratorId,
    shown: string | undefined,
  ): Promise<string> {
    const nowMs = this.#clock.nowMs();
    const token = Buffer.from(this.#random(TOKEN_BYTES)).toString('base64url');
    const replaced = shown === undefined ? undefined : Buffer.from(secretHash(LABELS.knownDevice, shown));
    const { rows } = await tx.list(knownDevices, newestFirstOf(administratorId));
    const kept = rows
      .filter(({ tokenHash, expiresAt }) => expiresAt > nowMs && replaced?.equals(tokenHash) !== true)
      .slice(0, KNOWN_DEVICE_LIMITS.perAccount - 1);
    for (const row of rows) if (!kept.includes(row)) tx.delete(knownDevices, row.tokenHash);
    tx.insert(knownDevices, {
      tokenHash: secretHash(LABELS.knownDevice, token),
      administratorId,
      createdAt: nowMs,
      expiresAt: nowMs + KNOWN_DEVICE_LIMITS.keptMs,
    });
    return token;
  }
}

/** Makes all tokens of an account void, in the commit of what calls for it. */
export async function forgetDevices(tx: Tx<'operator'>, administratorId: AdministratorId): Promise<void> {
  const { rows } = await tx.list(knownDevices, newestFirstOf(administratorId));
  for (const { tokenHash } of rows) tx.delete(knownDevices, tokenHash);
}

/** A query for the rows of an administrator, where there are never many. */
export function newestFirstOf(administratorId: AdministratorId) {
  return { index: 'byAdministrator', equals: [administratorId], order: 'desc', limit: 100 } as const;
}
