/**
 * Passwords: Argon2id (RFC 9106) as PHC strings, so that another implementation or another cost can follow; how good one has to be is
 * `password-strength.ts`. Hashing is heavy on purpose, so only a few run at once and everybody else waits in line or is told to come again.
 */
import { argon2, timingSafeEqual } from 'node:crypto';
import { KuvertError } from '@kuvert/protocol';
import type { Random } from '../../clock.ts';

/** 64 MiB and three passes, the second recommendation of RFC 9106 §4, in one lane. */
const COST = { memoryKiB: 65_536, passes: 3, parallelism: 1 } as const;
const TAG_BYTES = 32;
const SALT_BYTES = 16;
const AT_ONCE = 4;
const WAITING_MAX = 32;
const PHC = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=(\d)\$([A-Za-z0-9+/]{22})\$([A-Za-z0-9+/]{43})$/;

/** @see createPasswords */
export interface Passwords {
  /** The PHC string of a password. */
  hash(password: string): Promise<string>;
  /**
   * Whether a password is the one of a hash. Without a hash it takes as long and is false, so that nobody can tell an unknown name by the time.
   * @param isKnown by a known device, or within a session: goes before all others who wait, however many there are
   * @throws KuvertError `overloaded` when too many wait
   */
  verify(password: string, phc: string | undefined, isKnown?: boolean): Promise<boolean>;
  /** How many hashes were computed, for tests and metrics. */
  readonly computed: number;
}

/** @see the head of this file */
export function createPasswords(random: Random): Passwords {
  let running = 0;
  let computed = 0;
  const waiting: (() => void)[] = [];

  async function inTurn<T>(work: () => Promise<T>, isKnown: boolean): Promise<T> {
    if (running >= AT_ONCE) {
      if (waiting.length >= (isKnown ? 2 : 1) * WAITING_MAX) throw new KuvertError('overloaded');
      await new Promise<void>((resolve) => (isKnown ? waiting.unshift(resolve) : waiting.push(resolve)));
    } else {
      running++;
    }
    try {
      return await work();
    } finally {
      // The place goes to who waits longest, without becoming free in between.
      const next = waiting.shift();
      if (next === undefined) running--;
      else next();
    }
  }

  function derive(
    password: string,
    salt: Uint8Array,
    cost: typeof COST | Cost,
    isKnown = false,
  ): Promise<Buffer> {
    computed++;
    return inTurn(
      () =>
        new Promise<Buffer>((resolve, reject) => {
          const parameters = {
            message: Buffer.from(password.normalize('NFC'), 'utf8'),
            nonce: salt,
            memory: cost.memoryKiB,
            passes: cost.passes,
            parallelism: cost.parallelism,
            tagLength: TAG_BYTES,
          };
          argon2('argon2id', parameters, (error, tag) => (error === null ? resolve(tag) : reject(error)));
        }),
      isKnown,
    );
  }

  return {
    get computed() {
      return computed;
    },
    async hash(password) {
      const salt = random(SALT_BYTES);
      const tag = await derive(password, salt, COST);
      const { memoryKiB, passes, parallelism } = COST;
      return `$argon2id$v=19$m=${memoryKiB},t=${passes},p=${parallelism}$${base64(salt)}$${base64(tag)}`;
    },
    async verify(password, phc, isKnown) {
      const parsed = phc === undefined ? undefined : parse(phc);
      const tag = await derive(
        password,
        parsed?.salt ?? new Uint8Array(SALT_BYTES),
        parsed?.cost ?? COST,
        isKnown,
      );
      return parsed !== undefined && timingSafeEqual(tag, parsed.tag);
    },
  };
}

interface Cost {
  readonly memoryKiB: number;
  readonly passes: number;
  readonly parallelism: number;
}

function parse(phc: string): { cost: Cost; salt: Uint8Array; tag: Uint8Array } {
  const [, memory, passes, parallelism, salt, tag] = PHC.exec(phc) ?? [];
  if (salt === undefined || tag === undefined) throw new Error('a password hash that is not one of ours');
  return {
    cost: { memoryKiB: Number(memory), passes: Number(passes), parallelism: Number(parallelism) },
    salt: Buffer.from(salt, 'base64'),
    tag: Buffer.from(tag, 'base64'),
  };
}

/** PHC strings write base64 without padding. */
function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replace(/=+$/, '');
}
