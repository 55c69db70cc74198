/**
 * Sends what waits in the outbox, while there is a connection.
 *
 * Each recipient is a lane. A row goes through: address resolved → keys verified, sessions begun → sealed and committed →
 * submitted → accepted. Up to 64 submits are under way at once. A row whose answer was lost is submitted again
 * with the same bytes under the same id; only `devices_changed` has it sealed anew, and then its lane stands still until all
 * answers of the lane are in, so that no message overtakes an earlier one.
 */
import {
  CLASSES,
  type ErrorCode,
  type GroupId,
  KuvertError,
  type LifetimeClass,
  type PersonId,
  SUITES,
  type SubmitId,
  submitIdTimeMs,
} from '@kuvert/protocol';
import { Addressees } from './addressees.ts';
import { advanceAccepted, isGroupLane } from './chains/own-chain.ts';
import { type Context, newSubmitId } from './context.ts';
import { tellOutgoing } from './conversations/outgoing.ts';
import { takeAccepted } from './conversations/own-state.ts';
import type { Directory } from './directory.ts';
import type { GroupSending } from './groups/sending.ts';
import { isWorthTelling, LaneBlocks, LONG_PAUSE_MS, pauseAfter } from './lane-blocks.ts';
import type { Accepted, Connection } from './ports.ts';
import { listDevicesWithoutSession, type StagedRows, stageNextRows } from './sealing.ts';
import type { KnownAccount, Lane, OutboxRow } from './store.ts';
import { awaitsConfirmation, isAskedAtFirst } from './trust/confirmation.ts';
import { type Submitted, UnderWay } from './under-way.ts';

/** Lanes for which keys are fetched at once, and whose rows are committed together. */
const LANES_AT_ONCE = 16;
/** `devices_changed` in a row after which a lane pauses: the server contradicts itself. */
const RESEALS_MAX = 3;
/** What the server takes of the time in a submit id, less a margin (wire.md §4: it remembers submits for seven days). */
const SUBMIT_ID_AGE_MAX_MS = 7 * 86_400_000 - 2 * 3_600_000;
const SUBMIT_ID_AHEAD_MS = 30 * 60_000;
/** New submit ids for one row on one connection. */
const NEW_IDS_MAX = 3;

const LIFETIME: LifetimeClass = 1;

interface Answer {
  readonly to: Submitted;
  readonly connection: Connection;
  readonly outcome: Accepted | KuvertError;
}

/** A person's lane whose next rows can be sealed. */
interface PreparedLane {
  readonly account: KnownAccount;
  readonly bundles: Awaited<ReturnType<Directory['take']>>['bundles'];
}

/** @see the top of this file */
export class Sender {
  readonly #context: Context;
  readonly #directory: Directory;
  readonly #groups: GroupSending;
  readonly #underWay = new UnderWay();
  readonly #lanes: LaneBlocks<Lane>;
  readonly #addressees: Addressees;
  /** Lanes that stand still until their answers are in. */
  readonly #paused = new Set<Lane>();
  /** Lanes whose device list must be fetched again before sealing. */
  readonly #outdated = new Set<Lane>();
  readonly #reseals = new Map<Lane, number>();
  /** How often a row got a new submit id on this connection. */
  readonly #renewedIds = new Map<number, number>();
  /** Rows that may have been submitted on an earlier connection as they are. */
  #sealedBefore: ReadonlySet<number> = new Set();
  #answers: Answer[] = [];
  #connection: Connection | undefined;
  #isPumping = false;
  #isSettling = false;
  #again = false;

  constructor(context: Context, directory: Directory, groups: GroupSending) {
    this.#context = context;
    this.#directory = directory;
    this.#groups = groups;
    this.#lanes = new LaneBlocks(context.clock, () => this.kick());
    this.#addressees = new Addressees(context, directory, () => this.kick());
  }

  /** From now on rows go out through this connection. */
  connected(connection: Connection): void {
    this.#connection = connection;
    this.#lanes.clear();
    this.#addressees.clear();
    this.#paused.clear();
    this.#reseals.clear();
    this.#renewedIds.clear();
    this.#sealedBefore = new Set(this.#context.store.outbox.listSealed());
    this.kick();
  }

  /** The connection is gone; rows whose answer is missing stay as they are. */
  disconnected(): void {
    this.#connection = undefined;
    this.#underWay.clear();
    this.#lanes.clear();
    this.#addressees.clear();
  }

  /** There may be something to do. */
  kick(): void {
    this.#again = true;
    if (this.#isPumping || this.#connection === undefined) return;
    this.#isPumping = true;
    this.#pump(this.#connection)
      .catch((cause: unknown) => this.#context.failed(cause))
      .finally(() => {
        this.#isPumping = false;
        if (this.#again && this.#connection !== undefined) this.kick();
        else this.#context.changed();
      });
  }

  /** True when nothing stands before what is to be sealed for a person. */
  isOpen(lane: Lane): boolean {
    return !this.#lanes.has(lane) && !this.#paused.has(lane) && !this.#outdated.has(lane);
  }

  /** True when nothing is under way and nothing can be done soon. */
  isIdle(): boolean {
    const isBusy = this.#isPumping || this.#isSettling || this.#answers.length > 0 || !this.#underWay.isEmpty;
    return !isBusy && !this.#lanes.hasShort() && !this.#addressees.isWaiting();
  }

  async #pump(connection: Connection): Promise<void> {
    while (this.#again && this.#connection === connection) {
      this.#again = false;
      await this.#addressees.resolve(connection, () => this.#connection === connection);
      const { outbox } = this.#context.store;
      const ready = outbox
        .listLanesToSeal()
        .filter((lane) => !this.#lanes.has(lane) && !this.#paused.has(lane));
      for (let at = 0; at < ready.length && this.#connection === connection; at += LANES_AT_ONCE) {
        const some = ready.slice(at, at + LANES_AT_ONCE);
        const prepared = await Promise.all(
          some.map((lane) =>
            isGroupLane(lane) ? this.#sealGroup(connection, lane) : this.#prepareLane(connection, lane),
          ),
        );
        await this.#sealLanes(
          connection,
          prepared.filter((one) => one !== undefined),
        );
        this.#submitReady(connection);
      }
      this.#submitReady(connection);
    }
  }

  /** The same for a group: what its members need first goes out through their own lanes. */
  async #sealGroup(connection: Connection, lane: GroupId): Promise<undefined> {
    try {
      if (this.#outdated.has(lane)) this.#groups.outdated(lane);
      const targets = await this.#groups.prepare(connection, lane);
      if (this.#connection !== connection) return undefined;
      this.#outdated.delete(lane);
      const count = targets && (await this.#context.operations.run(() => this.#groups.seal(targets)));
      // Either there are more rows, or rows for members are to be sealed first.
      if (count === undefined ? this.#groups.hasQueued() : count > 0) this.#again = true;
    } catch (error) {
      this.#failed(connection, lane, error);
    }
    return undefined;
  }

  /** Fetches and verifies what the lane needs. @returns undefined where that is not to be had, or comes too late */
  async #prepareLane(connection: Connection, lane: PersonId): Promise<PreparedLane | undefined> {
    const { store } = this.#context;
    try {
      let account = store.directory.getAccount(lane);
      if (account === undefined && isAskedAtFirst(this.#context, lane)) {
        // No prekeys are taken for somebody whose keys are to be looked at first.
        account = await this.#directory.refresh(connection, lane);
      }
      let bundles: PreparedLane['bundles'] = new Map();
      if (account !== undefined && this.#outdated.has(lane)) {
        account = await this.#directory.refresh(connection, lane);
      }
      if (account !== undefined) this.#confirm(account);
      if (account === undefined || listDevicesWithoutSession(this.#context, account).length > 0) {
        ({ account, bundles } = await this.#directory.take(connection, lane));
      }
      if (this.#connection !== connection) return undefined;
      this.#confirm(account);
      this.#outdated.delete(lane);
      return { account, bundles };
    } catch (error) {
      this.#failed(connection, lane, error);
      return undefined;
    }
  }

  /** Seals the next rows of lanes and commits them together: the key of a large group goes to a thousand people at once. */
  async #sealLanes(connection: Connection, lanes: readonly PreparedLane[]): Promise<void> {
    if (lanes.length === 0) return;
    const { store, operations } = this.#context;
    await operations.run(async () => {
      const staged: StagedRows[] = [];
      for (const { account, bundles } of lanes) {
        try {
          const rows = await stageNextRows(this.#context, account, bundles);
          if (rows !== undefined) staged.push(rows);
        } catch (error) {
          this.#failed(connection, account.personId, error);
        }
      }
      if (staged.length === 0) return;
      store.transaction(() => {
        for (const rows of staged) rows.commit();
      });
      this.#again = true;
    });
  }

  /** What failed for one lane holds that one up. @throws what is no KuvertError */
  #failed(connection: Connection, lane: Lane, error: unknown): void {
    if (!(error instanceof KuvertError)) throw error;
    if (this.#connection === connection) this.#blockLane(lane, error);
  }

  /** @throws KuvertError `keys_unconfirmed` while the person is to be asked first */
  #confirm(account: KnownAccount): void {
    if (awaitsConfirmation(this.#context, account)) throw new KuvertError('keys_unconfirmed');
  }

  /** Whatever held messages to a person back is over. */
  release(lane: Lane): void {
    this.#lanes.unblock(lane);
    this.kick();
  }

  #blockLane(lane: Lane, error: KuvertError): void {
    const { store, clock } = this.#context;
    const code: ErrorCode = error.code === 'not_found' ? 'recipient_unknown' : error.code;
    const isIdentity = code.startsWith('identity_');
    // `pin` has left a notice; a bundle that is not signed by the listed key is found only while sealing.
    if (isIdentity && !isGroupLane(lane)) {
      store.notices.add({ kind: 'identity_problem', atMs: clock.now(), personId: lane, code });
    }
    // A take that gave nothing usable is not to be repeated.
    if (!isGroupLane(lane) && (isIdentity || code === 'no_device')) store.directory.deleteTake(lane);
    const pause = pauseAfter(error);
    if (isWorthTelling(error)) store.outbox.setLaneProblem(lane, code);
    tellOutgoing(this.#context, lane);
    this.#lanes.block(lane, pause);
  }

  #submitReady(connection: Connection): void {
    const { store } = this.#context;
    const { room } = this.#underWay;
    if (room <= 0 || this.#connection !== connection) return;
    const lanes = [...this.#lanes.keys(), ...this.#paused];
    const held = new Set<Lane>();
    for (const row of store.outbox.listToSubmit(room, { seqs: this.#underWay.seqs(), lanes })) {
      const lane = row.toGroup ?? row.toPerson;
      if (lane && held.has(lane)) continue;
      const legs = store.outbox.listLegs(row.seq);
      const submitId = row.submitId && this.#isPresent(row.submitId) ? row.submitId : undefined;
      const account = row.toPerson && store.directory.getAccount(row.toPerson);
      if (lane && account && awaitsConfirmation(this.#context, account)) {
        this.#blockLane(lane, new KuvertError('keys_unconfirmed'));
        continue;
      }
      const isSealed = row.toGroup === undefined ? legs.length > 0 : row.body !== undefined;
      if (!lane || !submitId || !row.listHash || !isSealed) {
        store.outbox.setToSeal(row.seq);
        if (lane) held.add(lane);
        this.#again = true;
        continue;
      }
      if (this.#underWay.hasOtherList(lane, row.listHash)) {
        held.add(lane);
        continue;
      }
      const one: Submitted = { row, lane };
      this.#underWay.add(one);
      const submit = {
        submitId,
        to: lane,
        listHash: row.listHash,
        suite: row.toGroup === undefined ? SUITES.signalPairwise : SUITES.groupSenderKey,
        class: row.class,
        urgency: row.class === CLASSES.message ? 1 : 0,
        lifetime: LIFETIME,
        legs: row.toGroup === undefined ? legs : [],
        ...(row.body && { body: row.body }),
      };
      connection.submit(submit).then(
        (accepted) => this.#answered({ to: one, connection, outcome: accepted }),
        (error: unknown) => {
          if (error instanceof KuvertError) this.#answered({ to: one, connection, outcome: error });
          else this.#context.failed(error);
        },
      );
    }
  }

  /**
   * Whether the server would take an id for its time. A row with another is sealed anew, under a new id: it may have been accepted under the
   * old one, without our having heard of it, and the same bytes in two envelopes are what a replay looks like.
   */
  #isPresent(submitId: SubmitId): boolean {
    const { clock, serverOffset } = this.#context;
    const ageMs = clock.now() + serverOffset.ms - submitIdTimeMs(submitId);
    return ageMs > -SUBMIT_ID_AHEAD_MS && ageMs < SUBMIT_ID_AGE_MAX_MS;
  }

  #answered(answer: Answer): void {
    if (this.#connection !== answer.connection) return;
    this.#answers.push(answer);
    if (this.#isSettling) return;
    this.#isSettling = true;
    this.#context.operations
      .run(() => {
        this.#isSettling = false;
        this.#settle(this.#answers.splice(0));
      })
      .catch((cause: unknown) => this.#context.failed(cause))
      .finally(() => this.kick());
  }

  /**
   * Writes down all answers that came in meanwhile, in one transaction. What was refused on a connection that is over by now has been
   * submitted again, or will be: only the answer to that counts.
   */
  #settle(all: readonly Answer[]): void {
    const { store } = this.#context;
    const answers = all
      .filter(
        ({ connection, outcome }) => connection === this.#connection || !(outcome instanceof KuvertError),
      )
      .map(({ to, outcome }) => ({ ...to, outcome }));
    for (const { to } of all) this.#underWay.remove(to);
    // What was accepted and is lost in a power cut is submitted again under its id, and answered as it was; an id that was given anew must stay.
    const hasRefusal = answers.some(({ outcome }) => outcome instanceof KuvertError);
    const write = hasRefusal ? store.transaction : store.lightTransaction;
    write(() => {
      // What was accepted first: a refusal has the rest of its lane sealed anew.
      for (const { row, lane, outcome } of answers) {
        if (outcome instanceof KuvertError) continue;
        const dormant = outcome.legs.filter((leg) => leg.outcome === 'dormant').map(({ device }) => device);
        store.outbox.setAccepted(row.seq, outcome.acceptedAtMs, dormant);
        this.#reseals.delete(lane);
        if (row.kind === 'sender-key') this.#groups.handedOut(row.seq);
      }
      for (const { row, lane, outcome } of answers) {
        if (outcome instanceof KuvertError) this.#refused(row, lane, outcome);
      }
      const chains = new Set(answers.map(({ row }) => row.chain?.id).filter((id) => id !== undefined));
      for (const id of chains) advanceAccepted(this.#context, id);
      takeAccepted(this.#context);
      for (const { row, outcome } of answers) {
        if (row.kind !== 'history' || outcome instanceof KuvertError) continue;
        // What a device cannot open of it, it asks for as a whole.
        store.outbox.discard(row.seq);
        this.#context.historyDue();
      }
      for (const lane of new Set(answers.map((answer) => answer.lane))) tellOutgoing(this.#context, lane);
    });
    for (const lane of this.#paused) if (!this.#underWay.hasLane(lane)) this.#paused.delete(lane);
  }

  #refused(row: OutboxRow, lane: Lane, error: KuvertError): void {
    const { store, clock } = this.#context;
    // Whoever was taken out of a group is told no more of it than that it is not there.
    const isGroupGone = isGroupLane(lane) && error.code === 'not_found';
    if (error.code === 'devices_changed' || error.code === 'group_changed' || isGroupGone) {
      const count = (this.#reseals.get(lane) ?? 0) + (this.#paused.has(lane) ? 0 : 1);
      this.#reseals.set(lane, count);
      this.#paused.add(lane);
      this.#outdated.add(lane);
      store.outbox.setToSeal(row.seq);
      store.outbox.setLaneToSeal(lane, this.#underWay.seqs());
      if (count > RESEALS_MAX) {
        store.outbox.setLaneProblem(lane, error.code);
        this.#lanes.block(lane, LONG_PAUSE_MS);
      }
      return;
    }
    if (error.code === 'submit_too_old' || error.code === 'submit_too_new') {
      // The server's clock may have been set since it welcomed us.
      const serverTime = error.details?.serverTime;
      if (typeof serverTime === 'number') this.#context.serverOffset.ms = serverTime - clock.now();
      // One of an earlier connection may have been accepted there, see #isPresent.
      if (this.#sealedBefore.has(row.seq)) store.outbox.setToSeal(row.seq);
      else store.outbox.setSubmitId(row.seq, newSubmitId(this.#context));
      const count = (this.#renewedIds.get(row.seq) ?? 0) + 1;
      this.#renewedIds.set(row.seq, count);
      // What the server says of its time does not agree with what it refuses.
      if (count > NEW_IDS_MAX) this.#lanes.block(lane, LONG_PAUSE_MS);
      return;
    }
    if (error.retry.kind === 'now') return;
    if (error.retry.kind === 'after' || error.retry.kind === 'resync') {
      if (isWorthTelling(error)) store.outbox.setLaneProblem(lane, error.code);
      this.#lanes.block(lane, pauseAfter(error));
      return;
    }
    store.outbox.setParked(row.seq, error.code === 'not_found' ? 'recipient_unknown' : error.code);
    if (row.class !== CLASSES.message) return;
    const { contentId: messageId } = row;
    store.notices.add({
      kind: 'not_accepted',
      atMs: clock.now(),
      ...(isGroupLane(lane) ? { groupId: lane } : { personId: lane }),
      messageId,
      code: error.code,
    });
  }
}
