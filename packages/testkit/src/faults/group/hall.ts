/** The campaign's end of a hall: starts it, kills it, gives it orders. */
import { fileURLToPath } from 'node:url';
import type { Child, Children } from '../../children.ts';
import type { HallAnswer, HallOrder, HallSettings, HallStanding } from './hall-talk.ts';

const PROCESS = fileURLToPath(new URL('./hall-process.ts', import.meta.url));

/** Many members in one process. */
export class Hall {
  /** How its process ended where nobody had killed it. */
  readonly unexpectedEnds: string[] = [];
  readonly #children: Children;
  readonly #settings: Omit<HallSettings, 'life'>;
  readonly #name: string;
  readonly #patienceMs: number;
  #child: Child | undefined;
  #lives = 0;

  /** @param options.patienceMs how long an order may take */
  constructor(options: {
    readonly children: Children;
    readonly settings: Omit<HallSettings, 'life'>;
    readonly name: string;
    readonly patienceMs: number;
  }) {
    this.#children = options.children;
    this.#settings = options.settings;
    this.#name = options.name;
    this.#patienceMs = options.patienceMs;
  }

  /** Starts the process and waits until all profiles are open. @returns who is in it */
  async start(): Promise<Extract<HallAnswer, { type: 'ready' }>['devices']> {
    const isFirst = this.#lives === 0;
    this.#lives += 1;
    const child = this.#children.start(process.execPath, [PROCESS], { ipc: true });
    this.#child = child;
    child.ended.then(
      ({ code, signal }) => {
        if (this.#child === child) this.unexpectedEnds.push(`code ${code} signal ${signal}: ${child.stderr}`);
      },
      () => undefined,
    );
    const members = this.#settings.members.map((member) =>
      isFirst ? member : { ...member, token: undefined },
    );
    const settings = { ...this.#settings, members, life: `${this.#name}.${this.#lives}` };
    return (await this.#ask({ do: 'come', settings }, 'ready')).devices;
  }

  async found(mails: readonly string[]): Promise<string> {
    return (await this.#ask({ do: 'found', mails }, 'founded')).group;
  }

  /** Talkers begin, or go on after a kill. */
  talk(messages: number): void {
    this.#order({ do: 'talk', messages });
  }

  beQuiet(): void {
    this.#order({ do: 'be-quiet' });
  }

  async flush(): Promise<readonly HallStanding[]> {
    return (await this.#ask({ do: 'flush' }, 'standings')).standings;
  }

  /** Kills it with -9 and waits for its end. */
  async kill(): Promise<void> {
    await this.#end((child) => child.kill('SIGKILL'));
  }

  async leave(): Promise<void> {
    await this.#end(() => this.#order({ do: 'leave' }));
  }

  async #ask<T extends HallAnswer['type']>(
    order: HallOrder,
    type: T,
  ): Promise<Extract<HallAnswer, { type: T }>> {
    const child = this.#running;
    const heard = child.messages.length;
    this.#order(order);
    const isAnswer = (message: unknown): message is Extract<HallAnswer, { type: T }> =>
      (message as HallAnswer | undefined)?.type === type;
    const find = () => child.messages.slice(heard).find(isAnswer);
    return child.until(`a hall answers ${order.do}`, find, this.#patienceMs);
  }

  async #end(how: (child: Child) => void): Promise<void> {
    const child = this.#running;
    how(child);
    this.#child = undefined;
    await child.ended;
  }

  get #running(): Child {
    if (this.#child === undefined) throw new Error('the hall is not open');
    return this.#child;
  }

  #order(order: HallOrder): void {
    const { process } = this.#running;
    if (process.connected) process.send(order);
  }
}
