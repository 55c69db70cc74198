import {
  type ChainId,
  CLASSES,
  type ContentId,
  type DeviceId,
  type ErrorCode,
  type GroupId,
  ID_TYPES,
  type PersonId,
  type SubmitClass,
  type SubmitId,
} from '@kuvert/protocol';
import type { Lane, OutboxRow, OutboxStore, OutboxWork, SealedRow } from '../../store.ts';
import { bytes, bytesOrNone, number, numberOrNone, type Row, type Sql, text, textOrNone } from './rows.ts';

/** Nobody can ask any more for what was not delivered for so long: the server has given it up (wire.md §4). */
const UNDELIVERED_KEPT_MS = 60 * 86_400_000;
const FORGOTTEN = "frame = NULL, body = NULL, content = x''";
/** Accepted, and as far as is known nowhere yet. */
const UNREACHED = `class = 1 AND kind NOT IN ('sent', 'resent') AND work = 0 AND parked = 0 AND accepted_at IS NOT NULL
  AND delivered_at IS NULL AND frame IS NOT NULL AND to_person IS NOT NULL`;
const WORK: readonly OutboxWork[] = ['done', 'seal', 'submit', 'hold'];

type Bytes = Uint8Array<ArrayBuffer>;

/** @see OutboxStore */
export class SqlOutboxStore implements OutboxStore {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  add(
    row: Pick<
      OutboxRow,
      'contentId' | 'kind' | 'class' | 'toMail' | 'toPerson' | 'toGroup' | 'content' | 'sentAtMs'
    >,
  ): number {
    const sql =
      'INSERT INTO outbox (content_id, kind, class, to_mail, to_person, content, sent_at, fresh) VALUES (?, ?, ?, ?, ?, ?, ?, ?)';
    const { contentId, kind, toMail, toPerson, content, sentAtMs } = row;
    return this.#sql.insert(
      sql,
      contentId,
      kind,
      row.class,
      toMail ?? null,
      row.toGroup ?? toPerson ?? null,
      content,
      sentAtMs,
      row.class === CLASSES.message ? 1 : 0,
    );
  }

  get(seq: number): OutboxRow | undefined {
    return this.#one('SELECT * FROM outbox WHERE seq = ?', seq);
  }
  findByContentId(contentId: ContentId): OutboxRow | undefined {
    return this.#one('SELECT * FROM outbox WHERE content_id = ?', contentId);
  }
  findToGroup(hash: Bytes): OutboxRow | undefined {
    const sql = `SELECT outbox.* FROM leg JOIN outbox USING (seq) WHERE leg.hash = ? AND leg.device = outbox.to_person`;
    return this.#one(sql, hash);
  }
  findByLegHash(hash: Bytes, device: DeviceId): OutboxRow | undefined {
    const sql = 'SELECT outbox.* FROM leg JOIN outbox USING (seq) WHERE leg.hash = ? AND leg.device = ?';
    return this.#one(sql, hash, device);
  }
  findByChain(chain: ChainId, seq: number): OutboxRow | undefined {
    return this.#one('SELECT * FROM outbox WHERE chain = ? AND chain_seq = ?', chain, seq);
  }

  listUnresolvedMails(limit: number): string[] {
    const sql = `SELECT DISTINCT to_mail FROM outbox
      WHERE to_person IS NULL AND work > 0 AND parked = 0 AND to_mail IS NOT NULL LIMIT (? + 0)`;
    return this.#sql.all(sql, limit).map((row) => text(row, 'to_mail'));
  }
  resolveMail(mail: string, personId: PersonId): void {
    const sql = 'UPDATE outbox SET to_person = ?, problem = NULL WHERE to_person IS NULL AND to_mail = ?';
    this.#sql.run(sql, personId, mail);
  }

  listLanesToSeal(): Lane[] {
    const sql = `SELECT DISTINCT to_person FROM outbox INDEXED BY outbox_to_seal
      WHERE work = 1 AND parked = 0 AND to_person IS NOT NULL`;
    return this.#sql.all(sql).map((row) => text<Lane>(row, 'to_person'));
  }
  setFrame(seq: number, frame: Bytes): void {
    this.#sql.run('UPDATE outbox SET frame = ? WHERE seq = ?', frame, seq);
  }
  listToSeal(lane: Lane, limit: number): OutboxRow[] {
    // Left to itself SQLite goes through all that was ever sent there.
    const sql = `SELECT * FROM outbox INDEXED BY outbox_to_seal
      WHERE to_person = ? AND work = 1 AND parked = 0 ORDER BY seq LIMIT (? + 0)`;
    return this.#sql.all(sql, lane, limit).map(rowOf);
  }
  listToSubmit(
    limit: number,
    except: { readonly seqs: Iterable<number>; readonly lanes: Iterable<Lane> },
  ): OutboxRow[] {
    const sql = `SELECT * FROM outbox WHERE work = 2 AND parked = 0
      AND seq NOT IN (SELECT value FROM json_each(?)) AND to_person NOT IN (SELECT value FROM json_each(?))
      AND NOT EXISTS (SELECT 1 FROM outbox AS earlier WHERE earlier.to_person = outbox.to_person
        AND earlier.work = 1 AND earlier.parked = 0 AND earlier.seq < outbox.seq)
      ORDER BY seq LIMIT (? + 0)`;
    const seqs = JSON.stringify([...except.seqs]);
    return this.#sql.all(sql, seqs, JSON.stringify([...except.lanes]), limit).map(rowOf);
  }
  listSealed(): number[] {
    return this.#sql.all('SELECT seq FROM outbox WHERE work = 2').map((row) => number(row, 'seq'));
  }
  listLeftOut(seq: number): DeviceId[] {
    const sql = `SELECT DISTINCT device FROM leg JOIN outbox USING (seq) WHERE seq = ? AND work = 0 AND accepted_at IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM leg AS other
        WHERE other.seq = leg.seq AND other.device = leg.device AND (other.current = 1 OR other.acked = 1))`;
    return this.#sql.all(sql, seq).map((row) => text<DeviceId>(row, 'device'));
  }
  listLegs(seq: number): { device: DeviceId; bytes: Bytes }[] {
    const sql = 'SELECT device, bytes FROM leg WHERE seq = ? AND current = 1 AND bytes IS NOT NULL';
    return this.#sql
      .all(sql, seq)
      .map((row) => ({ device: text<DeviceId>(row, 'device'), bytes: bytes(row, 'bytes') }));
  }

  putSealed(sealed: SealedRow): void {
    const { seq, frame, chain, submitId, listHash, body, legs } = sealed;
    this.#sql.transaction(() => {
      this.#sql.run(
        `UPDATE outbox SET work = 2, problem = NULL, frame = ?, chain = ?, chain_seq = ?, link_after = ?,
          submit_id = ?, list_hash = ?, body = ? WHERE seq = ?`,
        frame,
        chain?.id ?? null,
        chain?.seq ?? null,
        chain?.linkAfter ?? null,
        submitId,
        listHash,
        body ?? null,
        seq,
      );
      this.#sql.run('UPDATE leg SET current = 0, bytes = NULL WHERE seq = ? AND current = 1', seq);
      for (const leg of legs) {
        const sql = 'INSERT INTO leg (seq, device, hash, bytes, current) VALUES (?, ?, ?, ?, 1)';
        this.#sql.run(sql, seq, leg.device, leg.hash, leg.bytes);
      }
    });
  }
  setAccepted(seq: number, acceptedAtMs: number, dormant: readonly DeviceId[] = []): void {
    // A row that a device has asked for again meanwhile is still to be sealed.
    this.#sql.run(
      `UPDATE outbox SET problem = NULL, body = NULL, accepted_at = coalesce(accepted_at, ?),
        work = CASE work WHEN 2 THEN 0 ELSE work END WHERE seq = ?`,
      acceptedAtMs,
      seq,
    );
    this.#sql.run('UPDATE leg SET bytes = NULL WHERE seq = ?', seq);
    if (dormant.length === 0) return;
    for (const device of dormant)
      this.#sql.run('UPDATE leg SET current = 0 WHERE seq = ? AND device = ?', seq, device);
    // The others may have acknowledged it before the server's answer came.
    this.#deliver('seq = ? AND delivered_at IS NULL', acceptedAtMs, [seq]);
  }
  takeNewlyAccepted(limit: number): OutboxRow[] {
    const sql = 'SELECT * FROM outbox WHERE fresh = 1 AND accepted_at IS NOT NULL ORDER BY seq LIMIT (? + 0)';
    const rows = this.#sql.all(sql, limit).map(rowOf);
    for (const row of rows) this.#sql.run('UPDATE outbox SET fresh = 0 WHERE seq = ?', row.seq);
    return rows;
  }
  withdraw(contentId: ContentId): boolean {
    const sql =
      'DELETE FROM outbox WHERE content_id = ? AND work IN (1, 3) AND frame IS NULL AND accepted_at IS NULL';
    return this.#sql.run(sql, contentId) > 0;
  }
  forgetContent(contentId: ContentId): void {
    this.#sql.run(
      `UPDATE outbox SET ${FORGOTTEN} WHERE content_id = ? AND accepted_at IS NOT NULL AND work = 0`,
      contentId,
    );
  }
  setToSeal(seq: number): void {
    this.#sql.run('UPDATE outbox SET work = 1 WHERE seq = ?', seq);
  }
  unmakeWaiting(): void {
    this.#sql.run(
      `UPDATE outbox SET work = 1, frame = NULL, body = NULL, chain = NULL, chain_seq = NULL, link_after = NULL,
        submit_id = NULL WHERE work IN (1, 2) AND parked = 0 AND accepted_at IS NULL`,
    );
  }
  setLaneToSeal(lane: Lane, except: Iterable<number>): void {
    const sql = `UPDATE outbox SET work = 1 WHERE to_person = ? AND work = 2 AND parked = 0
      AND seq NOT IN (SELECT value FROM json_each(?))`;
    this.#sql.run(sql, lane, JSON.stringify([...except]));
  }
  countResend(seq: number): void {
    this.#sql.run('UPDATE outbox SET resends = resends + 1 WHERE seq = ?', seq);
  }
  addResend(seq: number): void {
    this.#sql.run('UPDATE outbox SET work = 1, resends = resends + 1 WHERE seq = ?', seq);
  }
  setSubmitId(seq: number, submitId: SubmitId): void {
    this.#sql.run('UPDATE outbox SET submit_id = ? WHERE seq = ?', submitId, seq);
  }
  hold(contentId: ContentId): void {
    this.#sql.run(
      'UPDATE outbox SET work = 3 WHERE content_id = ? AND work = 1 AND frame IS NULL',
      contentId,
    );
  }
  release(contentId: ContentId): void {
    // Behind all that was written meanwhile: some of it has its number in the chain already, and rows go out in the order of theirs.
    const sql = `UPDATE outbox SET seq = (SELECT max(seq) + 1 FROM outbox), work = 1, problem = NULL WHERE content_id = ? AND work = 3`;
    this.#sql.run(sql, contentId);
  }
  setProblem(seq: number, problem: ErrorCode): void {
    this.#sql.run('UPDATE outbox SET problem = ? WHERE seq = ? AND work > 0', problem, seq);
  }
  setLaneProblem(lane: Lane, problem: ErrorCode): void {
    const sql = 'UPDATE outbox SET problem = ? WHERE to_person = ? AND work > 0 AND parked = 0';
    this.#sql.run(sql, problem, lane);
  }
  setMailProblem(mail: string, problem: ErrorCode): void {
    const sql = 'UPDATE outbox SET problem = ? WHERE to_person IS NULL AND to_mail = ? AND work > 0';
    this.#sql.run(sql, problem, mail);
  }
  setParked(seq: number, problem: ErrorCode): void {
    this.#sql.run('UPDATE outbox SET parked = 1, problem = ? WHERE seq = ?', problem, seq);
  }
  discard(seq: number): void {
    this.#sql.transaction(() => {
      this.#sql.run('DELETE FROM leg WHERE seq = ?', seq);
      this.#sql.run('DELETE FROM outbox WHERE seq = ?', seq);
    });
  }
  forgetDevice(device: DeviceId, atMs: number): void {
    const mine = 'seq IN (SELECT seq FROM leg WHERE device = ?) AND delivered_at IS NULL';
    this.#sql.transaction(() => {
      // Rows that are not accepted yet are sealed anew for those who are left.
      const open = `seq IN (SELECT seq FROM outbox WHERE ${mine} AND accepted_at IS NOT NULL)`;
      this.#sql.run(`UPDATE leg SET current = 0 WHERE device = ? AND ${open}`, device, device);
      this.#deliver(`${mine} AND accepted_at IS NOT NULL`, atMs, [device]);
    });
  }
  resendUnreached(personId: PersonId, hold?: ErrorCode): number {
    return this.#sql.run(
      `UPDATE outbox SET work = 1, parked = ?, problem = ? WHERE to_person = ? AND ${UNREACHED}
        AND EXISTS (SELECT 1 FROM leg WHERE leg.seq = outbox.seq)
        AND NOT EXISTS (SELECT 1 FROM leg WHERE leg.seq = outbox.seq AND (current = 1 OR acked = 1))`,
      hold === undefined ? 0 : 1,
      hold ?? null,
      personId,
    );
  }
  releaseHeld(personId: PersonId, hold: ErrorCode): boolean {
    const sql =
      'UPDATE outbox SET parked = 0, problem = NULL WHERE to_person = ? AND parked = 1 AND work = 1 AND problem = ?';
    return this.#sql.run(sql, personId, hold) > 0;
  }
  listUnreachedPeople(acceptedBeforeMs: number, limit: number): PersonId[] {
    const sql = `SELECT to_person, max(seq) AS latest FROM outbox WHERE ${UNREACHED} AND accepted_at < ?
      GROUP BY to_person ORDER BY latest DESC LIMIT (? + 0)`;
    return this.#sql.all(sql, acceptedBeforeMs, limit).map((row) => text<PersonId>(row, 'to_person'));
  }
  countWaitingMessages(): number {
    const row = this.#sql.get(
      "SELECT count(*) AS n FROM outbox WHERE work > 0 AND class = 1 AND kind <> 'sent'",
    );
    return row === undefined ? 0 : number(row, 'n');
  }
  takeUnsealed(personId: PersonId, kind: string): Bytes[] {
    const unsealed = 'outbox WHERE to_person = ? AND kind = ? AND work = 1 AND frame IS NULL';
    return this.#sql.transaction(() => {
      const rows = this.#sql.all(`SELECT content FROM ${unsealed}`, personId, kind);
      if (rows.length > 0) this.#sql.run(`DELETE FROM ${unsealed}`, personId, kind);
      return rows.map((row) => bytes(row, 'content'));
    });
  }

  acknowledgeChain(chain: ChainId, seq: number, device: DeviceId | GroupId, atMs: number): number {
    const covered = 'chain = ? AND chain_seq <= ? AND delivered_at IS NULL';
    return this.#sql.transaction(() => {
      this.#sql.run(
        `UPDATE leg SET acked = 1 WHERE device = ? AND acked = 0 AND seq IN (SELECT seq FROM outbox WHERE ${covered})`,
        device,
        chain,
        seq,
      );
      return this.#deliver(covered, atMs, [chain, seq]);
    });
  }
  acknowledgeContent(contentId: ContentId, device: DeviceId, atMs: number): number {
    const covered = 'content_id = ? AND delivered_at IS NULL';
    return this.#sql.transaction(() => {
      this.#sql.run(
        `UPDATE leg SET acked = 1 WHERE device = ? AND acked = 0 AND seq IN (SELECT seq FROM outbox WHERE ${covered})`,
        device,
        contentId,
      );
      return this.#deliver(covered, atMs, [contentId]);
    });
  }
  /** A row is delivered when no device that it was last sealed for is without acknowledgement. */
  #deliver(covered: string, atMs: number, params: (string | number)[]): number {
    return this.#sql.run(
      `UPDATE outbox SET delivered_at = ?, accepted_at = coalesce(accepted_at, ?), work = 0, problem = NULL, body = NULL
        WHERE ${covered} AND EXISTS (SELECT 1 FROM leg WHERE leg.seq = outbox.seq AND current = 1)
        AND NOT EXISTS (SELECT 1 FROM leg WHERE leg.seq = outbox.seq AND current = 1 AND acked = 0)`,
      atMs,
      atMs,
      ...params,
    );
  }

  listSent({ personId, mail, limit }: { personId?: PersonId; mail?: string; limit: number }): OutboxRow[] {
    const sql = `SELECT * FROM outbox WHERE class = 1
      AND (to_person IS coalesce(?, to_person) OR (to_person IS NULL AND to_mail = ?)) ORDER BY seq DESC LIMIT (? + 0)`;
    return this.#sql
      .all(sql, personId ?? mail ?? null, mail ?? null, limit)
      .map(rowOf)
      .reverse();
  }

  expire(beforeMs: number): void {
    this.#sql.transaction(() => {
      const old = 'frame IS NOT NULL AND sent_at < ? AND delivered_at IS NOT NULL AND work = 0';
      this.#sql.run(`DELETE FROM leg WHERE seq IN (SELECT seq FROM outbox WHERE ${old})`, beforeMs);
      // The text is in its conversation, for as long as it is to stay there.
      this.#sql.run(`UPDATE outbox SET ${FORGOTTEN} WHERE ${old}`, beforeMs);
      const lost = 'frame IS NOT NULL AND sent_at < ? AND accepted_at IS NOT NULL AND work = 0';
      this.#sql.run(`UPDATE outbox SET ${FORGOTTEN} WHERE ${lost}`, beforeMs - UNDELIVERED_KEPT_MS);
      const control = 'class <> 1 AND sent_at < ? AND (work = 0 OR parked = 1)';
      this.#sql.run(`DELETE FROM leg WHERE seq IN (SELECT seq FROM outbox WHERE ${control})`, beforeMs);
      this.#sql.run(`DELETE FROM outbox WHERE ${control}`, beforeMs);
    });
  }

  #one(sql: string, ...params: (string | number | Bytes)[]): OutboxRow | undefined {
    const row = this.#sql.get(sql, ...params);
    return row && rowOf(row);
  }
}

function rowOf(row: Row): OutboxRow {
  const chain = textOrNone<ChainId>(row, 'chain');
  return {
    seq: number(row, 'seq'),
    contentId: text<ContentId>(row, 'content_id'),
    kind: text(row, 'kind'),
    class: number(row, 'class') as SubmitClass,
    toMail: textOrNone(row, 'to_mail'),
    ...recipientOf(textOrNone(row, 'to_person')),
    content: bytes(row, 'content'),
    sentAtMs: number(row, 'sent_at'),
    work: WORK[number(row, 'work')] ?? 'done',
    problem: textOrNone<ErrorCode>(row, 'problem'),
    parked: number(row, 'parked') === 1,
    frame: bytesOrNone(row, 'frame'),
    chain: chain && { id: chain, seq: number(row, 'chain_seq'), linkAfter: bytes(row, 'link_after') },
    submitId: textOrNone<SubmitId>(row, 'submit_id'),
    listHash: bytesOrNone(row, 'list_hash'),
    body: bytesOrNone(row, 'body'),
    acceptedAtMs: numberOrNone(row, 'accepted_at'),
    deliveredAtMs: numberOrNone(row, 'delivered_at'),
    resends: number(row, 'resends'),
  };
}

/** A group stands where a person stands; the prefix of its id tells them apart. */
function recipientOf(id: string | undefined): {
  toPerson: PersonId | undefined;
  toGroup: GroupId | undefined;
} {
  const isGroup = id?.startsWith(`${ID_TYPES.group.prefix}_`) ?? false;
  return {
    toPerson: isGroup ? undefined : (id as PersonId | undefined),
    toGroup: isGroup ? (id as GroupId) : undefined,
  };
}
