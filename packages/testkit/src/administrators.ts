/** Administrators of a server under test, who come in as real ones do: with a code, a password and an authenticator app. */
import {
  AdminClient,
  type AdminInput,
  type AdminOperationId,
  type AdminOutput,
} from '@kuvert/protocol/admin';
import { generateSync } from 'otplib';

/** Good enough for every account of a test. */
export const ADMIN_PASSWORD = 'korrekt Pferd Batterie Heftklammer';
const STEP_MS = 30_000;

/** Where somebody administers. */
export interface AdminPlace {
  readonly url: string;
  readonly now: () => number;
  /** Lets time go on by a step of the app, each of whose codes is good once. */
  readonly nextStep: () => void;
}

/** Somebody who has signed in. */
export class TestAdministrator {
  readonly name: string;
  readonly mail: string;
  readonly totpSecret: string;
  readonly recoveryCodes: readonly string[];
  readonly #place: AdminPlace;
  #client: AdminClient;
  #token: string;

  constructor(
    place: AdminPlace,
    facts: {
      readonly name: string;
      readonly mail: string;
      readonly totpSecret: string;
      readonly recoveryCodes: readonly string[];
      readonly token: string;
    },
  ) {
    this.#place = place;
    this.name = facts.name;
    this.mail = facts.mail;
    this.totpSecret = facts.totpSecret;
    this.recoveryCodes = facts.recoveryCodes;
    this.#token = facts.token;
    this.#client = new AdminClient({ url: place.url, fetch, token: facts.token });
  }

  /** Of the present session. */
  get token(): string {
    return this.#token;
  }

  /** What the app shows. */
  totp(): string {
    this.#place.nextStep();
    return generateSync({ secret: this.totpSecret, epoch: Math.floor(this.#place.now() / 1_000) });
  }

  /** Signs in anew. */
  signIn(): Promise<this> {
    return this.signInWith({ kind: 'totp', code: this.totp() });
  }

  /** The same with a second factor of one's choice. */
  async signInWith(secondFactor: { kind: 'totp' | 'recovery'; code: string }): Promise<this> {
    const body = { mail: this.mail, password: ADMIN_PASSWORD, secondFactor };
    const { result } = await this.#client.as(undefined).call('sessions.create', { body });
    this.#token = result.token ?? '';
    this.#client = this.#client.as(this.#token);
    return this;
  }

  /** Shows the second factor again. */
  async stepUp(): Promise<this> {
    await this.call('sessions.step-up', { body: { totp: this.totp() } });
    return this;
  }

  /** @throws KuvertError what the server refuses with */
  call<Id extends AdminOperationId>(id: Id, input?: AdminInput<Id>): Promise<AdminOutput<Id>> {
    return this.#client.call(id, input);
  }
}

/** Accepts an invitation, or the set-up code. */
export async function becomeAdministrator(
  place: AdminPlace,
  code: string,
  who: { readonly name: string; readonly mail: string; readonly password?: string },
): Promise<TestAdministrator> {
  const client = new AdminClient({ url: place.url, fetch });
  const { name, mail, password = ADMIN_PASSWORD } = who;
  const opened = await client.call('invitations.open', { body: { code, name, mail, password } });
  const { totpSecret } = opened.result;
  const totp = generateSync({ secret: totpSecret, epoch: Math.floor(place.now() / 1_000) });
  const { result } = await client.call('invitations.accept', { body: { code, totp } });
  const { recoveryCodes, token = '' } = result;
  return new TestAdministrator(place, { name, mail, totpSecret, recoveryCodes, token });
}

/** An administrator's place on a clock that the test moves. */
export function placeOn(url: string, clock: { nowMs(): number; advance(ms: number): void }): AdminPlace {
  return { url, now: () => clock.nowMs(), nextStep: () => clock.advance(STEP_MS) };
}
