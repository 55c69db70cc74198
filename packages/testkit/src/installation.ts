/**
 * A whole installation in the process of the test, for journeys in which time must pass or in which one looks behind the doors: the
 * same server, on real sockets, with a clock that moves when the test moves it.
 *
 *     await using installation = await startInstallation();
 *     const acme = await installation.tenant('Acme');
 *     const anna = await acme.person('Anna');                 // enrolled
 *     await anna.with((profile) => profile.send({ to: 'ben@acme.test', text: 'Hello' }));
 *     installation.clock.advance(86_400_000);
 */

import type { TenantId } from '@kuvert/protocol';
import { buildInstallation, createLog, type Installation } from '@kuvert/server';
import { becomeAdministrator, placeOn, type TestAdministrator } from './administrators.ts';
import { Operator } from './operator.ts';
import { makeTenant, type TestTenant } from './people.ts';
import { ReservedPort } from './reserved-port.ts';
import { StoreUnderTest } from './store-under-test.ts';
import { TemporaryFolder } from './temporary-folder.ts';
import { seededRandom, TestClock } from './test-clock.ts';

/** What a test may choose. */
export interface InstallationOptions {
  readonly clock?: TestClock;
  /** Makes the server's own random choices repeatable. Keys of tenants and devices stay random. */
  readonly seed?: string;
  /** As in `KUVERT_TRUSTED_PROXIES`. */
  readonly trustedProxies?: readonly string[];
  /** As `KUVERT_BREACHED_PASSWORDS`. */
  readonly breachedPasswordsFile?: string;
  /** What the sealed files of a tenant may take, as `KUVERT_ATTACHMENT_GB`. */
  readonly attachmentBytesMax?: number;
}

/** A running installation. */
export class TestInstallation implements AsyncDisposable {
  readonly folder = new TemporaryFolder();
  readonly clock: TestClock;
  /** Log lines of all its runs. */
  readonly log: string[] = [];
  /** What the store gave up on; a test that expects none looks here. */
  readonly failures: unknown[] = [];
  readonly #trustedProxies: readonly string[];
  readonly #breachedPasswordsFile: string | undefined;
  readonly #attachmentBytesMax: number | undefined;
  readonly #random: ReturnType<typeof seededRandom> | undefined;
  readonly #store = new StoreUnderTest(() => this.folder.at('mongodb'));
  #server: Installation | undefined;
  /** Its own, so that nobody else has them when it is started again. */
  #ports: readonly [ReservedPort, ReservedPort] | undefined;

  /** Use {@link startInstallation}. */
  constructor(options: InstallationOptions) {
    this.clock = options.clock ?? new TestClock();
    this.#trustedProxies = options.trustedProxies ?? [];
    this.#breachedPasswordsFile = options.breachedPasswordsFile;
    this.#attachmentBytesMax = options.attachmentBytesMax;
    this.#random = options.seed === undefined ? undefined : seededRandom(options.seed);
  }

  /** The server of this moment. */
  get server(): Installation {
    if (this.#server === undefined) throw new Error('the installation is stopped');
    return this.#server;
  }

  get url(): string {
    return this.server.url;
  }

  get operator(): Operator {
    return new Operator({ opsUrl: this.server.opsUrl, keysDir: this.server.keysFolder }, () =>
      this.clock.nowMs(),
    );
  }

  /** Makes a tenant. */
  tenant(name: string): Promise<TestTenant> {
    const { url, operator, clock } = this;
    const folder = this.folder.at('people');
    return makeTenant({ url, operator, folder, now: () => clock.nowMs() }, name);
  }

  /** Somebody who administers a tenant, or as `operator` the installation; invited past the API, which wants others first. */
  async administrator(
    role: 'operator' | 'tenant-admin' | 'help-desk' | 'auditor',
    name: string,
    tenantId?: TenantId,
  ): Promise<TestAdministrator> {
    const mail = `${name.toLowerCase()}@admin.test`;
    const { code } = await this.operator.call('administratorInvite', {
      role,
      mail,
      ...(tenantId === undefined ? {} : { tenantId }),
    });
    return this.accept(code, { name, mail });
  }

  /** Somebody who accepts an invitation. */
  accept(code: string, who: { readonly name: string; readonly mail: string }): Promise<TestAdministrator> {
    return becomeAdministrator(placeOn(this.url, this.clock), code, who);
  }

  /** Starts the server on the same data, keys and ports as before. */
  async start(): Promise<void> {
    await this.#store.start();
    this.#ports ??= [await ReservedPort.take(), await ReservedPort.take()];
    const [port, opsPort] = this.#ports;
    const dataFolder = this.folder.at('data');
    const url = this.#store.addressFor(dataFolder);
    const unset = { passwordFile: undefined, caFile: undefined, certFile: undefined, keyFile: undefined };
    const server = buildInstallation(
      {
        dataFolder,
        database: url === undefined ? undefined : { url, ...unset },
        keysFolder: this.folder.at('keys'),
        host: '127.0.0.1',
        port: port.number,
        opsPort: opsPort.number,
        tls: undefined,
        publicUrl: undefined,
        trustedProxies: this.#trustedProxies,
        ...(this.#breachedPasswordsFile && { breachedPasswordsFile: this.#breachedPasswordsFile }),
        ...(this.#attachmentBytesMax && { attachmentBytesMax: this.#attachmentBytesMax }),
        logLevel: 'debug',
      },
      {
        clock: this.clock,
        log: createLog({ level: 'debug', write: (line) => this.log.push(line) }),
        onFailure: (error) => this.failures.push(error),
        // Clients of the test share the event loop, so its delay says nothing about the server.
        loopDelay: { read: () => 0, stop: () => undefined },
        ...(this.#random ? { random: this.#random } : {}),
      },
    );
    await server.start();
    this.#server = server;
  }

  /** Everything that the server keeps of a tenant, as it lies there. */
  bytesAtRest(tenantId: string): Promise<Buffer> {
    return this.#store.bytesOf(this.folder.at('data'), tenantId);
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
    this.#server = undefined;
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.#store[Symbol.asyncDispose]();
    for (const port of this.#ports ?? []) port[Symbol.dispose]();
    this.folder[Symbol.dispose]();
  }
}

/** Starts an installation in a temporary folder on free ports. */
export async function startInstallation(options: InstallationOptions = {}): Promise<TestInstallation> {
  const installation = new TestInstallation(options);
  try {
    await installation.start();
  } catch (error) {
    installation.folder[Symbol.dispose]();
    throw error;
  }
  return installation;
}
