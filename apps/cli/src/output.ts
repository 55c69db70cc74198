/**
 * What a command shows: results on stdout, everything else on stderr; with `--json` one JSON object per line on both.
 * A result line counts as written when the system has taken it, which is what `inbox` waits for before it marks a message
 * as printed.
 */
import type { Writable } from 'node:stream';
import type { Language } from './config.ts';
import { type Failure, OutputClosedError } from './failure.ts';
import { showJson, showLine } from './terminal-text.ts';
import { type Texts, textsIn } from './texts.ts';

/** Where a command reads and writes; the process's own streams outside tests. */
export interface Streams {
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly stdout: Writable;
  readonly stderr: Writable;
}

/** How a command shows things. */
export interface OutputOptions {
  readonly json: boolean;
  readonly language: Language;
  /** True when stdout is a terminal and colour is allowed. */
  readonly colour: boolean;
}

/** The output of one command. */
export class Output {
  readonly json: boolean;
  readonly language: Language;
  readonly colour: boolean;
  /** Sentences in the command's language. */
  readonly texts: Texts;
  readonly #streams: Streams;

  constructor(streams: Streams, options: OutputOptions) {
    this.#streams = streams;
    this.json = options.json;
    this.language = options.language;
    this.colour = options.colour;
    this.texts = textsIn(options.language);
  }

  /**
   * Writes one result: the object with `--json`, else the text for people. Resolves when the system has taken it.
   * @throws OutputClosedError when the reader has gone
   */
  async result(object: object, text: () => string): Promise<void> {
    await write(this.#streams.stdout, `${this.json ? showJson(object) : text()}\n`);
  }

  /** Tells something that is not a result, such as that the server cannot be reached. */
  async notice(code: string, message: string, facts: object = {}): Promise<void> {
    const line = this.json ? showJson({ notice: { code, message, ...facts } }) : `kuvert: ${message}`;
    await write(this.#streams.stderr, `${line}\n`).catch(() => undefined);
  }

  /** Asks whoever sits there, on stderr, since the answer is no part of the result. */
  async question(text: string): Promise<void> {
    await write(this.#streams.stderr, text).catch(() => undefined);
  }

  /** Tells a failure. */
  async failure(failure: Failure, facts: object = {}): Promise<void> {
    const { code, message, retry } = failure;
    const line = this.json
      ? showJson({ error: { code, message, retry, ...facts } })
      : `kuvert: ${message} [${code}]`;
    await write(this.#streams.stderr, `${line}\n`).catch(() => undefined);
  }

  /** Says where a longer piece of work stands; only for people. */
  async progress(text: string): Promise<void> {
    if (!this.json) await write(this.#streams.stderr, `${showLine(text)}\n`).catch(() => undefined);
  }
}

function write(stream: Writable, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(text, (error) => {
      if (!error) resolve();
      else if ((error as NodeJS.ErrnoException).code === 'EPIPE') reject(new OutputClosedError());
      else reject(error);
    });
  });
}
