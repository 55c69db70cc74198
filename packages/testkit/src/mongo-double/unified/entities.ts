/** The clients, databases, collections and sessions of one test, and the commands they have sent. */
import type { Document } from 'bson';
import {
  type ClientSession,
  type CollectionOptions,
  type CommandFailedEvent,
  type CommandStartedEvent,
  type CommandSucceededEvent,
  type Db,
  type DbOptions,
  MongoClient,
  ReadPreference,
} from 'mongodb';
import { isPlain } from '../bson-order.ts';

/** An event that a client has told of. */
export type Seen =
  | { readonly kind: 'commandStartedEvent'; readonly event: CommandStartedEvent }
  | { readonly kind: 'commandSucceededEvent'; readonly event: CommandSucceededEvent }
  | { readonly kind: 'commandFailedEvent'; readonly event: CommandFailedEvent };

/** See the head of the file. */
export class Entities implements AsyncDisposable {
  /** A client of the runner's own, which nobody listens to. */
  readonly helper: MongoClient;
  readonly #url: string;
  readonly #all = new Map<string, unknown>();
  readonly #lsids = new Map<string, unknown>();
  readonly #clients: MongoClient[] = [];
  readonly #sessions: ClientSession[] = [];
  readonly #seen = new Map<string, Seen[]>();

  constructor(url: string, helper: MongoClient) {
    this.#url = url;
    this.helper = helper;
  }

  /** Makes what `createEntities` lists. */
  async create(list: readonly Document[]): Promise<void> {
    for (const entity of list) {
      const [[kind, about] = ['', {}]] = Object.entries(entity) as [string, Document][];
      await this.#make(kind, about);
    }
  }

  get(name: string): unknown {
    if (!this.#all.has(name)) throw new Error(`there is no entity ${name}`);
    return this.#all.get(name);
  }

  set(name: string, value: unknown): void {
    this.#all.set(name, value);
  }

  client(name: string): MongoClient {
    return this.get(name) as MongoClient;
  }

  session(name: string): ClientSession {
    return this.get(name) as ClientSession;
  }

  lsid(name: string): unknown {
    return this.#lsids.get(name);
  }

  /** What a client has sent and heard, in order. */
  seen(client: string): readonly Seen[] {
    return this.#seen.get(client) ?? [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.#sessions) await session.endSession().catch(() => undefined);
    for (const client of this.#clients) await client.close();
  }

  async #make(kind: string, about: Document): Promise<void> {
    switch (kind) {
      case 'client':
        await this.#makeClient(about);
        return;
      case 'database':
        this.#all.set(
          about.id,
          this.client(about.client).db(about.databaseName, optionsOf(about.databaseOptions) as DbOptions),
        );
        return;
      case 'collection': {
        const db = this.get(about.database) as Db;
        this.#all.set(about.id, db.collection(about.collectionName, optionsOf(about.collectionOptions)));
        return;
      }
      case 'session': {
        const session = this.client(about.client).startSession(sessionOptions(about.sessionOptions));
        this.#sessions.push(session);
        this.#all.set(about.id, session);
        this.#lsids.set(about.id, session.id);
        return;
      }
      default:
        throw new Error(`the runner does not know entities of kind ${kind}`);
    }
  }

  async #makeClient(about: Document): Promise<void> {
    const options = Object.entries(about.uriOptions ?? {}).map(
      ([name, value]) => `&${name}=${encodeURIComponent(String(value))}`,
    );
    const client = new MongoClient(this.#url + options.join(''), { monitorCommands: true });
    const seen: Seen[] = [];
    const ignored = new Set<string>(['configureFailPoint', ...(about.ignoreCommandMonitoringEvents ?? [])]);
    const observed = new Set<string>(about.observeEvents ?? []);
    const note = (one: Seen): void => {
      if (observed.has(one.kind) && !ignored.has(one.event.commandName)) seen.push(one);
    };
    // The driver goes on to change the command when it sends it again.
    client.on('commandStarted', (event) =>
      note({
        kind: 'commandStartedEvent',
        event: Object.assign(Object.create(event) as typeof event, { command: plainCopy(event.command) }),
      }),
    );
    client.on('commandSucceeded', (event) => note({ kind: 'commandSucceededEvent', event }));
    client.on('commandFailed', (event) => note({ kind: 'commandFailedEvent', event }));
    this.#seen.set(about.id, seen);
    this.#all.set(about.id, client);
    this.#clients.push(client);
    await client.connect();
  }
}

/** Options of a database or collection as the driver names them. */
function optionsOf(options: Document | undefined): CollectionOptions {
  const { readPreference, ...others } = options ?? {};
  return readPreference === undefined
    ? others
    : { ...others, readPreference: ReadPreference.fromOptions({ readPreference }) as ReadPreference };
}

/** Options of a session; those of its transactions lie one level deeper. */
function sessionOptions(options: Document | undefined): Document {
  if (options?.defaultTransactionOptions === undefined) return options ?? {};
  return { ...options, defaultTransactionOptions: transactionOptions(options.defaultTransactionOptions) };
}

/** Options of a transaction as the driver names them. */
export function transactionOptions(options: Document | undefined): Document {
  const { readPreference, ...others } = options ?? {};
  return readPreference === undefined
    ? others
    : { ...others, readPreference: ReadPreference.fromOptions({ readPreference }) };
}

/** A copy of a command in which the driver's maps (sort orders, index keys) are objects. */
function plainCopy<T>(value: T): T {
  if (Array.isArray(value)) return value.map(plainCopy) as T;
  const plain: unknown = value instanceof Map ? Object.fromEntries(value) : value;
  if (!isPlain(plain)) return value;
  return Object.fromEntries(Object.entries(plain).map(([name, field]) => [name, plainCopy(field)])) as T;
}
