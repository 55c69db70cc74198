import type { ChainId, ChainRange, DeviceId, PersonId } from '@kuvert/protocol';
import type { ReceiptKind, ReceiptRange, ReceiptStore } from '../../ticks/store.ts';
import { number, type Row, type Sql, text } from './rows.ts';

const KINDS = { delivered: 1, read: 2 } as const satisfies Record<ReceiptKind, number>;

/** @see ReceiptStore */
export class SqlReceiptStore implements ReceiptStore {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  add(range: ReceiptRange, { atMs, isDue }: { readonly atMs: number; readonly isDue: boolean }): boolean {
    const of = [range.chain, KINDS[range.kind], range.device] as const;
    const touching = 'chain = ? AND kind = ? AND device = ? AND first <= ? AND last >= ?';
    const limits = [range.last + 1, range.first - 1] as const;
    return this.#sql.transaction(() => {
      const rows = this.#sql.all(`SELECT first, last, due FROM receipt WHERE ${touching}`, ...of, ...limits);
      const isKnown = (row: Row) => number(row, 'first') <= range.first && number(row, 'last') >= range.last;
      if (rows.some(isKnown)) return false;
      const first = Math.min(range.first, ...rows.map((row) => number(row, 'first')));
      const last = Math.max(range.last, ...rows.map((row) => number(row, 'last')));
      const due = isDue || rows.some((row) => number(row, 'due') === 1) ? 1 : 0;
      this.#sql.run(`DELETE FROM receipt WHERE ${touching}`, ...of, ...limits);
      const sql = `INSERT INTO receipt (chain, kind, device, first, last, person, at, due)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)`;
      this.#sql.run(sql, ...of, first, last, range.personId, atMs, due);
      return true;
    });
  }
  listPeopleDue(): PersonId[] {
    const sql = 'SELECT DISTINCT person FROM receipt WHERE due = 1';
    return this.#sql.all(sql).map((row) => text<PersonId>(row, 'person'));
  }
  takeDue(personId: PersonId, kind: ReceiptKind, limit: number): ChainRange[] {
    const due = 'person = ? AND kind = ? AND due = 1';
    return this.#sql.transaction(() => {
      const sql = `SELECT chain, device, first, last FROM receipt WHERE ${due} ORDER BY at LIMIT (? + 0)`;
      const rows = this.#sql.all(sql, personId, KINDS[kind], limit);
      for (const row of rows) {
        this.#sql.run(
          'UPDATE receipt SET due = 0 WHERE chain = ? AND kind = ? AND device = ? AND first = ?',
          text(row, 'chain'),
          KINDS[kind],
          text(row, 'device'),
          number(row, 'first'),
        );
      }
      return rows.map((row) => ({
        chain: text<ChainId>(row, 'chain'),
        from: number(row, 'first'),
        to: number(row, 'last'),
      }));
    });
  }
  furthest(personId: PersonId, chain: ChainId, seq: number): ReceiptKind | undefined {
    const sql = `SELECT coalesce(max(kind), 0) AS kind FROM receipt
      WHERE chain = ? AND kind IN (1, 2) AND first <= ? AND last >= ? AND person = ?`;
    const row = this.#sql.get(sql, chain, seq, seq, personId);
    return row && kindOf(number(row, 'kind'));
  }
  listOf(
    personId: PersonId,
    chain: ChainId,
    seq: number,
  ): { readonly device: DeviceId; readonly kind: ReceiptKind; readonly atMs: number }[] {
    const sql = `SELECT device, max(kind) AS kind, max(at) AS at FROM receipt
      WHERE chain = ? AND kind IN (1, 2) AND first <= ? AND last >= ? AND person = ? GROUP BY device`;
    return this.#sql.all(sql, chain, seq, seq, personId).flatMap((row) => {
      const kind = kindOf(number(row, 'kind'));
      return kind ? [{ device: text<DeviceId>(row, 'device'), kind, atMs: number(row, 'at') }] : [];
    });
  }
}

function kindOf(value: number): ReceiptKind | undefined {
  if (value === KINDS.read) return 'read';
  return value === KINDS.delivered ? 'delivered' : undefined;
}
