/** Who is the primary, and how the members say so. All members of the double share one storage, as if replication took no time. */
import { EventEmitter, once } from 'node:events';
import { type Document, Long, ObjectId } from 'bson';
import { DOCUMENT_BYTES_MAX, MESSAGE_BYTES_MAX } from './wire.ts';

/** What a double pretends to be; what it should not be trusted with is refused by the engine that is tested. */
export interface Identity {
  readonly version: string;
  readonly maxWireVersion: number;
  /** Undefined for a server without replica set. */
  readonly setName: string | undefined;
}

/** See the head of the file. */
export class ReplicaSet {
  readonly identity: Identity;
  readonly hosts: string[] = [];
  readonly #processId = new ObjectId();
  readonly #changed = new EventEmitter().setMaxListeners(0);
  #primary: number | undefined = 0;
  /** Later in each process, as a set never goes back to an election before: a driver would take the primary for one of the past. */
  #term = Date.now();
  #version = 0;
  #election: NodeJS.Timeout | undefined;

  constructor(identity: Identity) {
    this.identity = identity;
  }

  /** Number of the primary, undefined while there is none. */
  get primary(): number | undefined {
    return this.#primary;
  }

  get term(): number {
    return this.#term;
  }

  get topologyVersion(): Document {
    return { processId: this.#processId, counter: Long.fromNumber(this.#version) };
  }

  /** The primary becomes a secondary; after `electionMs` the next member (or, alone, the same one) is the primary. */
  stepDown(electionMs: number): void {
    if (this.#primary === undefined) return;
    const next = (this.#primary + 1) % this.hosts.length;
    this.#primary = undefined;
    this.#announce();
    this.#election = setTimeout(() => {
      this.#primary = next;
      this.#term += 1;
      this.#announce();
    }, electionMs);
  }

  stop(): void {
    clearTimeout(this.#election);
    this.#announce();
  }

  /** Resolves when something has changed since `topologyVersion`, or after `mostMs`. */
  async news(topologyVersion: Document, mostMs: number): Promise<void> {
    const known = topologyVersion.counter as Long;
    const same = String(topologyVersion.processId) === String(this.#processId);
    if (!same || known.toNumber() !== this.#version) return;
    const patience = AbortSignal.timeout(mostMs);
    await once(this.#changed, 'change', { signal: patience }).catch(() => undefined);
  }

  /** The answer to `hello` and its older names. */
  hello(member: number, name: string): Document {
    const { setName, maxWireVersion } = this.identity;
    const primary = this.#primary === member || setName === undefined;
    const set: Document = {
      setName,
      setVersion: 1,
      secondary: !primary,
      hosts: this.hosts,
      me: this.hosts[member],
      ...(this.#primary === undefined ? {} : { primary: this.hosts[this.#primary] }),
      ...(primary
        ? { electionId: ObjectId.createFromHexString(`7fffffff${this.#term.toString(16).padStart(16, '0')}`) }
        : {}),
      lastWrite: { lastWriteDate: new Date(), majorityWriteDate: new Date() },
    };
    return {
      helloOk: true,
      [name === 'hello' ? 'isWritablePrimary' : 'ismaster']: primary,
      topologyVersion: this.topologyVersion,
      ...(setName === undefined ? {} : set),
      maxBsonObjectSize: DOCUMENT_BYTES_MAX,
      maxMessageSizeBytes: MESSAGE_BYTES_MAX,
      maxWriteBatchSize: 100_000,
      localTime: new Date(),
      logicalSessionTimeoutMinutes: 30,
      connectionId: 1,
      minWireVersion: 0,
      maxWireVersion,
      readOnly: false,
      ok: 1,
    };
  }

  #announce(): void {
    this.#version += 1;
    this.#changed.emit('change');
  }
}
