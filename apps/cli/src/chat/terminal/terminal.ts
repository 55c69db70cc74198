/**
 * The terminal itself: raw keys, the alternate screen, its size, being suspended and resumed, and above all that the
 * terminal is left as it was found, however the process ends. Keys are decoded by Node (`emitKeypressEvents`).
 */
import { writeSync } from 'node:fs';
import { emitKeypressEvents } from 'node:readline';
import { PassThrough } from 'node:stream';
import type { ReadStream, WriteStream } from 'node:tty';
import type { Size } from '../render/line.ts';
import type { Key } from './keys.ts';
import { type DecodedKey, KeyReader } from './keys.ts';

/** How long an escape may stand alone before it is the key and not the beginning of a sequence. */
const ESCAPE_TIMEOUT_MS = 40;
/** How long a job that was asked to stop may still run. */
const RESUME_ANYWAY_MS = 200;
/** Alternate screen, bracketed paste, reports of focus; the ground's colour is asked for. */
const ENTER = '\u001b[?1049h\u001b[?2004h\u001b[?1004h\u001b[?7l\u001b[2J\u001b[H';
const ASK_BACKGROUND = '\u001b]11;?\u001b\\';
const LEAVE = '\u001b[?2026l\u001b[m\u001b[?7h\u001b[?1004l\u001b[?2004l\u001b[?25h\u001b[?1049l';
/** The answer to that, ended by BEL or by ST. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is made of control characters.
const BACKGROUND = /\u001b]11;([^\u0007\u001b]*)(?:\u0007|\u001b\\)/;

const ANSWER_BEGIN = '\u001b]11;';
/** More than this is no answer of a terminal. */
const ANSWER_LENGTH_MAX = 64;

/** What a terminal tells. */
export interface TerminalEvents {
  onKey(key: Key): void;
  onPaste(text: string): void;
  onResize(size: Size): void;
  /** The terminal's answer to what its ground looks like, such as `rgb:ffff/ffff/ffff`. */
  onBackground(colour: string): void;
  onFocus(hasFocus: boolean): void;
  /** The terminal is ours again after it was somebody else's: everything must be drawn anew. */
  onResumed(): void;
  /** The terminal was taken away for the moment: nothing may be drawn. */
  onSuspended(): void;
  /** The terminal has gone, or the process was asked to end. */
  onEnd(): void;
}

/** The terminal of this process; made once. */
export class Terminal {
  readonly #input: ReadStream;
  readonly #output: WriteStream;
  readonly #events: TerminalEvents;
  readonly #decoder = new PassThrough();
  readonly #undo: (() => void)[] = [];
  #isEntered = false;
  /** The beginning of the answer about the ground, when the rest has not come yet. */
  #held = '';

  constructor(input: ReadStream, output: WriteStream, events: TerminalEvents) {
    this.#input = input;
    this.#output = output;
    this.#events = events;
  }

  /** Never smaller than one cell: some terminals report nothing before they are shown. */
  get size(): Size {
    const { columns, rows } = this.#output;
    return { columns: Math.max(1, columns || 80), rows: Math.max(1, rows || 24) };
  }

  /** How many bits of colour it shows. */
  get colourBits(): number {
    return this.#output.getColorDepth();
  }

  /** Takes the terminal. */
  open(): void {
    // A terminal that does not read (a stopped window, a slow line) must not stop this process with its next write.
    const handle = (this.#output as { _handle?: { setBlocking?(on: boolean): void } })._handle;
    handle?.setBlocking?.(false);
    const reader = new KeyReader({
      onKey: (key) => this.#events.onKey(key),
      onPaste: (text) => this.#events.onPaste(text),
      onFocus: (hasFocus) => this.#events.onFocus(hasFocus),
    });
    emitKeypressEvents(this.#decoder, { escapeCodeTimeout: ESCAPE_TIMEOUT_MS } as never);
    this.#decoder.on('keypress', (text: string | undefined, key: DecodedKey) => reader.take(text, key));
    this.#listen(this.#input, 'data', (chunk: Buffer) => this.#read(chunk));
    this.#listen(this.#input, 'end', () => this.#events.onEnd());
    this.#listen(this.#input, 'error', () => this.#events.onEnd());
    this.#listen(this.#output, 'error', () => this.#events.onEnd());
    this.#listen(this.#output, 'resize', () => this.#events.onResize(this.size));
    this.#listen(process, 'SIGHUP', () => this.#events.onEnd());
    this.#listen(process, 'SIGTSTP', () => this.suspend());
    this.#listen(process, 'SIGCONT', () => this.#resume());
    // Whatever ends the process, `exit` comes last, and only what is written synchronously still arrives.
    this.#listen(process, 'exit', () => this.#leave({ now: true }));
    this.#enter();
    this.#output.write(ASK_BACKGROUND);
  }

  /** Gives the terminal back as it was. */
  close(): void {
    this.#leave({ now: true });
    for (const undo of this.#undo.splice(0)) undo();
    this.#input.pause();
  }

  /** Stops the process, as Ctrl-Z does; it goes on with the shell's `fg`. */
  suspend(): void {
    if (!this.#isEntered) return;
    this.#events.onSuspended();
    this.#leave({ now: true });
    // The whole job is stopped, for the shell waits for whoever it started, which may be a wrapper of ours.
    const stop = process.listeners('SIGTSTP');
    process.removeAllListeners('SIGTSTP');
    process.kill(0, 'SIGTSTP');
    setTimeout(() => {
      for (const listener of stop) process.on('SIGTSTP', listener as () => void);
      // Nobody could stop us (no shell that would bring us back): the terminal is ours again.
      if (!this.#isEntered) this.#resume();
    }, RESUME_ANYWAY_MS);
  }

  #resume(): void {
    if (this.#isEntered) this.#leave({ now: true });
    this.#enter();
    // Whoever was put aside is not told of a new size; Node reads it again at this signal and tells it as `resize`.
    process.kill(process.pid, 'SIGWINCH');
    this.#events.onResumed();
  }

  #read(chunk: Buffer): void {
    const text = this.#held + chunk.toString('latin1');
    this.#held = '';
    const answer = BACKGROUND.exec(text);
    if (answer === null) {
      const begun = text.lastIndexOf(ANSWER_BEGIN);
      const isBegun = begun >= 0 && text.length - begun < ANSWER_LENGTH_MAX;
      if (isBegun) this.#held = text.slice(begun);
      const whole = isBegun ? text.slice(0, begun) : text;
      if (whole !== '') this.#decoder.write(Buffer.from(whole, 'latin1'));
      return;
    }
    this.#events.onBackground(answer[1] ?? '');
    const rest = text.slice(0, answer.index) + text.slice(answer.index + answer[0].length);
    if (rest !== '') this.#decoder.write(Buffer.from(rest, 'latin1'));
  }

  #enter(): void {
    this.#isEntered = true;
    this.#input.setRawMode(true);
    this.#input.resume();
    this.#output.write(ENTER);
  }

  #leave({ now }: { now: boolean }): void {
    if (!this.#isEntered) return;
    this.#isEntered = false;
    try {
      if (now) writeAll((this.#output as WriteStream & { fd: number }).fd, LEAVE);
      this.#input.setRawMode(false);
    } catch {
      // The terminal has gone; there is nothing left to restore.
    }
  }

  #listen(emitter: NodeJS.EventEmitter, name: string, listener: (...values: never[]) => void): void {
    emitter.on(name, listener as () => void);
    this.#undo.push(() => emitter.off(name, listener as () => void));
  }
}

/** Writes although the terminal does not wait for us, as long as it takes some of it within a moment. */
function writeAll(fd: number, text: string): void {
  const bytes = Buffer.from(text);
  let written = 0;
  for (let tries = 0; written < bytes.length && tries < 200; tries += 1) {
    try {
      written += writeSync(fd, bytes, written);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}
