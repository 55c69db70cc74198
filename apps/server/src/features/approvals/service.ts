/** The rules of four eyes (README.md). */
import { createHash } from 'node:crypto';
import { type AdministratorId, type ApprovalId, KuvertError, LABELS, makeId } from '@kuvert/protocol';
import type { Clock, Random } from '../../clock.ts';
import type { Noted, NoteEffect } from '../../effects.ts';
import type { Execute } from '../../http/admin/admin-routes.ts';
import type { RowOf, Store, Tx } from '../../store/index.ts';
import { approvals } from './collections.ts';

/** Within which somebody has to approve, and how long it is remembered what became of it. */
const OPEN_MS = 86_400_000;
const REMEMBERED_MS = 366 * 86_400_000;
const OPEN_PER_PLACE_MAX = 100;

/** A request as it is stored. */
export type ApprovalRow = RowOf<typeof approvals>;

/** What was asked for, word for word. */
export interface Payload {
  readonly operation: string;
  readonly params: Record<string, string>;
  readonly body: Record<string, unknown>;
}

/** @see the head of this file */
export class ApprovalService {
  readonly #store: Pick<Store, 'operator'>;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #onExpired: (tx: Tx<'operator'>, row: ApprovalRow) => void;

  /** @param deps.onExpired told, in the commit that writes it down, of a request on which nobody has decided in time */
  constructor(deps: {
    readonly store: Pick<Store, 'operator'>;
    readonly clock: Clock;
    readonly random: Random;
    readonly onExpired: (tx: Tx<'operator'>, row: ApprovalRow) => void;
  }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#random = deps.random;
    this.#onExpired = deps.onExpired;
  }

  /** Puts down what somebody asks for. @throws KuvertError `rate_limited` when too much waits in this place */
  async request(
    asked: { readonly place: string; readonly requestedBy: AdministratorId; readonly payload: Payload },
    noted: Noted,
  ): Promise<{ approvalId: ApprovalId; payloadHash: string; expiresAt: string }> {
    const { place, requestedBy } = asked;
    const payload = JSON.stringify(asked.payload);
    const requestedAt = this.#clock.nowMs();
    const approvalId = makeId('approval', this.#random(16));
    const payloadHash = hashOf(payload);
    const expiresAt = requestedAt + OPEN_MS;
    const answer = { approvalId, payloadHash, expiresAt: new Date(expiresAt).toISOString() };
    await this.#store.operator().write(async (tx) => {
      await tx.guard('approvals', place);
      await noted.operator(tx, {
        object: approvalId,
        after: { payloadHash, operation: asked.payload.operation },
        answer,
      });
      const query = { index: 'byPlace', equals: [place], order: 'desc', limit: OPEN_PER_PLACE_MAX } as const;
      const { rows } = await tx.list(approvals, query);
      if (rows.length === OPEN_PER_PLACE_MAX && rows.every((row) => this.#isOpen(row)))
        throw new KuvertError('rate_limited', { retry: { kind: 'after', ms: 3_600_000 } });
      tx.insert(approvals, {
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
  async list(place: string, { cursor, limit }: { cursor: string | undefined; limit: number }) {
    const page = await this.#store.operator().list(approvals, {
      index: 'byPlace',
      equals: [place],
      order: 'desc',
      limit,
      ...(cursor === undefined ? {} : { cursor }),
    });
    const rows = page.rows.map((row) =>
      row.state === 'open' && !this.#isOpen(row) ? { ...row, state: 'expired' as const } : row,
    );
    return { rows, next: page.next };
  }

  /**
   * Does what was asked for, once.
   * @throws KuvertError `not_found`, `approval_own`, `approval_over`, `version_conflict` for another hash, and what the operation refuses with
   */
  async approve(
    approved: {
      readonly place: string;
      readonly approvalId: ApprovalId;
      readonly payloadHash: string;
      readonly by: AdministratorId;
    },
    execute: Execute,
    note: NoteEffect<'operator'>,
  ): Promise<object | undefined> {
    const { place, approvalId, payloadHash, by } = approved;
    const row = await this.#find(place, approvalId);
    if (row.requestedBy === by) throw new KuvertError('approval_own');
    if (!this.#isOpen(row)) throw new KuvertError('approval_over');
    if (row.payloadHash !== payloadHash || hashOf(row.payload) !== payloadHash)
      throw new KuvertError('version_conflict');
    try {
      return await execute({
        ...payloadOf(row),
        askedBy: row.requestedBy,
        approvedBy: by,
        alongside: async (tx) => {
          const present = await tx.get(approvals, approvalId);
          if (!this.#isOpen(present)) throw new KuvertError('approval_over');
          this.#decide(tx, present, { state: 'executed', by });
          await note(tx, { object: approvalId, after: { state: 'executed', payloadHash } });
        },
      });
    } catch (error) {
      // What can never be done is over; what may be tried again stays open.
      const isFinal =
        error instanceof KuvertError && error.retry.kind === 'never' && error.code !== 'approval_over';
      if (isFinal) await this.#close(approvalId, { state: 'failed', by }, note);
      throw error;
    }
  }

  /** @throws KuvertError `not_found`, `approval_over` */
  async refuse(
    refused: { readonly place: string; readonly approvalId: ApprovalId; readonly by: AdministratorId },
    note: NoteEffect<'operator'>,
  ): Promise<void> {
    const { place, approvalId, by } = refused;
    await this.#find(place, approvalId);
    if (!(await this.#close(approvalId, { state: 'refused', by }, note)))
      throw new KuvertError('approval_over');
  }

  /** Writes down which requests nobody has decided on in time, and forgets old ones. @returns how many rows */
  async sweep(limit: number): Promise<number> {
    const nowMs = this.#clock.nowMs();
    const scope = this.#store.operator();
    const { rows } = await scope.list(approvals, {
      index: 'byState',
      equals: ['open'],
      before: nowMs + 1,
      limit,
    });
    for (const { approvalId } of rows) {
      await scope.write(async (tx) => {
        const row = await tx.find(approvals, approvalId);
        if (row?.state !== 'open') return;
        tx.put(approvals, { ...row, state: 'expired', decidedAt: nowMs });
        this.#onExpired(tx, row);
      });
    }
    return rows.length + (await scope.expire(approvals, nowMs, limit));
  }

  async #close(
    approvalId: ApprovalId,
    decided: { readonly state: 'refused' | 'failed'; readonly by: AdministratorId },
    note: NoteEffect<'operator'>,
  ): Promise<boolean> {
    return this.#store.operator().write(async (tx) => {
      const row = await tx.get(approvals, approvalId);
      if (!this.#isOpen(row)) return false;
      this.#decide(tx, row, decided);
      await note(tx, { object: approvalId, after: { state: decided.state, payloadHash: row.payloadHash } });
      return true;
    });
  }

  #decide(
    tx: Tx<'operator'>,
    row: ApprovalRow,
    { state, by }: { state: 'executed' | 'refused' | 'failed'; by: AdministratorId },
  ): void {
    tx.put(approvals, { ...row, state, decidedBy: by, decidedAt: this.#clock.nowMs() });
  }

  /** A request of another place is not there. */
  async #find(place: string, approvalId: ApprovalId): Promise<ApprovalRow> {
    const row = await this.#store.operator().find(approvals, approvalId);
    if (row?.place !== place) throw new KuvertError('not_found');
    return row;
  }

  #isOpen({ state, expiresAt }: ApprovalRow): boolean {
    return state === 'open' && this.#clock.nowMs() < expiresAt;
  }
}

/** What will happen. */
export function payloadOf({ payload }: ApprovalRow): Payload {
  return JSON.parse(payload) as Payload;
}

function hashOf(payload: string): string {
  return createHash('sha256').update(LABELS.approvalPayload).update(payload).digest('hex');
}
