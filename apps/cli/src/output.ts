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

/** To the beginning of the line, and nothing behind it. */
const ERASE_LINE = '\r\x1b[K';

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
  /** True when stderr is a terminal, where a line can be written over. */
  readonly #canCount: boolean;
  /** True while a line stands there that counts: it makes room for whatever comes next. */
  #isCounting = false;

  constructor(streams: Streams, options: OutputOptions) {
    this.#streams = streams;
    this.#canCount = (streams.stderr as { isTTY?: boolean }).isTTY === true;
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
    this.#clearCount();
    await write(this.#streams.stdout, `${this.json ? showJson(object) : text()}\n`);
  }

  /** Tells something that is not a result, such as that the server cannot be reached. */
  async notice(code: string, message: string, facts: object = {}): Promise<void> {
    const line = this.json ? showJson({ notice: { code, message, ...facts } }) : `kuvert: ${message}`;
    await this.#tell(`${line}\n`);
  }

  /** Asks whoever sits there, on stderr, since the answer is no part of the result. */
  async question(text: string): Promise<void> {
    await this.#tell(text);
  }

  /** Tells a failure. */
  async failure(failure: Failure, facts: object = {}): Promise<void> {
    const { code, message, retry } = failure;
    const line = this.json
      ? showJson({ error: { code, message, retry, ...facts } })
      : `kuvert: ${message} [${code}]`;
    await this.#tell(`${line}\n`);
  }

  /** Says where a longer piece of work stands; only for people. */
  async progress(text: string): Promise<void> {
    if (!this.json) await this.#tell(`${showLine(text)}\n`);
  }

  /** Says how far work is that takes long: with `--json` an object, on a terminal in one line that counts, elsewhere a line each time. */
  async counting(object: object, text: string): Promise<void> {
    if (this.json) return this.#tell(`${showJson({ progress: object })}\n`);
    if (!this.#canCount) return this.#tell(`${showLine(text)}\n`);
    this.#clearCount();
    this.#isCounting = true;
    await write(this.#streams.stderr, showLine(text)).catch(() => undefined);
  }

  /** Whatever was counted is over. */
  counted(): void {
    this.#clearCount();
  }

  #clearCount(): void {
    if (!this.#isCounting) return;
    this.#isCounting = false;
    void write(this.#streams.stderr, ERASE_LINE).catch(() => undefined);
  }

  /** What is told gets lost where nobody listens: it is no part of the result. */
  async #tell(text: string): Promise<void> {
    this.#clearCount();
    await write(this.#streams.stderr, text).catch(() => undefined);
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
