/**
 * Puts frames on a terminal. Only lines that changed are written, and never a frame before the terminal has taken the one
 * before: on a slow line the frames in between are left out, and what is shown last is always the newest.
 */
import type { Writable } from 'node:stream';
import type { Frame } from '../render/line.ts';
import { encodeLine, type Theme } from './theme.ts';

/** Terminals that know it show everything in between at once; others ignore it. */
const BEGIN = '\u001b[?2026h\u001b[?25l';
const END = '\u001b[?2026l';

/** @see the top of this file */
export class Painter {
  readonly #out: Writable;
  #shown: readonly string[] = [];
  #cursor = '';
  #next: (() => { frame: Frame; theme: Theme }) | undefined;
  #isWriting = false;
  #isScheduled = false;
  #isPaused = false;

  constructor(out: Writable) {
    this.#out = out;
  }

  /** Asks for a frame; it is drawn when the terminal can take it, and only the last of several that were asked for. */
  request(draw: () => { frame: Frame; theme: Theme }): void {
    this.#next = draw;
    if (this.#isScheduled || this.#isWriting || this.#isPaused) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#paint();
    });
  }

  /** What is on the terminal is not known any more: everything is written again with the next frame. */
  forget(): void {
    this.#shown = [];
    this.#cursor = '';
  }

  /** Nothing is drawn until {@link Painter.resume}, because the terminal is somebody else's. */
  pause(): void {
    this.#isPaused = true;
  }
  resume(): void {
    this.#isPaused = false;
    this.forget();
    if (this.#next !== undefined) this.request(this.#next);
  }

  #paint(): void {
    const draw = this.#next;
    if (draw === undefined || this.#isWriting || this.#isPaused) return;
    this.#next = undefined;
    const { frame, theme } = draw();
    const bytes = this.#difference(frame, theme);
    if (bytes === '') return;
    this.#isWriting = true;
    this.#out.write(bytes, () => {
      this.#isWriting = false;
      if (this.#next !== undefined) this.#paint();
    });
  }

  #difference(frame: Frame, theme: Theme): string {
    const lines = frame.lines.map((line) => encodeLine(line, theme));
    let bytes = '';
    for (const [row, line] of lines.entries()) {
      if (this.#shown[row] === line) continue;
      bytes += `\u001b[${row + 1};1H\u001b[2K${line}`;
    }
    const { cursor } = frame;
    const place = cursor === undefined ? '' : `\u001b[${cursor.row + 1};${cursor.column + 1}H\u001b[?25h`;
    if (bytes === '' && place === this.#cursor) return '';
    this.#shown = lines;
    this.#cursor = place;
    return `${BEGIN}${bytes}${place}${END}`;
  }
}
