/**
 * Clients submit many messages without waiting for answers. When the server refuses one of them for the moment (no room on the disk, too
 * busy, a time in its id that is not ours), those behind it are already on their way, and the next moment there may be room: their
 * reader would see them in the wrong order. So what a connection submits for the same recipient is refused too, and all of it has to
 * come again in the order in which it came first. Each refusal that a client has not read yet may be followed by more, so it is the
 * whole queue that is remembered, not only its first.
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

/** What one connection was refused. Times are monotonic. */
export class RefusedFirst {
  readonly #queues = new Map<Submit['to'], Queue>();
  #remembered = 0;
  #lastPlace = 0;

  /**
   * Lets a submit in.
   * @returns its place, for {@link RefusedFirst.failed}
   * @throws KuvertError `overloaded` while something earlier for the same recipient is to come again
   */
  enter(submit: Submit, nowMs: number): number {
    let queue = this.#queues.get(submit.to);
    if (queue !== undefined && nowMs >= queue.untilMs) {
      this.#remembered -= queue.refused.length;
      this.#queues.delete(submit.to);
      queue = undefined;
    }
    if (queue === undefined) return ++this.#lastPlace;
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
    return first.place;
  }

  /**
   * Asked again before a submit is handed to the store, because it may have waited there for an earlier one that was refused meanwhile.
   * @throws KuvertError `overloaded` while something earlier for the same recipient is to come again
   */
  stay(submit: Submit, place: number, nowMs: number): void {
    const queue = this.#queues.get(submit.to);
    const [first] = queue?.refused ?? [];
    if (queue === undefined || first === undefined || nowMs >= queue.untilMs || first.place > place) return;
    throw refusal('overloaded', queue.pauseMs);
  }

  /** Notes what a submit that had entered was answered. */
  failed(submit: Submit, place: number, error: unknown, nowMs: number): void {
    if (!(error instanceof KuvertError)) return;
    const isForTime = error.code === 'submit_too_new' || error.code === 'submit_too_old';
    if (!isForTime && error.retry.kind !== 'after') return;
    const pauseMs = error.retry.kind === 'after' ? error.retry.ms : TIME_PAUSE_MS;
    if (this.#remembered >= REMEMBERED_MAX) return;
    const queue = this.#queues.get(submit.to) ?? { refused: [], pauseMs, untilMs: 0 };
    this.#queues.set(submit.to, queue);
    this.#remember(queue, { name: nameOf(submit), place });
    queue.pauseMs = pauseMs;
    queue.untilMs = nowMs + pauseMs + GRACE_MS;
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
