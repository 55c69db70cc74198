/** The campaign's end of a hall: starts it, kills it, gives it orders. */
import { fileURLToPath } from 'node:url';
import type { Children } from '../../children.ts';
import { OrderedProcess } from '../ordered-process.ts';
import type { HallAnswer, HallOrder, HallSettings, HallStanding } from './hall-talk.ts';

const PROCESS = fileURLToPath(new URL('./hall-process.ts', import.meta.url));

/** Many members in one process. */
export class Hall {
  readonly #children: Children;
  readonly #settings: Omit<HallSettings, 'life'>;
  readonly #name: string;
  readonly #patienceMs: number;
  readonly #process = new OrderedProcess<HallOrder>('the hall is not open');
  #lives = 0;

  /** @param options.patienceMs how long an order may take without a word that it goes on */
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

  /** How its process ended where nobody had killed it; whoever has told it takes it out. */
  get unexpectedEnds(): string[] {
    return this.#process.unexpectedEnds;
  }

  /** Starts the process and waits until all profiles are open. @returns who is in it */
  async start(): Promise<Extract<HallAnswer, { type: 'ready' }>['devices']> {
    const isFirst = this.#lives === 0;
    this.#lives += 1;
    this.#process.begin(this.#children.start(process.execPath, [PROCESS], { ipc: true }));
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
    this.#process.order({ do: 'talk', messages });
  }

  beQuiet(): void {
    this.#process.order({ do: 'be-quiet' });
  }

  async flush(): Promise<readonly HallStanding[]> {
    return (await this.#ask({ do: 'flush' }, 'standings')).standings;
  }

  /** Kills it with -9 and waits for its end. */
  async kill(): Promise<void> {
    await this.#process.kill();
  }

  async leave(): Promise<void> {
    await this.#process.leave({ do: 'leave' });
  }

  async #ask<T extends HallAnswer['type']>(
    order: HallOrder,
    type: T,
  ): Promise<Extract<HallAnswer, { type: T }>> {
    const child = this.#process.running;
    const heard = child.messages.length;
    this.#process.order(order);
    const isAnswer = (message: unknown): message is Extract<HallAnswer, { type: T }> =>
      (message as HallAnswer | undefined)?.type === type;
    for (let known = heard; ; known = child.messages.length) {
      const find = () => child.messages.slice(heard).find(isAnswer);
      const isGoingOn = () => (child.messages.length > known ? 'going on' : undefined);
      const said = await child.until(
        `a hall answers ${order.do}`,
        () => find() ?? isGoingOn(),
        this.#patienceMs,
      );
      if (said !== 'going on') return said;
    }
  }
}
