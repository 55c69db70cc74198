/**
 * Clients submit many messages without waiting for answers. When the server refuses one of them for the moment (no room on the disk, too
 * busy, a time in its id that is not ours), those behind it are already on their way, and the next moment there may be room: their
 * reader would see them in the wrong order. So what a connection submits for the same recipient is refused too, and all of it has to
 * come again in the order in which it came first. Each refusal that a client has not read yet may be followed by more, so it is the
 * whole queue that is remembered, not only its first. And what had entered behind the refused one and waits for something it has to read
 * is refused too when its turn comes, also when the refused one has come again meanwhile: it would stand behind it.
 */
import { KuvertError, type Submit } from '@kuvert/protocol';
import { refusal } from '../../limits/refusal.ts';

/** Refused submits that are remembered for one connection; beyond that the order is what it may be. */
const REMEMBERED_MAX = 4_096;
/** Nobody has to come again: without the one that is expected, a queue ends so long after the pause that was asked for. */
const GRACE_MS = 5_000;
/** A submit with a wrong time comes again at once; who is behind it may wait this long. */
const TIME_PAUSE_MS = 200;
const TAG_BYTES = 16;

interface Refused {
  readonly name: string;
  /** Its place among all submits of the connection; it keeps it when it comes again. */
  readonly place: number;
}

interface Queue {
  /** What was refused, by place. */
  readonly refused: Refused[];
  pauseMs: number;
  untilMs: number;
}

/** A submit that was let in. */
export interface Entry {
  /** Its place among all submits of the connection; it keeps it when it comes again. */
  readonly place: number;
  /** Counts up with each entry. */
  readonly no: number;
}

/** Whoever was in when something failed, behind it. */
interface Overtaken {
  /** Of what failed. */
  readonly place: number;
  /** The last that was in. */
  readonly no: number;
}

/** What one connection was refused. Times are monotonic. */
export class RefusedFirst {
  readonly #queues = new Map<Submit['to'], Queue>();
  readonly #overtaken = new Map<Submit['to'], Overtaken[]>();
  #remembered = 0;
  #lastPlace = 0;
  #lastEntry = 0;

  /**
   * Lets a submit in.
   * @returns for {@link RefusedFirst.stay} and {@link RefusedFirst.failed}
   * @throws KuvertError `overloaded` while something earlier for the same recipient is to come again
   */
  enter(submit: Submit, nowMs: number): Entry {
    let queue = this.#queues.get(submit.to);
    if (queue !== undefined && nowMs >= queue.untilMs) {
      this.#remembered -= queue.refused.length;
      this.#queues.delete(submit.to);
      queue = undefined;
    }
    if (queue === undefined) return { place: ++this.#lastPlace, no: ++this.#lastEntry };
    const name = nameOf(submit);
    const [first] = queue.refused;
    if (first?.name !== name) {
      if (!queue.refused.some((refused) => refused.name === name)) {
        this.#remember(queue, { name, place: ++this.#lastPlace });
      }
      throw refusal('overloaded', queue.pauseMs);
    }
    queue.refused.shift();
    queue.untilMs = nowMs + queue.pauseMs + GRACE_MS;
    this.#remembered--;
    if (queue.refused.length === 0) this.#queues.delete(submit.to);
    return { place: first.place, no: ++this.#lastEntry };
  }

  /**
   * Asked again before a submit is handed to the store, because it may have waited there for an earlier one that was refused meanwhile.
   * @throws KuvertError `overloaded` when something earlier for the same recipient was refused after this one had entered
   */
  stay(submit: Submit, entry: Entry): void {
    const overtaken = this.#overtaken.get(submit.to);
    if (overtaken?.some(({ place, no }) => place < entry.place && entry.no <= no) !== true) return;
    throw refusal('overloaded', this.#queues.get(submit.to)?.pauseMs ?? TIME_PAUSE_MS);
  }

  /** Notes what a submit that had entered was answered. */
  failed(submit: Submit, { place }: Entry, cause: unknown, nowMs: number): void {
    // A fault of ours is told as one that may pass.
    const error = cause instanceof KuvertError ? cause : new KuvertError('internal');
    const isForTime = error.code === 'submit_too_new' || error.code === 'submit_too_old';
    if (!isForTime && error.retry.kind !== 'after') return;
    const pauseMs = error.retry.kind === 'after' ? error.retry.ms : TIME_PAUSE_MS;
    this.#overtake(submit.to, place);
    if (this.#remembered >= REMEMBERED_MAX) return;
    const queue = this.#queues.get(submit.to) ?? { refused: [], pauseMs, untilMs: 0 };
    this.#queues.set(submit.to, queue);
    this.#remember(queue, { name: nameOf(submit), place });
    queue.pauseMs = pauseMs;
    queue.untilMs = nowMs + pauseMs + GRACE_MS;
  }

  #overtake(to: Submit['to'], place: number): void {
    const no = this.#lastEntry;
    // What stood behind a later one stands behind this one as well.
    const others = (this.#overtaken.get(to) ?? []).filter((one) => one.place < place);
    this.#overtaken.set(to, [...others, { place, no }]);
  }

  /** Nobody is in any more: nothing can be overtaken. */
  empty(): void {
    this.#overtaken.clear();
  }

  #remember({ refused }: Queue, added: Refused): void {
    if (this.#remembered >= REMEMBERED_MAX) return;
    // Mostly the last one.
    let at = refused.length;
    while (at > 0 && (refused[at - 1]?.place ?? 0) > added.place) at--;
    refused.splice(at, 0, added);
    this.#remembered++;
  }
}

/** The tag of its first leg: it stays what it is when a submit comes again under another id, and no two have the same. */
function nameOf({ legs, submitId }: Submit): string {
  const bytes = legs[0]?.bytes;
  if (bytes === undefined) return submitId;
  const from = Math.max(0, bytes.length - TAG_BYTES);
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, bytes.length - from).toString('latin1');
}
