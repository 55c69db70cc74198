/**
 * One writer thread and the files that are pinned to it. Requests are packed while the batch before runs and shipped together, so that
 * many of them share one fsync (`synchronous = FULL`).
 *
 * What was handed over behind a list that found no room, before its refusal was heard, is refused with it, except what only shrinks the
 * data: there may be room again in the next moment, and a message would stand before an earlier one of its sender (P2).
 */
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { KuvertError } from '@kuvert/protocol';
import type { SpaceKeys, SpaceName } from '../engine.ts';
import { Packer, Unpacker } from './packing.ts';
import type { FromThread, ThreadSettings, ToThread, WorkGroup } from './thread-messages.ts';
import { Waiting } from './waiting.ts';

/** Requests of one file in one batch at most, so that a batch ends within some ten milliseconds. */
const GROUP_REQUESTS_MAX = 1024;
const PACKER_BYTES = 16_384;
/** Buffers that are kept for the next requests, and how large one of them may have grown. */
const SPARE_MAX = 2;
const SPARE_BYTES_MAX = 1_048_576;

interface Group {
  readonly packer: Packer;
  readonly waiting: Waiting[];
  /** What needs room in it was refused; the thread leaves that out. */
  mayOnlyShrink: boolean;
}

interface Space {
  readonly number: number;
  readonly groups: Group[];
  /** True from the moment when lists were refused for lack of room until all who wait for them have heard. */
  isRefusing: boolean;
  /** Requests waiting or running; a space is closed only when there are none. */
  busy: number;
  usedAt: number;
}

/** What waits for all threads together, and how much of it may. */
export class QueueRoom {
  requests = 0;
  bytes = 0;
  readonly #requestsMax: number;
  readonly #bytesMax: number;

  constructor(requestsMax: number, bytesMax: number) {
    this.#requestsMax = requestsMax;
    this.#bytesMax = bytesMax;
  }

  get isFull(): boolean {
    return this.requests >= this.#requestsMax || this.bytes >= this.#bytesMax;
  }
}

/** What a batch was like: for metrics. */
export interface BatchFacts {
  readonly requests: number;
  readonly durationMs: number;
}

/** What {@link WriterLane} takes. */
export interface LaneOptions {
  readonly settings: ThreadSettings;
  readonly spaceKeys: SpaceKeys;
  readonly room: QueueRoom;
  readonly openFilesMax: number;
  readonly onBatch: (facts: BatchFacts) => void;
  /** Called once when the thread can no longer keep its promise. */
  readonly onFailure: (failure: KuvertError) => void;
}

/** @see the head of this file */
export class WriterLane {
  readonly #options: LaneOptions;
  readonly #room: QueueRoom;
  readonly #thread: Worker;
  readonly #ended: Promise<void>;
  readonly #spaces = new Map<SpaceName, Space>();
  readonly #opening = new Map<SpaceName, Promise<Space>>();
  readonly #openWaiting = new Map<number, (message: Extract<FromThread, { kind: 'opened' }>) => void>();
  /** Spaces that have requests waiting, in order of arrival. */
  readonly #ready = new Set<Space>();
  #running: { readonly space: Space; readonly group: Group }[] | undefined;
  /** Buffers for requests. A large one that is new each time costs the system a page fault for every 4 KiB of it. */
  readonly #spare: ArrayBuffer[] = [];
  #scheduled = false;
  #shippedMs = 0;
  #nextSpace = 1;
  #clock = 0;
  #closing: Promise<void> | undefined;
  #failure: KuvertError | undefined;
  /** Called when no batch runs and none waits. */
  readonly #idle: (() => void)[] = [];

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#room = options.room;
    this.#thread = new Worker(new URL('./writer-thread.ts', import.meta.url), {
      workerData: options.settings,
    });
    this.#ended = new Promise((resolve) => this.#thread.once('exit', () => resolve()));
    this.#thread.on('message', (message: FromThread) => this.#hear(message));
    this.#thread.on('error', (error: unknown) =>
      this.#break(error instanceof Error ? error.name : 'unknown'),
    );
    this.#thread.once('exit', () => {
      if (this.#closing === undefined) this.#break('the writer thread ended');
    });
  }

  /** Commits what was accepted and ends. */
  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    await Promise.allSettled(this.#opening.values());
    while (this.#failure === undefined && (this.#running !== undefined || this.#ready.size > 0)) {
      await new Promise((resolve) => this.#idle.push(() => resolve(undefined)));
    }
    this.#post({ kind: 'end' });
    await this.#ended;
  }

  #post(message: ToThread, transfer: ArrayBuffer[] = []): void {
    this.#thread.postMessage(message, transfer);
  }

  /**
   * Adds a request to the space's next batch.
   * @param needsRoom what it writes may find none on a full disk
   * @throws KuvertError `overloaded`, `disk_full`, `shutting_down`, `internal`, and what keeps a space from being opened
   */
  request<T>(
    name: SpaceName,
    pack: (packer: Packer) => void,
    read: (reader: Unpacker) => T,
    needsRoom = false,
  ): Promise<T> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#closing !== undefined) return Promise.reject(new KuvertError('shutting_down'));
    if (this.#room.isFull) return Promise.reject(new KuvertError('overloaded'));
    // Each is answered in one step, also those that had to wait for the file: what was committed first is heard of first.
    return new Promise<T>((resolve, reject) => {
      const waiting = new Waiting(read, resolve as (value: unknown) => void, reject, needsRoom);
      const space = this.#spaces.get(name);
      if (space !== undefined) this.#enqueue(space, pack, waiting);
      else
        this.#open(name)
          .then((opened) => this.#enqueue(opened, pack, waiting))
          .catch(reject);
    });
  }

  #enqueue(space: Space, pack: (packer: Packer) => void, waiting: Waiting): void {
    if (this.#failure !== undefined) {
      waiting.refuse(this.#failure);
      return;
    }
    if (space.isRefusing && waiting.needsRoom) {
      waiting.refuse(new KuvertError('disk_full'));
      return;
    }
    let group = space.groups[space.groups.length - 1];
    const isFull = group !== undefined && group.waiting.length >= GROUP_REQUESTS_MAX;
    if (group === undefined || isFull || (group.mayOnlyShrink && waiting.needsRoom)) {
      const packer = new Packer(this.#spare.pop() ?? PACKER_BYTES);
      group = { packer, waiting: [], mayOnlyShrink: false };
      space.groups.push(group);
    }
    const before = group.packer.length;
    pack(group.packer);
    this.#room.bytes += group.packer.length - before;
    this.#room.requests++;
    space.busy++;
    space.usedAt = ++this.#clock;
    group.waiting.push(waiting);
    this.#ready.add(space);
    this.#schedule();
  }

  /** Everything that arrives in one turn of the event loop goes into one batch. */
  #schedule(): void {
    if (this.#scheduled || this.#running !== undefined) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#ship();
    });
  }

  #ship(): void {
    if (this.#running !== undefined || this.#ready.size === 0 || this.#failure !== undefined) return;
    const running: { space: Space; group: Group }[] = [];
    const groups: WorkGroup[] = [];
    for (const space of [...this.#ready]) {
      const group = space.groups.shift();
      if (space.groups.length === 0) this.#ready.delete(space);
      if (group === undefined) continue;
      const work = group.packer.take();
      this.#room.bytes -= work.length;
      running.push({ space, group });
      groups.push({ space: space.number, work, mayOnlyShrink: group.mayOnlyShrink });
    }
    this.#running = running;
    this.#shippedMs = performance.now();
    this.#post(
      { kind: 'batch', groups },
      groups.map(({ work }) => work.buffer),
    );
  }

  #hear(message: FromThread): void {
    if (message.kind === 'answers') {
      this.#answer(message);
      if (!message.isDone) return;
      const requests = this.#running?.reduce((sum, { group }) => sum + group.waiting.length, 0) ?? 0;
      this.#options.onBatch({ requests, durationMs: performance.now() - this.#shippedMs });
      this.#running = undefined;
      this.#ship();
      if (this.#running === undefined) for (const idle of this.#idle.splice(0)) idle();
    } else if (message.kind === 'opened') {
      this.#openWaiting.get(message.space)?.(message);
      this.#openWaiting.delete(message.space);
    } else this.#break(message.detail);
  }

  #answer(message: Extract<FromThread, { kind: 'answers' }>): void {
    const { work } = message;
    if (work !== undefined && this.#spare.length < SPARE_MAX && work.byteLength <= SPARE_BYTES_MAX) {
      this.#spare.push(work);
    }
    const running = this.#running?.[message.group];
    if (running === undefined) throw new Error('an answer to no batch');
    const reader = new Unpacker(message.answers);
    let isFull = false;
    while (!reader.done) {
      const waiting = running.group.waiting[reader.u32()];
      if (waiting === undefined) throw new Error('an answer to no request');
      this.#room.requests--;
      running.space.busy--;
      if (waiting.answer(reader)) isFull = true;
    }
    if (isFull) this.#refuseBehind(running.space);
  }

  /** @see the head of this file */
  #refuseBehind(space: Space): void {
    for (const group of space.groups) {
      group.mayOnlyShrink = true;
      for (const waiting of group.waiting)
        if (waiting.needsRoom) waiting.refuse(new KuvertError('disk_full'));
    }
    if (space.isRefusing) return;
    space.isRefusing = true;
    setImmediate(() => {
      space.isRefusing = false;
    });
  }

  #open(name: SpaceName): Promise<Space> {
    let opening = this.#opening.get(name);
    if (opening === undefined) {
      opening = this.#openSpace(name).finally(() => this.#opening.delete(name));
      this.#opening.set(name, opening);
    }
    return opening;
  }

  async #openSpace(name: SpaceName): Promise<Space> {
    const known = await this.#options.spaceKeys(name);
    if (known === undefined) throw new KuvertError('not_found');
    if (this.#failure !== undefined) throw this.#failure;
    this.#closeOldest();
    const number = this.#nextSpace++;
    const file =
      name === 'control'
        ? join(this.#options.settings.folder, 'control.db')
        : join(this.#options.settings.folder, 'tenants', `${name}.db`);
    const opened = await new Promise<Extract<FromThread, { kind: 'opened' }>>((resolve) => {
      this.#openWaiting.set(number, resolve);
      const key = Buffer.from(known.key).toString('hex');
      const spaces = name === 'control' ? 'control' : 'tenants';
      this.#post({ kind: 'open', space: number, spaces, file, key, create: known.create });
    });
    if (this.#failure !== undefined) throw this.#failure;
    if (opened.failure !== undefined) {
      throw new KuvertError(opened.failure, { details: { space: name }, cause: new Error(opened.detail) });
    }
    const space: Space = { number, groups: [], isRefusing: false, busy: 0, usedAt: ++this.#clock };
    this.#spaces.set(name, space);
    return space;
  }

  #closeOldest(): void {
    if (this.#spaces.size < this.#options.openFilesMax) return;
    let oldest: [SpaceName, Space] | undefined;
    for (const entry of this.#spaces) {
      if (
        entry[1].busy === 0 &&
        entry[0] !== 'control' &&
        entry[1].usedAt < (oldest?.[1].usedAt ?? Number.POSITIVE_INFINITY)
      ) {
        oldest = entry;
      }
    }
    if (oldest === undefined) return;
    this.#spaces.delete(oldest[0]);
    this.#post({ kind: 'close-space', space: oldest[1].number });
  }

  #break(detail: string): void {
    if (this.#failure !== undefined) return;
    const failure = new KuvertError('internal', { cause: new Error(`the store stopped: ${detail}`) });
    this.fail(failure);
    this.#options.onFailure(failure);
  }

  /** Nothing is acknowledged any more; whoever waits is told. */
  fail(failure: KuvertError): void {
    if (this.#failure !== undefined) return;
    this.#failure = failure;
    const groups = [
      ...(this.#running ?? []).map(({ group }) => group),
      ...[...this.#ready].flatMap((space) => space.groups),
    ];
    this.#ready.clear();
    this.#running = undefined;
    for (const group of groups) for (const waiting of group.waiting) waiting.refuse(failure);
    for (const resolve of this.#openWaiting.values())
      resolve({ kind: 'opened', space: 0, failure: undefined, detail: '' });
    this.#openWaiting.clear();
    for (const idle of this.#idle.splice(0)) idle();
  }
}
