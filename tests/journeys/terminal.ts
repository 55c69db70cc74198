/** A real terminal for tests: a window of tmux, into which keys are typed and of which screens are taken. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { vi } from 'vitest';

/** How long a screen may take to show something; only a failing test waits for it. */
const SHOWN_WITHIN_MS = 120_000;

/** Windows of one test file; they end with it. */
export class Terminals {
  #socket = newSocket();
  #count = 0;

  /**
   * Opens a window.
   * @param command run by a shell in it
   */
  open(
    command: string,
    options: { columns: number; rows: number; env: Readonly<Record<string, string | undefined>> },
  ): TerminalWindow {
    const name = `w${this.#count++}`;
    const { columns, rows, env } = options;
    const size = ['-x', String(columns), '-y', String(rows)];
    this.run(['new-session', '-d', '-s', name, ...size, command], env);
    return new TerminalWindow(name, this);
  }

  run(args: readonly string[], env: Readonly<Record<string, string | undefined>> = {}): string {
    // UTF-8, whatever the machine's own locale is, and nothing of somebody's tmux.conf.
    const command = ['-u', '-L', this.#socket, '-f', '/dev/null', ...args];
    const { TMUX: _, ...surroundings } = process.env;
    return execFileSync('tmux', command, {
      env: { ...surroundings, ...env, LC_ALL: 'C.UTF-8' },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  /** The process that is the terminal. */
  get pid(): number {
    return Number(this.run(['display-message', '-p', '#{pid}']));
  }

  [Symbol.dispose](): void {
    try {
      this.run(['kill-server']);
    } catch {
      // The last window has ended, and the server with it.
    }
    // A server that is ending takes no new windows.
    this.#socket = newSocket();
  }
}

function newSocket(): string {
  return `kuvert-test-${randomBytes(6).toString('hex')}`;
}

/** One window. */
export class TerminalWindow {
  readonly #name: string;
  readonly #terminals: Terminals;

  constructor(name: string, terminals: Terminals) {
    this.#name = name;
    this.#terminals = terminals;
  }

  /** Presses keys by their names in tmux (`Enter`, `F2`, `M-Enter`, `C-c`). */
  press(...keys: readonly string[]): void {
    for (const key of keys) this.#terminals.run(['send-keys', '-t', this.#name, key]);
  }
  /** Types text as it is. */
  type(text: string): void {
    this.#terminals.run(['send-keys', '-t', this.#name, '-l', text]);
  }

  /** What is on the screen, as text. */
  screen(): string {
    return this.#terminals.run(['capture-pane', '-p', '-t', this.#name]);
  }
  /** The same with its colours, as SGR sequences. */
  coloured(): string {
    return this.#terminals.run(['capture-pane', '-p', '-e', '-t', this.#name]);
  }
  /** A fact that tmux knows of the window, such as `alternate_on`. */
  fact(name: string): string {
    return this.#terminals.run(['display-message', '-p', '-t', this.#name, `#{${name}}`]).trim();
  }
  resize(columns: number, rows: number): void {
    const size = ['-x', String(columns), '-y', String(rows)];
    this.#terminals.run(['resize-window', '-t', this.#name, ...size]);
  }

  /** Waits until the screen shows this. @returns the screen */
  shows(wanted: string | RegExp): Promise<string> {
    return this.#waitFor(
      (screen) => (typeof wanted === 'string' ? screen.includes(wanted) : wanted.test(screen)),
      wanted,
    );
  }
  /** Waits until the screen does not show this any more. */
  hides(unwanted: string): Promise<string> {
    return this.#waitFor((screen) => !screen.includes(unwanted), `no ${unwanted}`);
  }

  #waitFor(isRight: (screen: string) => boolean, wanted: string | RegExp): Promise<string> {
    return vi.waitFor(
      () => {
        const screen = this.screen();
        if (!isRight(screen)) throw new Error(`the screen should show ${wanted}, it shows\n${screen}`);
        return screen;
      },
      { timeout: SHOWN_WITHIN_MS, interval: 150 },
    );
  }
}
