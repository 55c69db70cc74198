/**
 * Rows of short-lived collections that are not in the SQLCipher file's tables yet. Most of them are deleted a few milliseconds after they came;
 * those never reach a page of a table. Until a fold such a row lies in the redo log, from then on in one blob with all that are still young
 * (`space-file.ts`); it is put into its table when it has grown old, or before anybody asks for more than single rows (docs/decisions/0014).
 * While many more rows come than go, as for people who are away, none is young: staying out of the table for a while would only be work.
 */
import { Packer, Unpacker } from './packing.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** How long a row stays young: longer than a client that is online takes to acknowledge (`ACK_PACE`, which this lean thread does not import), and as much again on the way. */
const YOUNG_MS = 1_000;
/** Bytes of one collection that stay young over a fold, about. */
const YOUNG_BYTES = 1024 * 1024;
/** Of a row, beside its key and document, when it is packed. */
const PACKED_BYTES = 16;
const NEVER = -1;
/** So many rows that come together are a message to a group, for which a hundred people wait, and half a millisecond to be made ready to be found. */
const MANY = 16;

/** A row as it will stand in the file. */
export interface YoungRow {
  readonly k: Bytes;
  readonly ver: number;
  readonly doc: Bytes;
  readonly exp: number | null;
}

/** Its key is kept as text only: most go without anybody asking for its bytes. */
interface Entry {
  readonly text: string;
  readonly ver: number;
  readonly doc: Bytes;
  readonly exp: number | null;
  readonly addedMs: number;
}

/** Rows that came together and differ by their keys alone. */
interface Run {
  readonly collection: number;
  readonly keys: Buffer;
  readonly keyBytes: number;
  /** Of the first; each next one's is one more. */
  readonly ver: number;
  readonly doc: Bytes;
  readonly exp: number | null;
  readonly addedMs: number;
}

/** Rows of a collection since the last fold, and what the turn before it was like. */
interface Traffic {
  came: number;
  went: number;
  isPassing: boolean;
}

/** @see the top of this file */
export class YoungRows {
  /** By number of collection, then by key as text, oldest first. */
  readonly #rows: (Map<string, Entry> | undefined)[] = [];
  readonly #traffic: (Traffic | undefined)[] = [];
  /** Came last and are not in {@link YoungRows.#rows} yet. */
  #unindexed: Run[] = [];
  #nowMs = performance.now();

  /** Before each batch. Rows of one batch are of one age. */
  lookAtClock(): void {
    this.#nowMs = performance.now();
  }

  #trafficOf(collection: number): Traffic {
    let traffic = this.#traffic[collection];
    if (traffic === undefined) {
      traffic = { came: 0, went: 0, isPassing: true };
      this.#traffic[collection] = traffic;
    }
    return traffic;
  }

  /** To be asked for rows that come. @returns true when they may be young */
  takes(collection: number, rows: number): boolean {
    const traffic = this.#trafficOf(collection);
    traffic.came += rows;
    return traffic.isPassing;
  }

  /**
   * @param keys one behind the other, `keyBytes` each; they may be a view of a buffer that is used again, as `doc` must not be
   * @param ver of the first; each next one's is one more
   */
  add(
    collection: number,
    { key, keyBytes }: { readonly key: Bytes; readonly keyBytes: number },
    { ver, doc, exp }: Omit<YoungRow, 'k'>,
  ): void {
    const keys = bufferOf(key);
    const run = { collection, keys, keyBytes, ver, doc, exp, addedMs: this.#nowMs };
    if (keys.length >= MANY * keyBytes) {
      this.#unindexed.push({ ...run, keys: Buffer.from(keys) });
      return;
    }
    this.index();
    this.#addToIndex(run);
  }

  /**
   * Makes what came last ready to be found. Everything that is asked here does so first; to be called when those who wait for a commit have heard of
   * it, so that they need not wait for this as well.
   */
  index(): void {
    if (this.#unindexed.length === 0) return;
    for (const run of this.#unindexed) this.#addToIndex(run);
    this.#unindexed = [];
  }

  #addToIndex({ collection, keys, keyBytes, ver, doc, exp, addedMs }: Run): void {
    let rows = this.#rows[collection];
    if (rows === undefined) {
      rows = new Map();
      this.#rows[collection] = rows;
      // A collection whose rows were taken up after a crash is known too, although none of them has come since.
      this.#trafficOf(collection);
    }
    for (let at = 0, next = ver; at < keys.length; at += keyBytes, next++) {
      const text = keys.toString('latin1', at, at + keyBytes);
      rows.set(text, { text, ver: next, doc, exp, addedMs });
    }
  }

  get(collection: number, key: Bytes): YoungRow | undefined {
    this.index();
    const rows = this.#rows[collection];
    const entry = rows === undefined || rows.size === 0 ? undefined : rows.get(textOf(key));
    return entry === undefined ? undefined : { k: key, ver: entry.ver, doc: entry.doc, exp: entry.exp };
  }

  /** To be asked for rows that go. @returns the keys of those that are not among them */
  remove(collection: number, keys: Bytes, keyBytes: number): Bytes[] {
    this.index();
    this.#trafficOf(collection).went += keys.length / keyBytes;
    const rows = this.#rows[collection];
    const others: Bytes[] = [];
    const all = bufferOf(keys);
    for (let at = 0; at < all.length; at += keyBytes) {
      const isYoung =
        rows !== undefined && rows.size > 0 && rows.delete(all.toString('latin1', at, at + keyBytes));
      if (!isYoung) others.push(keys.subarray(at, at + keyBytes));
    }
    return others;
  }

  /** All of a collection, none of which is young from now on, in the order of their keys. */
  takeAll(collection: number): readonly YoungRow[] {
    this.index();
    const rows = this.#rows[collection];
    if (rows === undefined || rows.size === 0) return [];
    this.#rows[collection] = undefined;
    return inOrder([...rows.values()]);
  }

  /**
   * At a fold: the same of those that have grown old, or are too many to stay.
   * @param mayStay false: of all
   */
  takeOld(collection: number, mayStay: boolean): readonly YoungRow[] {
    this.index();
    const { came, went } = this.#trafficOf(collection);
    const isPassing = 2 * went >= came;
    this.#traffic[collection] = { came: 0, went: 0, isPassing };
    if (!isPassing || !mayStay) return this.takeAll(collection);
    const rows = this.#rows[collection] ?? new Map<string, Entry>();
    const oldMs = performance.now() - YOUNG_MS;
    let tooMany = packedBytes(rows.values()) - YOUNG_BYTES;
    const old: Entry[] = [];
    for (const entry of rows.values()) {
      if (entry.addedMs > oldMs && tooMany <= 0) break;
      tooMany -= packedBytes([entry]);
      old.push(entry);
      rows.delete(entry.text);
    }
    return inOrder(old);
  }

  /** All of a collection in one piece; undefined when there are none. */
  pack(collection: number): Bytes | undefined {
    this.index();
    const rows = this.#rows[collection];
    if (rows === undefined || rows.size === 0) return undefined;
    const packer = new Packer(packedBytes(rows.values()));
    for (const { text, doc, exp } of rows.values()) {
      packer.bytes(bytesOf(text));
      packer.f64(exp ?? NEVER);
      packer.bytes(doc);
    }
    return packer.take();
  }

  /** Numbers of the collections that have some. */
  collections(): number[] {
    this.index();
    return this.#rows.flatMap((rows, collection) =>
      rows === undefined || rows.size === 0 ? [] : [collection],
    );
  }

  /** Numbers of the collections that have had some. */
  known(): number[] {
    this.index();
    return this.#traffic.flatMap((traffic, collection) => (traffic === undefined ? [] : [collection]));
  }

  forget(): void {
    this.#unindexed = [];
    this.#rows.length = 0;
  }
}

/** What {@link YoungRows.pack} has packed. */
export function* unpackRows(packed: Bytes): Generator<Omit<YoungRow, 'ver'>> {
  const reader = new Unpacker(packed);
  while (!reader.done) {
    const k = reader.some();
    const exp = reader.f64();
    yield { k, exp: exp === NEVER ? null : exp, doc: reader.some() };
  }
}

/** One character for each byte: texts compare as the bytes do. */
export function textOf(key: Bytes): string {
  return bufferOf(key).toString('latin1');
}

function bufferOf(bytes: Bytes): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function bytesOf(text: string): Bytes {
  return Buffer.from(text, 'latin1');
}

function inOrder(rows: Entry[]): readonly YoungRow[] {
  return rows
    .sort((a, b) => (a.text < b.text ? -1 : 1))
    .map(({ text, ver, doc, exp }) => ({ k: bytesOf(text), ver, doc, exp }));
}

function packedBytes(rows: Iterable<Entry>): number {
  let sum = 0;
  for (const { text, doc } of rows) sum += text.length + doc.length + PACKED_BYTES;
  return sum;
}
