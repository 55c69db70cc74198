/** The rules of four eyes (README.md). */
import { createHash } from 'node:crypto';
import {
  type AdministratorId,
  type ApprovalId,
  KuvertError,
  LABELS,
  makeId,
  type TenantId,
} from '@kuvert/protocol';
import type { Clock, Random } from '../../clock.ts';
import type { Effect, Noted } from '../../effects.ts';
import type { Execute } from '../../http/admin/admin-routes.ts';
import type { Store, Tx } from '../../store/index.ts';
import { INSTALLATION, type Place } from '../administrators/index.ts';
import { type ApprovalHome, type ApprovalRow, homeTx, listHomes, operatorHome, tenantHome } from './homes.ts';

/** Within which somebody has to approve, and how long it is remembered what became of it. */
const OPEN_MS = 86_400_000;
const REMEMBERED_MS = 366 * 86_400_000;
const OPEN_PER_PLACE_MAX = 100;

/** What was asked for, word for word. */
export interface Payload {
  readonly operation: string;
  readonly params: Record<string, string>;
  readonly body: Record<string, unknown>;
}

/** The transaction that writes down that nobody has decided in time. */
type ExpiredIn =
  | { readonly kind: 'tenant'; readonly tx: Tx<'tenant'> }
  | { readonly kind: 'operator'; readonly tx: Tx<'operator'> };

/** @see the head of this file */
export class ApprovalService {
  readonly #store: Pick<Store, 'operator' | 'tenant'>;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #onExpired: (where: ExpiredIn, row: ApprovalRow) => void;

  /** @param deps.onExpired told, in the commit that writes it down, of a request on which nobody has decided in time */
  constructor(deps: {
    readonly store: Pick<Store, 'operator' | 'tenant'>;
    readonly clock: Clock;
    readonly random: Random;
    readonly onExpired: (where: ExpiredIn, row: ApprovalRow) => void;
  }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#random = deps.random;
    this.#onExpired = deps.onExpired;
  }

  /** Puts down what somebody asks for. @throws KuvertError `rate_limited` when too much waits in this place */
  async request(
    asked: {
      readonly place: Place;
      /** The file in which the effect lies. */
      readonly liesIn: 'tenant' | 'operator';
      readonly requestedBy: AdministratorId;
      readonly payload: Payload;
    },
    noted: Noted,
  ): Promise<{ approvalId: ApprovalId; payloadHash: string; expiresAt: string }> {
    const { place, requestedBy } = asked;
    const home = asked.liesIn === 'operator' ? operatorHome(this.#store) : this.#tenantHome(place);
    const payload = JSON.stringify(asked.payload);
    const requestedAt = this.#clock.nowMs();
    const approvalId = makeId('approval', this.#random(16));
    const payloadHash = hashOf(payload);
    const expiresAt = requestedAt + OPEN_MS;
    const answer = { approvalId, payloadHash, expiresAt: new Date(expiresAt).toISOString() };
    await home.scope.write(async (tx) => {
      await tx.guard('approvals', place);
      await noteIn(home, noted, tx, {
        object: approvalId,
        after: { payloadHash, operation: asked.payload.operation },
        answer,
      });
      const query = { index: 'byPlace', equals: [place], order: 'desc', limit: OPEN_PER_PLACE_MAX } as const;
      const { rows } = await tx.list(home.table, query);
      if (rows.length === OPEN_PER_PLACE_MAX && rows.every((row) => this.#isOpen(row)))
        throw new KuvertError('rate_limited', { retry: { kind: 'after', ms: 3_600_000 } });
      tx.insert(home.table, {
        approvalId,
        place,
        state: 'open',
        operation: asked.payload.operation,
        payload,
        payloadHash,
        requestedBy,
        requestedAt,
        expiresAt,
        decidedBy: null,
        decidedAt: null,
        forgetAt: requestedAt + REMEMBERED_MS,
      });
    });
    return answer;
  }

  /** A page of a place's requests, newest first; one whose time is over says so. @throws KuvertError `cursor_invalid` */
  async list(place: Place, page: { readonly cursor: string | undefined; readonly limit: number }) {
    const { rows, next } = await listHomes(this.#homesOf(place), place, page);
    const shown = rows.map((row) =>
      row.state === 'open' && !this.#isOpen(row) ? { ...row, state: 'expired' as const } : row,
    );
    return { rows: shown, next };
  }

  /**
   * Does what was asked for, once.
   * @throws KuvertError `not_found`, `approval_own`, `approval_over`, `version_conflict` for another hash, and what the operation refuses with
   */
  async approve(
    approved: {
      readonly place: Place;
      readonly approvalId: ApprovalId;
      readonly payloadHash: string;
      readonly by: AdministratorId;
    },
    execute: Execute,
    noted: Noted,
  ): Promise<object | undefined> {
    const { place, approvalId, payloadHash, by } = approved;
    const { home, row } = await this.#find(place, approvalId);
    if (row.requestedBy === by) throw new KuvertError('approval_own');
    if (!this.#isOpen(row)) throw new KuvertError('approval_over');
    if (row.payloadHash !== payloadHash || hashOf(row.payload) !== payloadHash)
      throw new KuvertError('version_conflict');
    try {
      return await execute({
        ...payloadOf(row),
        askedBy: row.requestedBy,
        approvedBy: by,
        alongside: async (kind, effectTx) => {
          // Otherwise it could be done and not be marked, or marked and not be done.
          if (kind !== home.kind) throw new Error('an effect lies in another file than its approval');
          const tx = homeTx(effectTx);
          const present = await tx.get(home.table, approvalId);
          if (!this.#isOpen(present)) throw new KuvertError('approval_over');
          this.#decide(tx, home, present, { state: 'executed', by });
          await noteIn(home, noted, tx, { object: approvalId, after: { state: 'executed', payloadHash } });
        },
      });
    } catch (error) {
      // What can never be done is over; what may be tried again stays open.
      const isFinal =
        error instanceof KuvertError && error.retry.kind === 'never' && error.code !== 'approval_over';
      // Of two at once the later one may fail at what the first has done.
      if (isFinal && !(await this.#close(home, approvalId, { state: 'failed', by }, noted)))
        throw new KuvertError('approval_over', { cause: error });
      throw error;
    }
  }

  /** @throws KuvertError `not_found`, `approval_over` */
  async refuse(
    refused: { readonly place: Place; readonly approvalId: ApprovalId; readonly by: AdministratorId },
    noted: Noted,
  ): Promise<void> {
    const { place, approvalId, by } = refused;
    const { home } = await this.#find(place, approvalId);
    if (!(await this.#close(home, approvalId, { state: 'refused', by }, noted)))
      throw new KuvertError('approval_over');
  }

  /** Writes down which requests nobody has decided on in time, and forgets old ones. @returns how many rows */
  async sweep(limit: number): Promise<number> {
    return this.#sweep(operatorHome(this.#store), limit);
  }

  /** The same for those that lie in a tenant's file. */
  async sweepTenant(tenantId: TenantId, limit: number): Promise<number> {
    return this.#sweep(tenantHome(this.#store, tenantId), limit);
  }

  async #sweep({ kind, scope, table }: ApprovalHome, limit: number): Promise<number> {
    const nowMs = this.#clock.nowMs();
    const { rows } = await scope.list(table, {
      index: 'byState',
      equals: ['open'],
      before: nowMs + 1,
      limit,
    });
    for (const { approvalId } of rows) {
      await scope.write(async (tx) => {
        const row = await tx.find(table, approvalId);
        if (row?.state !== 'open') return;
        tx.put(table, { ...row, state: 'expired', decidedAt: nowMs });
        this.#onExpired({ kind, tx } as ExpiredIn, row);
      });
    }
    return rows.length + (await scope.expire(table, nowMs, limit));
  }

  async #close(
    home: ApprovalHome,
    approvalId: ApprovalId,
    decided: { readonly state: 'refused' | 'failed'; readonly by: AdministratorId },
    noted: Noted,
  ): Promise<boolean> {
    return home.scope.write(async (tx) => {
      const row = await tx.get(home.table, approvalId);
      if (!this.#isOpen(row)) return false;
      this.#decide(tx, home, row, decided);
      const after = { state: decided.state, payloadHash: row.payloadHash };
      await noteIn(home, noted, tx, { object: approvalId, after });
      return true;
    });
  }

  #decide(
    tx: Tx<'tenant'>,
    { table }: ApprovalHome,
    row: ApprovalRow,
    { state, by }: { state: 'executed' | 'refused' | 'failed'; by: AdministratorId },
  ): void {
    tx.put(table, { ...row, state, decidedBy: by, decidedAt: this.#clock.nowMs() });
  }

  /** A request of another place is not there. */
  async #find(place: Place, approvalId: ApprovalId): Promise<{ home: ApprovalHome; row: ApprovalRow }> {
    for (const home of this.#homesOf(place)) {
      const row = await home.scope.find(home.table, approvalId);
      if (row?.place === place) return { home, row };
    }
    throw new KuvertError('not_found');
  }

  /** Everywhere where a place's requests may lie. */
  #homesOf(place: Place): ApprovalHome[] {
    const own = operatorHome(this.#store);
    return place === INSTALLATION ? [own] : [own, this.#tenantHome(place)];
  }

  #tenantHome(place: Place): ApprovalHome {
    if (place === INSTALLATION) throw new Error('the installation has no file of a tenant');
    return tenantHome(this.#store, place);
  }

  #isOpen({ state, expiresAt }: ApprovalRow): boolean {
    return state === 'open' && this.#clock.nowMs() < expiresAt;
  }
}

/** Records something in the file of a home. */
async function noteIn(home: ApprovalHome, noted: Noted, tx: Tx<'tenant'>, effect: Effect): Promise<void> {
  if (home.kind === 'tenant') await noted.tenant(tx, effect);
  else await noted.operator(tx as unknown as Tx<'operator'>, effect);
}

/** What will happen. */
export function payloadOf({ payload }: ApprovalRow): Payload {
  return JSON.parse(payload) as Payload;
}

function hashOf(payload: string): string {
  return createHash('sha256').update(LABELS.approvalPayload).update(payload).digest('hex');
}
