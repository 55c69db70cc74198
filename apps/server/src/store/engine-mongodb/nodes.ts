/**
 * Who is at work on the database, and the words between them (wire.md §5): numbered documents that each server reads of each other
 * server, a few times a second. They are hints: the truth is in the rows. A gap in the numbers, or a server that falls silent,
 * means that something may have been missed. To be replaced by the bus port where there is one.
 */
import { randomUUID } from 'node:crypto';
import { KuvertError } from '@kuvert/protocol';
import type { Db } from 'mongodb';
import type { Hint, Hints } from '../engine.ts';
import { storeFailure } from './failures.ts';
import { HINTS_TABLE, NODES_TABLE } from './tables.ts';

/** Whoever has not been heard of for so long is gone. */
const SILENT_MS = 15_000;
/** Hints published at once. */
const HINTS_PER_DOCUMENT = 1_000;
const HINTS_WAITING_MAX = 20_000;
const DOCUMENTS_PER_POLL = 500;

/** What somebody does on the database: serving, or moving data that must not change meanwhile. */
export type NodeKind = 'server' | 'maintenance';

interface NodeDocument {
  _id: string;
  kind: NodeKind;
  /** Time of the database. */
  at: Date;
  /** Number of the last hint that is there, or that nobody was thought to be there for. */
  last: number;
}

interface HintDocument {
  _id: string;
  at: Date;
  hints: { s: string; d: string; k: Hint['kind']; n?: number }[];
}

interface Peer {
  /** Number of the last hint that was heard. */
  last: number;
  /** Number of the last hint that it has said was published. */
  said: number;
}

/** Pauses between looks; tests make them shorter. */
export interface NodeTimes {
  readonly pollMs: number;
  readonly beatMs: number;
  /** Without any hint, all is looked at again after so long, give or take a fifth. */
  readonly rescanMs: number;
}

const TIMES: NodeTimes = { pollMs: 150, beatMs: 2_000, rescanMs: 300_000 };

export class Nodes implements Hints {
  readonly #db: Db;
  readonly #id = randomUUID();
  readonly #kind: NodeKind;
  readonly #times: NodeTimes;
  readonly #peers = new Map<string, Peer>();
  #waiting: Hint[] = [];
  #last = 0;
  /** What has come to its end of those numbers. */
  #said = 0;
  #listener: Parameters<Hints['listen']>[0] | undefined;
  #flushing: Promise<void> | undefined;
  #loop: Promise<void> = Promise.resolve();
  #closed = false;
  #wake: (() => void) | undefined;

  constructor(db: Db, kind: NodeKind, times: NodeTimes = TIMES) {
    this.#db = db;
    this.#kind = kind;
    this.#times = times;
  }

  /**
   * Takes a place among those who work on the database.
   * @throws KuvertError `store_in_use` while servers and maintenance would meet
   */
  async join(): Promise<void> {
    try {
      const others = await this.#beat();
      // Both sides write before they look, so of two that come at the same time at least one sees the other.
      const isTaken = others.some(({ kind }) => kind === 'maintenance' || this.#kind === 'maintenance');
      if (isTaken) {
        await this.#leave();
        throw new KuvertError('store_in_use');
      }
      for (const { _id, last } of others) this.#peers.set(_id, { last, said: last });
    } catch (error) {
      throw storeFailure(error);
    }
    this.#loop = this.#run();
  }

  get hasOthers(): boolean {
    return this.#peers.size > 0;
  }

  publish(hint: Hint): void {
    this.#waiting.push(hint);
    // What is thrown away shows as a gap.
    if (this.#waiting.length > HINTS_WAITING_MAX) {
      this.#waiting = [];
      this.#last++;
    }
    this.#flushing ??= this.#flush();
  }

  listen(listener: Parameters<Hints['listen']>[0]): void {
    this.#listener = listener;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wake?.();
    await this.#loop;
    await this.#flushing;
    await this.#leave().catch(() => undefined);
  }

  async #flush(): Promise<void> {
    // Those of one turn of the event loop go together.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) {
      const hints = this.#waiting.splice(0, HINTS_PER_DOCUMENT);
      const number = ++this.#last;
      // Nobody to tell. A server that has joined unseen hears the number and knows that it has missed something.
      if (this.#peers.size > 0) await this.#write(number, hints);
      this.#said = number;
    }
    this.#flushing = undefined;
  }

  async #write(number: number, hints: readonly Hint[]): Promise<void> {
    const document: HintDocument = {
      _id: hintId(this.#id, number),
      at: new Date(),
      hints: hints.map(({ space, device, kind, visit }) => ({
        s: space,
        d: device,
        k: kind,
        ...(visit === undefined ? {} : { n: visit }),
      })),
    };
    await this.#db
      .collection<HintDocument>(HINTS_TABLE)
      .insertOne(document, { writeConcern: { w: 1 } })
      .catch(() => undefined);
  }

  /** Says that we are here, and learns who else is. */
  async #beat(): Promise<NodeDocument[]> {
    const table = this.#db.collection<NodeDocument>(NODES_TABLE);
    const me = await table.findOneAndUpdate(
      { _id: this.#id },
      { $set: { kind: this.#kind, last: this.#said }, $currentDate: { at: true } },
      { upsert: true, returnDocument: 'after' },
    );
    const now = me?.at.getTime() ?? Date.now();
    const all = await table.find({}).toArray();
    const gone = all.filter(({ at }) => now - at.getTime() > SILENT_MS).map(({ _id }) => _id);
    if (gone.length > 0)
      await table.deleteMany({ _id: { $in: gone }, at: { $lt: new Date(now - SILENT_MS) } });
    return all.filter(({ _id }) => _id !== this.#id && !gone.includes(_id));
  }

  async #leave(): Promise<void> {
    await this.#db.collection<NodeDocument>(NODES_TABLE).deleteOne({ _id: this.#id });
  }

  async #run(): Promise<void> {
    let beatAt = 0;
    let rescanAt = performance.now() + this.#rescanPause();
    while (!this.#closed) {
      try {
        if (performance.now() >= beatAt) {
          beatAt = performance.now() + this.#times.beatMs;
          this.#meet(await this.#beat());
        }
        for (const [id, peer] of this.#peers) await this.#hear(id, peer);
      } catch {
        // The database is away; when it is back, numbers tell what was missed.
      }
      if (performance.now() >= rescanAt) {
        rescanAt = performance.now() + this.#rescanPause();
        this.#listener?.onGap();
      }
      await this.#pause();
    }
  }

  #rescanPause(): number {
    return this.#times.rescanMs * (0.8 + 0.4 * Math.random());
  }

  #pause(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.#times.pollMs * (0.8 + 0.4 * Math.random()));
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Others come and go; whoever is new or gone may have said something that we did not hear. */
  #meet(others: readonly NodeDocument[]): void {
    let isGap = false;
    const seen = new Set<string>();
    for (const { _id, kind, last } of others) {
      if (kind !== 'server') continue;
      seen.add(_id);
      const known = this.#peers.get(_id);
      if (known !== undefined) {
        known.said = last;
        continue;
      }
      this.#peers.set(_id, { last, said: last });
      isGap = true;
    }
    for (const id of this.#peers.keys()) {
      if (seen.has(id)) continue;
      this.#peers.delete(id);
      isGap = true;
    }
    if (isGap) this.#listener?.onGap();
  }

  async #hear(id: string, peer: Peer): Promise<void> {
    const documents = await this.#db
      .collection<HintDocument>(HINTS_TABLE)
      .find({ _id: { $gt: hintId(id, peer.last), $lt: `${id}0` } }, { readConcern: { level: 'local' } })
      .sort({ _id: 1 })
      .limit(DOCUMENTS_PER_POLL)
      .toArray();
    for (const { _id, hints } of documents) {
      const number = Number.parseInt(_id.slice(id.length + 1), 16);
      if (number !== peer.last + 1) this.#listener?.onGap();
      peer.last = number;
      for (const { s, d, k, n } of hints) {
        this.#listener?.onHint({ space: s, device: d, kind: k, ...(n === undefined ? {} : { visit: n }) });
      }
    }
    // What it has said is there came before what was read here, unless it was published for nobody or could not be written.
    if (documents.length === DOCUMENTS_PER_POLL || peer.last >= peer.said) return;
    peer.last = peer.said;
    this.#listener?.onGap();
  }
}

/** Sorted by number. */
function hintId(node: string, number: number): string {
  return `${node}/${number.toString(16).padStart(13, '0')}`;
}
