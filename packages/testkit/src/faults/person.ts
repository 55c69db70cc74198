/** The campaign's end of a person's process: starts it, kills it, gives it orders. */
import { fileURLToPath } from 'node:url';
import type { Child, Children } from '../children.ts';
import type { TestPerson } from '../people.ts';
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
  #child: Child | undefined;
  #lives = 0;
  /** How its process ended where nobody had killed it. */
  readonly unexpectedEnds: string[] = [];

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
    this.#child = this.#children.start(process.execPath, [PROCESS, JSON.stringify(settings)], {
      env: this.#environment,
      ipc: true,
    });
    const child = this.#child;
    child.ended.then(
      ({ code, signal }) => {
        if (this.#child === child) this.unexpectedEnds.push(`code ${code} signal ${signal}: ${child.stderr}`);
      },
      () => undefined,
    );
  }

  get pid(): number {
    return this.#running.pid;
  }

  async ready(): Promise<void> {
    await this.#running.until('the profile is open', () => this.#running.messages[0]);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Kills it and waits for its end. */
  async kill(): Promise<void> {
    await this.#end((child) => child.kill('SIGKILL'));
  }

  beQuiet(): void {
    this.#order({ do: 'be-quiet' });
  }

  /** Sends and fetches, and tells how things stand. @throws Error when it ended or does not answer */
  async flush(): Promise<Standing> {
    const child = this.#running;
    const heard = child.messages.length;
    this.#order({ do: 'flush' });
    const doubt = AbortSignal.timeout(DOUBT_MS);
    return child.until('it has flushed', () => {
      doubt.throwIfAborted();
      return child.messages.slice(heard).find(isStanding);
    });
  }

  /** Has it write down what is on its screen. */
  async show(): Promise<void> {
    const child = this.#running;
    this.#order({ do: 'show' });
    await child.until('its screen is written down', () => child.messages.find(isShown));
  }

  async leave(): Promise<void> {
    await this.#end(() => this.#order({ do: 'leave' }));
  }

  async #end(how: (child: Child) => void): Promise<void> {
    const child = this.#running;
    how(child);
    // Only from here on its end is no surprise; one that had ended before is already told of.
    this.#child = undefined;
    await child.ended;
  }

  get #running(): Child {
    if (this.#child === undefined) throw new Error('the person has not come yet');
    return this.#child;
  }

  #order(order: Order): void {
    const { process } = this.#running;
    if (process.connected) process.send(order);
  }
}

function isStanding(message: unknown): message is Standing {
  return (message as { type?: unknown } | undefined)?.type === 'standing';
}

function isShown(message: unknown): boolean {
  return (message as { type?: unknown } | undefined)?.type === 'shown';
}
