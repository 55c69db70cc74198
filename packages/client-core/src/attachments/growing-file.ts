/**
 * A file while it is sealed, between whoever seals it and whoever sends it. Sealed bytes are lent from memory to a sender that keeps up; one that does
 * not reads them from the disk, where all of them go. Nobody waits for a line that is slow: after a moment its memory is taken back.
 */
import type { Clock } from '../ports.ts';

/** How long memory waits for its sender. */
const PATIENCE_MS = 50;
/** How long whoever has sealed all of it waits for the end of its sending. */
const SOON_MS = 20;
/** A sender that is so far behind, or less, is about to have everything. */
const NEAR_BYTES = 16 * 1_048_576;

/** Sealed bytes in memory. */
interface Loan {
  readonly from: number;
  readonly bytes: Uint8Array;
  /** They are on the disk too. */
  isWritten: boolean;
  /** The sender has them in hand. */
  isTaken: boolean;
  /** Called once, when the memory is free again. */
  readonly onBack: () => void;
}

/** @see the top of this file */
export class GrowingFile {
  readonly #clock: Clock;
  readonly #whole = Promise.withResolvers<Uint8Array<ArrayBuffer> | undefined>();
  #loans: Loan[] = [];
  #sealedBytes = 0;
  #writtenBytes = 0;
  #sentBytes = 0;
  #hasSender = false;
  #isPatient = true;
  #isWanted: () => boolean = () => false;
  #isGivenUp = false;
  #wake: (() => void) | undefined;
  #onGivenUp: (() => void) | undefined;
  readonly #sent = Promise.withResolvers<void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What can be read, from memory or from the disk. */
  get bytes(): number {
    return this.#sealedBytes;
  }
  /** What can be read from the disk. */
  get writtenBytes(): number {
    return this.#writtenBytes;
  }
  /** It was not sealed to its end, and never will be. */
  get isGivenUp(): boolean {
    return this.#isGivenUp;
  }
  /** Somebody sends it, and has nearly all that there is. */
  get isNearlySent(): boolean {
    return this.#hasSender && this.#sealedBytes - this.#sentBytes <= NEAR_BYTES;
  }
  /** SHA-256 of all of it, once all is sealed; undefined when it was given up before. */
  get sealedSha256(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return this.#whole.promise;
  }

  /** Further bytes were sealed. The memory is free again when `onBack` is called: not before they were written. */
  lend(bytes: Uint8Array, onBack: () => void): Loan {
    const loan = { from: this.#sealedBytes, bytes, isWritten: false, isTaken: false, onBack };
    this.#loans.push(loan);
    this.#sealedBytes += bytes.length;
    this.#awake();
    return loan;
  }
  /** What was lent is on the disk. */
  written(loan: Loan): void {
    loan.isWritten = true;
    this.#writtenBytes = loan.from + loan.bytes.length;
    this.#endSome();
  }
  /** Memory is wanted back until `isStillWanted` says otherwise: after a moment, from a sender that is not as fast as it is wanted. */
  async wantBack(isStillWanted: () => boolean): Promise<void> {
    if (this.#hasSender && this.#isPatient) {
      await new Promise<void>((resolve) => this.#clock.after(PATIENCE_MS, resolve));
      if (!isStillWanted()) return;
      this.#isPatient = false;
    }
    this.#isWanted = isStillWanted;
    this.#endSome();
  }
  /** All of it was sealed; the rest of it is being written. */
  completed(sealedSha256: Uint8Array<ArrayBuffer>): void {
    this.#whole.resolve(sealedSha256);
  }
  /** Nothing is added any more, although it is not whole. */
  giveUp(): void {
    this.#isGivenUp = true;
    this.#whole.resolve(undefined);
    this.noSender();
    this.#awake();
    this.#onGivenUp?.();
  }
  /** Calls `listener` when it is given up, for one listener. */
  whenGivenUp(listener: () => void): void {
    this.#onGivenUp = listener;
  }

  /** Somebody begins to send it, from `offset` on. */
  sentFrom(offset: number): void {
    this.#hasSender = true;
    this.#sentBytes = offset;
    this.#endSome();
  }
  /** Nobody sends it any more, or ever. */
  noSender(): void {
    this.#hasSender = false;
    this.#sent.resolve();
    this.#endSome();
  }
  /** Bytes from `at` on that are in memory. Whoever takes them says with {@link GrowingFile.passed} that they were used. */
  take(at: number): Loan | undefined {
    const loan = this.#loans.find(({ from, bytes }) => from <= at && at < from + bytes.length);
    if (loan === undefined) return undefined;
    loan.isTaken = true;
    this.#isPatient = true;
    return loan;
  }
  /** Everything before `at` has been sent. */
  passed(at: number, loan?: Loan): void {
    this.#sentBytes = Math.max(this.#sentBytes, at);
    if (loan !== undefined) loan.isTaken = false;
    this.#endSome();
  }
  /** All of it has left. */
  allSent(): void {
    this.#sent.resolve();
  }
  /** Resolves when all of it has left, nobody sends it, or after a moment. */
  async sentSoon(): Promise<void> {
    const late = Promise.withResolvers<void>();
    const cancel = this.#clock.after(SOON_MS, late.resolve);
    await Promise.race([this.#sent.promise, late.promise]);
    cancel();
  }

  /** Waits until so much can be read, or it was given up. For one waiter at a time. @returns how much can be read */
  async reaches(bytes: number): Promise<number> {
    while (this.#sealedBytes < bytes && !this.#isGivenUp) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#sealedBytes;
  }

  /** Gives back what nobody needs in memory any more. */
  #endSome(): void {
    for (const loan of [...this.#loans]) {
      if (!loan.isWritten || loan.isTaken) continue;
      const isPassed = this.#sentBytes >= loan.from + loan.bytes.length;
      if (this.#hasSender && !isPassed && !this.#isWanted()) continue;
      this.#loans.splice(this.#loans.indexOf(loan), 1);
      loan.onBack();
    }
  }
  #awake(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}
