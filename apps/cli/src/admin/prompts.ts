/**
 * Questions to whoever sits there, or lines of stdin for scripts, in the order in which they are asked. Secrets are never options of a command, because other
 * users of a machine see those; on a terminal they are not shown while they are typed.
 */
import { UsageError } from '../failure.ts';
import type { Output, Streams } from '../output.ts';

const LINE_CHARACTERS_MAX = 1_000;
const END_OF_TEXT = '\u0003';
const END_OF_TRANSMISSION = '\u0004';

interface RawTerminal {
  readonly isTTY?: boolean;
  setRawMode?(isRaw: boolean): unknown;
}

/** @see the head of this file */
export class Prompts {
  readonly #output: Output;
  readonly #terminal: RawTerminal;
  readonly #bytes: AsyncIterator<Uint8Array>;
  readonly #decoder = new TextDecoder();
  #waiting = '';

  constructor(streams: Streams, output: Output) {
    this.#output = output;
    this.#terminal = streams.stdin as RawTerminal;
    this.#bytes = streams.stdin[Symbol.asyncIterator]();
  }

  /** An answer that may be seen. @throws UsageError at the end of stdin */
  async ask(question: string): Promise<string> {
    await this.#output.question(`${question}: `);
    for (;;) {
      const end = this.#waiting.search(/\r?\n/);
      if (end >= 0) return this.#takeLine(end);
      if (!(await this.#more())) {
        if (this.#waiting !== '') return this.#takeLine(this.#waiting.length);
        throw inputMissing();
      }
    }
  }

  /** Six digits, asked for until there are six. @throws UsageError at the end of stdin */
  async askDigits(question: string): Promise<string> {
    for (;;) {
      const answer = (await this.ask(question)).replace(/\s/g, '');
      if (/^\d{6}$/.test(answer)) return answer;
    }
  }

  /** The same, or nothing. @throws UsageError at the end of stdin */
  async askDigitsOrNothing(question: string): Promise<string> {
    for (;;) {
      const answer = (await this.ask(question)).replace(/\s/g, '');
      if (/^(\d{6})?$/.test(answer)) return answer;
    }
  }

  /** An answer that is not shown. @throws UsageError at the end of stdin */
  async askSecret(question: string): Promise<string> {
    if (this.#terminal.isTTY !== true || this.#terminal.setRawMode === undefined) return this.ask(question);
    await this.#output.question(`${question}: `);
    this.#terminal.setRawMode(true);
    try {
      let typed = '';
      for (;;) {
        for (const character of this.#waiting) {
          this.#waiting = this.#waiting.slice(character.length);
          if (character === '\r' || character === '\n') return typed;
          if (character === END_OF_TEXT || character === END_OF_TRANSMISSION) throw inputMissing();
          if (character === '\u007f' || character === '\b') typed = [...typed].slice(0, -1).join('');
          else typed += character;
        }
        if (!(await this.#more())) throw inputMissing();
      }
    } finally {
      this.#terminal.setRawMode(false);
      await this.#output.question('\n');
    }
  }

  /** Lets the process end although nothing more is read. */
  async close(): Promise<void> {
    await this.#bytes.return?.();
  }

  #takeLine(end: number): string {
    const line = this.#waiting.slice(0, end);
    this.#waiting = this.#waiting.slice(end).replace(/^\r?\n/, '');
    return line.trim();
  }

  async #more(): Promise<boolean> {
    const { done, value } = await this.#bytes.next();
    if (done) return false;
    this.#waiting += this.#decoder.decode(value, { stream: true });
    if (this.#waiting.length > LINE_CHARACTERS_MAX * 10) throw inputMissing();
    return true;
  }
}

/** Work that asks something. */
export async function withPrompts<T>(
  { streams, output }: { readonly streams: Streams; readonly output: Output },
  work: (prompts: Prompts) => Promise<T>,
): Promise<T> {
  const prompts = new Prompts(streams, output);
  try {
    return await work(prompts);
  } finally {
    await prompts.close();
  }
}

function inputMissing(): UsageError {
  return new UsageError({
    en: 'An answer is missing: give it when asked, or as a line on standard input.',
    de: 'Es fehlt eine Antwort: bitte auf die Frage eingeben, oder als Zeile auf der Standardeingabe.',
  });
}
