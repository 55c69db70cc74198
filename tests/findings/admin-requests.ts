/** An installation with administrators and requests to it as they go over the wire, for what is done elsewhere to interfaces of administration (H8, H9). */
import { request as send } from 'node:http';
import { ADMIN_BASE, ADMIN_OPERATIONS, type AdminOperation } from '@kuvert/protocol/admin';
import { ADMIN_PASSWORD } from '@kuvert/testkit';
import { AdminWorld, type Ids } from '../isolation/admin-world.ts';

/** Every operation, and those that change something and are for people who have signed in. */
export const operations = Object.entries<AdminOperation>(ADMIN_OPERATIONS);
export const changing = operations.filter(
  ([, { method, access }]) => method !== 'GET' && access !== 'public',
);

/** What came back. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly raw: readonly string[];
  readonly text: string;
}

/** @see the head of this file */
export class AdminRequests implements AsyncDisposable {
  readonly world: AdminWorld;

  private constructor(world: AdminWorld) {
    this.world = world;
  }

  static async start(): Promise<AdminRequests> {
    return new AdminRequests(await AdminWorld.start());
  }

  get url(): string {
    return this.world.installation.url;
  }

  /** Of somebody who may do everything in a tenant. */
  get token(): string {
    return this.world.chiefs[0].token;
  }

  /** A request whose path goes out as it stands here. */
  ask(
    method: string,
    path: string,
    { headers = {}, body }: { headers?: Record<string, string | string[]>; body?: string | Uint8Array } = {},
  ): Promise<Answer> {
    const { hostname, port } = new URL(this.url);
    return new Promise((resolve, reject) => {
      // Said for every method: Node says it by itself for some only.
      const size: Record<string, string> =
        body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
      const outgoing = send({ hostname, port, method, path, headers: { ...headers, ...size } }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('end', () =>
          resolve({
            status: answer.statusCode ?? 0,
            headers: answer.headers,
            raw: answer.rawHeaders,
            text: Buffer.concat(chunks).toString('utf8'),
          }),
        );
      });
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }

  /** Where an operation lies, with ids of the tenant in its path. */
  pathOf({ path }: AdminOperation, ids: Ids = this.world.own): string {
    const filled = path.replaceAll(/\{(\w+?)(?:Id)?\}/g, (_, name: string) => ids[name] ?? ids.person ?? '');
    return `${ADMIN_BASE}${filled}`;
  }

  /** Signs the first administrator in as a browser does, with these headers besides. @throws Error when that is refused */
  async signedInWith(headers: Record<string, string>): Promise<{ cookie: string; text: string }> {
    const [chief] = this.world.chiefs;
    const secondFactor = { kind: 'totp', code: chief.totp() };
    const { status, text, ...answer } = await this.ask('POST', `${ADMIN_BASE}/sessions`, {
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ mail: chief.mail, password: ADMIN_PASSWORD, secondFactor, cookie: true }),
    });
    if (status !== 201) throw new Error(text);
    return { cookie: String(answer.headers['set-cookie']).split(';')[0] ?? '', text };
  }

  /** What a tenant looks like to its administrators. */
  async present(): Promise<unknown> {
    const [chief] = this.world.chiefs;
    const params = { tenantId: this.world.own.tenant as never };
    const { result: people } = await chief.call('people.list', { params });
    const { result: pools } = await chief.call('pools.list', { params });
    const { result: programs } = await chief.call('integrations.list', { params });
    const { result: invitations } = await chief.call('invitations.list', { params });
    const { result: administrators } = await chief.call('administrators.list', { params });
    return { people, pools, programs, invitations, administrators };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.world[Symbol.asyncDispose]();
  }
}
