/** What all members and connections of a double share. */
import { Binary, type Document, Long, Timestamp } from 'bson';
import { CommandError } from './command-error.ts';
import { CommitLog } from './commit-log.ts';
import { Cursors } from './cursors.ts';
import { FailPoints } from './fail-points.ts';
import { Faults } from './faults.ts';
import type { Identity } from './replica-set.ts';
import { ReplicaSet } from './replica-set.ts';
import { type Session, Sessions } from './sessions.ts';
import { Storage, type View } from './storage.ts';

/** How many moments of `readConcern: snapshot` are kept. */
const MOMENTS_MAX = 200;

/** As MongoDB's `transactionLifetimeLimitSeconds`. */
const TRANSACTION_LIFETIME_MS = 60_000;

/** See the head of the file. */
export class Engine {
  readonly faults = new Faults();
  readonly failPoints = new FailPoints();
  readonly cursors = new Cursors();
  readonly sessions = new Sessions();
  readonly set: ReplicaSet;
  readonly storage: Storage;
  readonly log: CommitLog;
  /** Commands answered so far, by name, for `serverStatus`. */
  readonly counters = new Map<string, number>();
  readonly startedAt = Date.now();
  readonly #moments = new Map<bigint, View>();
  #clock: Timestamp;

  constructor(options: { identity: Identity; dataFile: string | undefined }) {
    this.set = new ReplicaSet(options.identity);
    this.log = new CommitLog(options.dataFile, async () => {
      if (this.faults.diskFull) throw new CommandError('OutOfDiskSpace', 'No space left on device');
    });
    this.storage = new Storage(this.log);
    this.storage.recover(this.log.read(), (note) => this.sessions.recall(note));
    this.#clock = new Timestamp({ t: Math.floor(Date.now() / 1000), i: 1 });
  }

  /** Lets the cluster's time go on, as each write does. */
  tick(): Timestamp {
    const now = Math.floor(Date.now() / 1000);
    const { t, i } = this.#clock;
    this.#clock = now > t ? new Timestamp({ t: now, i: 1 }) : new Timestamp({ t, i: i + 1 });
    return this.#clock;
  }

  /** What every answer says of the time. */
  get times(): Document {
    const clusterTime = this.#clock;
    const signature = { hash: new Binary(Buffer.alloc(20), 0), keyId: Long.ZERO };
    return { operationTime: clusterTime, $clusterTime: { clusterTime, signature } };
  }

  /** The state that `readConcern: {level: snapshot}` reads. @throws CommandError SnapshotTooOld */
  viewAt(command: Document): { view: View; at: Timestamp } {
    const wanted = command.readConcern?.atClusterTime as Timestamp | undefined;
    if (wanted === undefined) {
      const view = this.storage.snapshot();
      const at = this.tick();
      this.#moments.set(at.toBigInt(), view);
      for (const old of this.#moments.keys()) {
        if (this.#moments.size <= MOMENTS_MAX) break;
        this.#moments.delete(old);
      }
      return { view, at };
    }
    const view = this.#moments.get(wanted.toBigInt());
    if (view === undefined)
      throw new CommandError(
        'SnapshotTooOld',
        'Read timestamp is older than the oldest available timestamp.',
      );
    return { view, at: wanted };
  }

  /** Says in an answer of which moment it is, where one was asked for. */
  atTime(at: Timestamp | undefined, answer: Document): Document {
    return at === undefined ? answer : { ...answer, atClusterTime: at };
  }

  /** Aborts what is open and lets another member be elected. */
  stepDown(electionMs: number): void {
    this.sessions.abortAll();
    this.set.stepDown(electionMs);
  }

  /** Opens a transaction. */
  begin(session: Session, number: bigint): void {
    session.transaction = {
      number,
      state: 'open',
      unit: this.storage.begin(),
      expires: setTimeout(() => session.abort(), TRANSACTION_LIFETIME_MS).unref(),
    };
  }
}
