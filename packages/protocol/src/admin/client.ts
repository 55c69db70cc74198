/** A client of the administration API whose calls have the types of the table of operations. It does no I/O of its own: it is given `fetch`. */
import type { z } from 'zod';
import { fromWireError, WireError } from '../channel.ts';
import { KuvertError } from '../errors.ts';
import { ADMIN_BASE, ADMIN_HEADERS, type AdminOperation, Waiting } from './operation.ts';
import { ADMIN_OPERATIONS, type AdminOperationId } from './table.ts';

type Operations = typeof ADMIN_OPERATIONS;
type InputOf<S> = S extends z.ZodType ? z.input<S> : undefined;
type OutputOf<S> = S extends z.ZodType ? z.output<S> : undefined;

/** What a call takes. */
export interface AdminInput<Id extends AdminOperationId> {
  readonly params?: InputOf<Operations[Id]['params']>;
  readonly query?: InputOf<Operations[Id]['query']>;
  readonly body?: InputOf<Operations[Id]['body']>;
  /** `etag` of what the change is based on. */
  readonly ifMatch?: string | undefined;
  /** The same for each attempt at one and the same creation. */
  readonly idempotencyKey?: string | undefined;
}

/** What a call answers. */
export interface AdminOutput<Id extends AdminOperationId> {
  readonly status: number;
  readonly result: OutputOf<Operations[Id]['result']>;
  /** Set, and `result` is not, when somebody else has to approve first. */
  readonly waiting: z.output<typeof Waiting> | undefined;
  readonly etag: string | undefined;
}

/** Where a client speaks to, and as whom. */
export interface AdminClientOptions {
  /** For example `https://kuvert.acme.test`. */
  readonly url: string;
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  /** A session's token or a program's key. */
  readonly token?: string | undefined;
  /** Of refusals' sentences. */
  readonly language?: 'en' | 'de';
}

/** @see the head of this file */
export class AdminClient {
  readonly #options: AdminClientOptions;

  constructor(options: AdminClientOptions) {
    this.#options = options;
  }

  /** Where it speaks to. */
  get url(): string {
    return this.#options.url;
  }

  /** The same as somebody else. */
  as(token: string | undefined): AdminClient {
    return new AdminClient({ ...this.#options, token });
  }

  /**
   * @throws KuvertError what the server refuses with; `server_unreachable` when nobody answers, `internal` for an answer that is none of ours
   */
  async call<Id extends AdminOperationId>(id: Id, input: AdminInput<Id> = {}): Promise<AdminOutput<Id>> {
    const one: AdminOperation = ADMIN_OPERATIONS[id];
    const response = await this.#send(one, input as AdminInput<AdminOperationId>);
    const text = await response.text();
    const json = text === '' ? undefined : parse(text);
    if (!response.ok) {
      const problem = WireError.safeParse(json);
      throw problem.success ? fromWireError(problem.data) : new KuvertError('internal');
    }
    const isWaiting = response.status === 202;
    // Fields that a later server adds are passed over.
    const result = isWaiting ? undefined : one.result?.safeParse(json);
    if (result?.success === false) throw new KuvertError('internal');
    return {
      status: response.status,
      result: result?.data as never,
      waiting: isWaiting ? Waiting.parse(json) : undefined,
      etag: response.headers.get(ADMIN_HEADERS.etag)?.replaceAll('"', ''),
    };
  }

  async #send(one: AdminOperation, input: AdminInput<AdminOperationId>): Promise<Response> {
    const { url, fetch, token, language = 'en' } = this.#options;
    const {
      params = {},
      query = {},
      body,
      ifMatch,
      idempotencyKey,
    } = input as {
      params?: Record<string, string>;
      query?: Record<string, string | undefined>;
      body?: unknown;
      ifMatch?: string;
      idempotencyKey?: string;
    };
    const path = one.path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
      encodeURIComponent(params[name] ?? ''),
    );
    const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
    const search = given.length === 0 ? '' : `?${new URLSearchParams(given)}`;
    const headers: Record<string, string> = {
      'accept-language': language,
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(ifMatch === undefined ? {} : { [ADMIN_HEADERS.ifMatch]: `"${ifMatch}"` }),
      ...(idempotencyKey === undefined ? {} : { [ADMIN_HEADERS.idempotencyKey]: idempotencyKey }),
    };
    const init = { method: one.method, headers, redirect: 'error' as const };
    try {
      return await fetch(
        new URL(`${ADMIN_BASE}${path}${search}`, url).href,
        body === undefined ? init : { ...init, body: JSON.stringify(body) },
      );
    } catch (cause) {
      throw new KuvertError('server_unreachable', { cause });
    }
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
