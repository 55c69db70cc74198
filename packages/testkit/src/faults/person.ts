/** The campaign's end of a person's process: starts it, kills it, gives it orders. */
import { fileURLToPath } from 'node:url';
import type { Children } from '../children.ts';
import type { TestPerson } from '../people.ts';
import { OrderedProcess } from './ordered-process.ts';
import type { Order, PersonSettings, Standing } from './person-talk.ts';

const PROCESS = fileURLToPath(new URL('./person-process.ts', import.meta.url));
const DOUBT_MS = 45_000;

/** A person of a campaign. */
export class TalkingPerson {
  readonly person: TestPerson;
  readonly notebook: string;
  readonly clockFile: string;
  readonly #children: Children;
  readonly #seed: string;
  readonly #environment: Readonly<Record<string, string | undefined>>;
  #colleagues: PersonSettings['colleagues'] = [];
  readonly #process = new OrderedProcess<Order>('the person has not come yet');
  #lives = 0;

  constructor(options: {
    person: TestPerson;
    notebook: string;
    clockFile: string;
    children: Children;
    seed: string;
    environment: Readonly<Record<string, string | undefined>>;
  }) {
    this.person = options.person;
    this.notebook = options.notebook;
    this.clockFile = options.clockFile;
    this.#children = options.children;
    this.#seed = options.seed;
    this.#environment = options.environment;
  }

  /** How its process ended where nobody had killed it; whoever has told it takes it out. */
  get unexpectedEnds(): string[] {
    return this.#process.unexpectedEnds;
  }

  /** Who they talk to: their tenant, each person once, whatever devices they have. */
  meet(people: readonly TalkingPerson[]): void {
    const { tenantId, personId: own } = this.person;
    const others = people.filter(({ person }) => person.tenantId === tenantId && person.personId !== own);
    const byPerson = new Map(others.map(({ person: { mail, personId } }) => [personId, { mail, personId }]));
    this.#colleagues = [...byPerson.values()];
  }

  /** Starts the process; {@link TalkingPerson.ready} tells when its profile is open. */
  start(): void {
    const { person, notebook, clockFile } = this;
    this.#lives += 1;
    const settings: PersonSettings = {
      profileDir: person.profileDir,
      secretHex: Buffer.from(person.secret).toString('hex'),
      notebook,
      clockFile,
      life: `${person.deviceId.slice(3, 11)}.${this.#lives}`,
      seed: this.#seed,
      colleagues: this.#colleagues,
    };
    const options = { env: this.#environment, ipc: true };
    this.#process.begin(this.#children.start(process.execPath, [PROCESS, JSON.stringify(settings)], options));
  }

  get pid(): number {
    return this.#process.running.pid;
  }

  async ready(): Promise<void> {
    await this.#process.running.until('the profile is open', () => this.#process.running.messages[0]);
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.signal(signal);
  }

  /** Kills it and waits for its end. */
  async kill(): Promise<void> {
    await this.#process.kill();
  }

  beQuiet(): void {
    this.#process.order({ do: 'be-quiet' });
  }

  /** Sends and fetches, and tells how things stand. @throws Error when it ended or does not answer */
  async flush(): Promise<Standing> {
    const child = this.#process.running;
    const heard = child.messages.length;
    this.#process.order({ do: 'flush' });
    const doubt = AbortSignal.timeout(DOUBT_MS);
    return child.until('it has flushed', () => {
      doubt.throwIfAborted();
      return child.messages.slice(heard).find(isStanding);
    });
  }

  /** Has it write down what is on its screen. */
  async show(): Promise<void> {
    const child = this.#process.running;
    this.#process.order({ do: 'show' });
    await child.until('its screen is written down', () => child.messages.find(isShown));
  }

  async leave(): Promise<void> {
    await this.#process.leave({ do: 'leave' });
  }
}

function isStanding(message: unknown): message is Standing {
  return (message as { type?: unknown } | undefined)?.type === 'standing';
}

function isShown(message: unknown): boolean {
  return (message as { type?: unknown } | undefined)?.type === 'shown';
}
