/**
 * Memory for the batches of a file: so many, however large the file is. It is wiped and kept for the next file, because fresh memory costs more
 * than sealing what goes into it: 12 MiB at most in a process that has sent small and large ones.
 */
import { discardBytes } from '@kuvert/protocol';
import { BATCH_BYTES, type BatchMemory } from './file-sealer.ts';

const COUNT = { small: 8, large: 4 } as const;
const idle = { small: [] as BatchMemory[], large: [] as BatchMemory[] };

/** @see the top of this file */
export class BatchLanes {
  readonly #bytes: number;
  readonly #size: keyof typeof COUNT;
  readonly #wantBack: (isStillWanted: () => boolean) => void;
  readonly #free: BatchMemory[] = [];
  #made = 0;
  #isClosed = false;
  #failure: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;

  /**
   * @param batchBytes of the largest batch, before and after it was sealed
   * @param wantBack all of it is lent, and somebody waits
   */
  constructor(batchBytes: number, wantBack: (isStillWanted: () => boolean) => void) {
    this.#bytes = batchBytes;
    this.#size = batchBytes === BATCH_BYTES.small ? 'small' : 'large';
    this.#wantBack = wantBack;
  }

  /** For one who waits at a time. @throws what {@link BatchLanes.fail} was told */
  async take(): Promise<BatchMemory> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure.error;
      const free = this.#free.pop();
      if (free !== undefined) return free;
      if (this.#made < COUNT[this.#size]) {
        this.#made++;
        return (
          idle[this.#size].pop() ?? {
            plain: new Uint8Array(this.#bytes),
            sealed: new Uint8Array(this.#bytes),
          }
        );
      }
      const freed = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      const wake = this.#wake;
      this.#wantBack(() => this.#wake === wake);
      await freed;
    }
  }

  giveBack(memory: BatchMemory): void {
    if (this.#isClosed) {
      dismiss(memory);
      return;
    }
    this.#free.push(memory);
    this.#awake();
  }

  /** Some memory will not come back: nobody is to wait for it. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#awake();
  }

  /** Nothing is taken any more; what is still lent goes when it is given back. */
  close(): void {
    this.#isClosed = true;
    for (const memory of this.#free.splice(0)) dismiss(memory);
  }

  #awake(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}

function dismiss(memory: BatchMemory): void {
  memory.plain.fill(0);
  const size = memory.plain.length === BATCH_BYTES.small ? 'small' : 'large';
  if (idle[size].length < COUNT[size]) idle[size].push(memory);
  else for (const bytes of [memory.plain, memory.sealed]) discardBytes(bytes);
}
