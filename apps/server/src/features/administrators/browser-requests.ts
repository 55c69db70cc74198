/**
 * Passkeys for terminals (`browser-requests.ts` of the protocol): a request is made from a terminal, answered by a page in a browser, and finished from that terminal with what the page
 * has shown. A request is good once and for five minutes, an answer for a few tries.
 */
import { timingSafeEqual } from 'node:crypto';
import { type AdministratorId, KuvertError, type SessionId } from '@kuvert/protocol';
import type { PasskeyCreated, PasskeyShown } from '@kuvert/protocol/admin';
import type { Clock, Random } from '../../clock.ts';
import type { SignedIn } from '../../http/admin/admin-routes.ts';
import { BROWSER_PAGE_PATH } from '../../http/admin/browser-page.ts';
import { LeakyBuckets } from '../../limits/leaky-buckets.ts';
import type { RowOf, Store } from '../../store/index.ts';
import { type AuditRecords, logsOf } from '../audit/index.ts';
import { administrators, browserRequests } from './collections.ts';
import { hashOfCode, newCode } from './one-time-codes.ts';
import type { Passkeys } from './passkeys.ts';
import type { Sessions } from './sessions.ts';

const REQUEST_MS = 5 * 60_000;
/** Eight characters of 32, in two groups. */
const ANSWER_CHARACTERS = 9;
const TRIES_MAX = 5;
/** Requests of an address; each leaves a row for five minutes. */
const BEGINNINGS = { burst: 30, perSecond: 0.2 } as const;

type Row = RowOf<typeof browserRequests>;

/** What a terminal is told. */
export interface BegunRequest {
  readonly code: string;
  readonly page: string;
  readonly expiresAtMs: number;
}

interface Deps {
  readonly store: Pick<Store, 'operator'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly audit: AuditRecords;
  readonly sessions: Sessions;
  readonly passkeys: Passkeys;
  readonly publicOrigin: string | undefined;
}

/** @see the head of this file */
export class BrowserRequests {
  readonly #deps: Deps;
  readonly #beginnings: LeakyBuckets;

  constructor(deps: Deps & { readonly onLimit: () => void }) {
    this.#deps = deps;
    this.#beginnings = new LeakyBuckets({ limit: BEGINNINGS, clock: deps.clock, onClosed: deps.onLimit });
  }

  /** @param asked.caller who has signed in; undefined for a sign-in @throws KuvertError `rate_limited` */
  async begin(asked: {
    readonly kind: Row['kind'];
    readonly caller?: SignedIn;
    readonly name?: string;
    readonly address: string;
  }): Promise<BegunRequest> {
    const { kind, caller, name = null, address } = asked;
    this.#beginnings.take(address);
    const { store, clock, random, publicOrigin = '' } = this.#deps;
    const code = newCode(random);
    const createdAt = clock.nowMs();
    const expiresAt = createdAt + REQUEST_MS;
    await store.operator().write((tx) =>
      tx.insert(browserRequests, {
        codeHash: hashOfCode(code, 'browserCode'),
        kind,
        administratorId: caller?.administratorId ?? null,
        sessionId: caller?.sessionId ?? null,
        name,
        address,
        answerHash: null,
        confirmedBy: null,
        tries: 0,
        expiresAt,
      }),
    );
    return { code, page: `${publicOrigin}${BROWSER_PAGE_PATH}#${code}`, expiresAtMs: expiresAt };
  }

  /** For the page. @throws KuvertError `browser_request_not_valid`, `rate_limited` */
  async open(
    code: string,
    address: string,
  ): Promise<{ kind: Row['kind']; address: string; options: object }> {
    const { passkeys } = this.#deps;
    const row = await this.#find(code);
    const somebody = await this.#somebodyOf(row);
    const options =
      somebody === undefined
        ? await passkeys.beginSignIn(address)
        : row.kind === 'add-passkey'
          ? await passkeys.begin(somebody)
          : await passkeys.beginStepUp(somebody);
    return { kind: row.kind, address: row.address, options };
  }

  /**
   * For the page: what the browser has made or shown.
   * @returns what is to be typed into the terminal; undefined where there is nothing more to do
   * @throws KuvertError `browser_request_not_valid`, `passkey_not_valid`, and as a passkey that is shown
   */
  async answer(
    code: string,
    credential: PasskeyShown | PasskeyCreated,
    address: string,
  ): Promise<string | undefined> {
    const { passkeys, random, store } = this.#deps;
    const row = await this.#find(code);
    const somebody = await this.#somebodyOf(row);
    if ('attestationObject' in credential.response) {
      if (row.kind !== 'add-passkey' || somebody === undefined) throw new KuvertError('passkey_not_valid');
      // Used up first, so that one page adds one passkey.
      await this.#use(row);
      await passkeys.create(somebody, {
        name: row.name ?? '',
        credential: credential as PasskeyCreated,
      });
      return undefined;
    }
    if (row.kind === 'add-passkey') throw new KuvertError('passkey_not_valid');
    const shown = await passkeys.show(credential as PasskeyShown, { address, to: somebody ?? null });
    const answer = newCode(random).slice(0, ANSWER_CHARACTERS);
    await store.operator().write(async (tx) => {
      const present = await tx.find(browserRequests, row.codeHash);
      if (present === undefined || present.answerHash !== null)
        throw new KuvertError('browser_request_not_valid');
      const confirmed = { answerHash: hashOfCode(answer, 'browserCode'), confirmedBy: shown.administratorId };
      tx.put(browserRequests, { ...present, ...confirmed });
    });
    return answer;
  }

  /** Finishes a step-up in the session that began it. @returns until when it counts @throws KuvertError `browser_request_not_valid`, `sign_in_failed` */
  async finishStepUp(
    caller: SignedIn,
    given: { readonly code: string; readonly answer: string },
  ): Promise<number> {
    await this.#finish(given, { kind: 'step-up', sessionId: caller.sessionId });
    return this.#deps.sessions.stepUp(caller);
  }

  /** Signs in. @throws KuvertError as before, `address_not_allowed` */
  async finishSignIn(
    given: { readonly code: string; readonly answer: string },
    address: string,
  ): Promise<{ token: string; endsAtMs: number }> {
    const { confirmedBy } = await this.#finish(given, { kind: 'sign-in', sessionId: null });
    if (confirmedBy === null) throw new KuvertError('browser_request_not_valid');
    const found = await this.#deps.store.operator().find(administrators, confirmedBy);
    if (found === undefined) throw new KuvertError('sign_in_failed');
    return this.#deps.sessions.begin(found, address, { factor: 'passkey' });
  }

  /** Uses up a request with the right answer; a wrong one is counted, and after a few the request is gone. */
  async #finish(
    { code, answer }: { readonly code: string; readonly answer: string },
    wanted: { readonly kind: Row['kind']; readonly sessionId: SessionId | null },
  ): Promise<Row> {
    const { audit, store } = this.#deps;
    const { codeHash } = await this.#find(code);
    const hash = hashOfCode(answer, 'browserCode');
    const row = await store.operator().write(async (tx) => {
      const present = await tx.find(browserRequests, codeHash);
      const isOurs = present?.kind === wanted.kind && present.sessionId === wanted.sessionId;
      if (present === undefined || !isOurs) throw new KuvertError('browser_request_not_valid');
      if (present.answerHash !== null && timingSafeEqual(hash, present.answerHash)) {
        tx.delete(browserRequests, codeHash);
        return present;
      }
      const tries = present.tries + 1;
      if (tries >= TRIES_MAX) tx.delete(browserRequests, codeHash);
      else tx.put(browserRequests, { ...present, tries });
      const whose = present.confirmedBy ?? present.administratorId;
      const account = whose === null ? undefined : await tx.find(administrators, whose);
      const action = wanted.kind === 'sign-in' ? 'sign-in.refused' : 'step-up.refused';
      audit.inOperator(tx, logsOf(account?.grants ?? []), {
        action,
        outcome: 'refused',
        object: account?.administratorId,
      });
      return undefined;
    });
    if (row === undefined) throw new KuvertError('sign_in_failed');
    return row;
  }

  async #find(code: string): Promise<Row> {
    const row = await this.#deps.store.operator().find(browserRequests, hashOfCode(code, 'browserCode'));
    if (row === undefined || row.expiresAt <= this.#deps.clock.nowMs())
      throw new KuvertError('browser_request_not_valid');
    return row;
  }

  async #use({ codeHash }: Row): Promise<void> {
    await this.#deps.store.operator().write(async (tx) => {
      if ((await tx.find(browserRequests, codeHash)) === undefined)
        throw new KuvertError('browser_request_not_valid');
      tx.delete(browserRequests, codeHash);
    });
  }

  /** Whose request it is, while their session lasts; undefined for a sign-in. */
  async #somebodyOf(row: Row): Promise<Somebody | undefined> {
    if (row.administratorId === null || row.sessionId === null) return undefined;
    const { sessions, store } = this.#deps;
    const isThere = (await sessions.list(row.administratorId)).some(
      ({ sessionId }) => sessionId === row.sessionId,
    );
    const found = await store.operator().find(administrators, row.administratorId);
    if (!isThere || found === undefined) throw new KuvertError('browser_request_not_valid');
    return { administratorId: row.administratorId, grants: found.grants };
  }
}

interface Somebody {
  readonly administratorId: AdministratorId;
  readonly grants: RowOf<typeof administrators>['grants'];
}
