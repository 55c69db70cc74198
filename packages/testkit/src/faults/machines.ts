/** The machines of a campaign: servers and their database, the network to them, the disks under servers and clients; and how a whole machine fails. */
import type { Site } from '../site.ts';
import { DatabaseUnderFaults } from './database.ts';
import { canMakeImageDisks, ImageDisk } from './image-disk.ts';
import { Network } from './network.ts';
import { pause } from './partition.ts';
import type { TalkingPerson } from './person.ts';
import { Dice } from './plan.ts';
import { ServerUnderFaults } from './served.ts';
import { untilStopped } from './standstill.ts';
import { Injection } from './system-calls.ts';

const MIB = 1024 * 1024;
const DISK_BYTES = 256 * MIB;
/** People talk, so the next one comes at once; on a machine that is busy with other things it may take a while. */
const FSYNC_FAILS_WITHIN_MS = 60_000;

/** What came of an fsync that failed. */
type FailedFsync = 'ended' | 'went on' | 'impossible';

/** What stands there. */
interface MachinesOptions {
  readonly site: Site;
  readonly seed: string;
  /** People who come through the network, each through a door of their own. */
  readonly people: number;
  /** What all processes are started with. */
  readonly environment: Readonly<Record<string, string>>;
  /** Where the server keeps everything; its own files unless told. */
  readonly engine?: 'sqlite' | 'mongodb' | undefined;
  /** Servers on one database, with the engine mongodb; people come to any of them. */
  readonly servers?: number | undefined;
}

/** @see the head of this file */
export class Machines {
  readonly network: Network;
  readonly servers: readonly ServerUnderFaults[];
  readonly database: DatabaseUnderFaults | undefined;
  readonly #site: Site;
  #serverDisk: ImageDisk | undefined;
  #clientsDisk: ImageDisk | undefined;

  constructor({ site, seed, people, environment, engine, servers = 1 }: MachinesOptions) {
    this.#site = site;
    if (engine === 'mongodb')
      this.database = new DatabaseUnderFaults(site, () => this.#onServerDisk('mongodb'));
    this.network = new Network(people, new Dice(`balancer ${seed}`));
    this.servers = Array.from({ length: servers }, (_, number) => {
      return new ServerUnderFaults({
        site,
        network: this.network,
        dataDir: () => this.#onServerDisk(number === 0 ? 'data' : `data-${number}`),
        keysDir: site.at('keys'),
        environment: () =>
          this.database === undefined ? environment : { ...environment, KUVERT_STORE: this.database.url },
        number,
      });
    });
  }

  /** The server, or the first of several. */
  get server(): ServerUnderFaults {
    return this.servers[0] as ServerUnderFaults;
  }

  /** The disk of the server; undefined where this machine can make none. */
  get serverDisk(): ImageDisk | undefined {
    return this.#serverDisk;
  }

  /** The one of several servers that something happens to. */
  anyServer(dice: Dice): ServerUnderFaults {
    return this.servers.length > 1 ? dice.pick(this.servers) : this.server;
  }

  /** A path on the disk of all clients. */
  onClientsDisk(name: string): string {
    return this.#clientsDisk?.at(name) ?? this.#site.at(name);
  }

  #onServerDisk(name: string): string {
    return this.#serverDisk?.at(name) ?? this.#site.at(name);
  }

  async start(): Promise<void> {
    await this.network.start();
    if (await canMakeImageDisks(this.#site.at('trial'))) {
      this.#serverDisk = await ImageDisk.create(this.#site.at('server'), DISK_BYTES);
      this.#clientsDisk = await ImageDisk.create(this.#site.at('clients'), DISK_BYTES);
    }
    await this.database?.start();
    // The first graceful end fills the cache of compiled code; after it a start takes half as long.
    await this.server.start();
    await this.server.stop();
    await this.#startServers();
  }

  async #startServers(): Promise<void> {
    for (const server of this.servers) await server.start();
  }

  /** What has ended without being asked to, in words; each end once. */
  takeUnexpectedEnds(): string[] {
    const ofServers = this.servers.flatMap((server) => server.unexpectedEnds.splice(0));
    const ofDatabase = this.database?.unexpectedEnds.splice(0) ?? [];
    return [
      ...ofServers.map((end) => `the server ended: ${end}`),
      ...ofDatabase.map((end) => `the database ended: ${end}`),
    ];
  }

  /**
   * Everything on the machine stands still; what its disk holds is all that is left.
   * @param clients who runs on the clients' machine
   * @returns false where this machine can make no disks
   */
  async cutPower(of: 'server' | 'clients' | 'both', clients: readonly TalkingPerson[]): Promise<boolean> {
    const [serverDisk, clientsDisk] = [this.#serverDisk, this.#clientsDisk];
    if (serverDisk === undefined || clientsDisk === undefined) return false;
    const disks = { server: [serverDisk], clients: [clientsDisk], both: [serverDisk, clientsDisk] }[of];
    const people = of === 'server' ? [] : clients;
    if (of !== 'clients') {
      for (const server of this.servers) server.letEnd();
      for (const server of this.servers) server.signal('SIGSTOP');
      this.database?.signal('SIGSTOP');
      for (const server of this.servers) await untilStopped(server.pid);
      if (this.database !== undefined) await untilStopped(this.database.pid);
    }
    for (const person of people) person.signal('SIGSTOP');
    for (const person of people) await untilStopped(person.pid);
    for (const disk of disks) await disk.copy();
    const machines = [...this.servers, ...(this.database === undefined ? [] : [this.database])];
    if (of !== 'clients') await Promise.all(machines.map((machine) => machine.kill()));
    await Promise.all(people.map((person) => person.kill()));
    for (const disk of disks) await disk.becomeCopy();
    if (of !== 'clients') {
      await this.database?.start();
      await this.#startServers();
    }
    for (const person of people) person.start();
    return true;
  }

  /** The server must stop by itself and may have acknowledged nothing of it; what is left is what a power cut leaves. */
  async failFsync(nth: number): Promise<FailedFsync> {
    const injection = await Injection.begin(this.server.pid, `error=EIO:when=${nth}+`);
    if (injection === undefined) return 'impossible';
    this.server.letEnd();
    const ended = await Promise.race([
      this.server.ended.then(() => true),
      pause(FSYNC_FAILS_WITHIN_MS).then(() => false),
    ]);
    await injection[Symbol.asyncDispose]();
    if (this.#serverDisk !== undefined) {
      if (!ended) await this.server.kill();
      await this.#serverDisk.copy();
      await this.#serverDisk.becomeCopy();
    }
    await this.server.start();
    return ended ? 'ended' : 'went on';
  }

  /** To be called when the processes of the site have ended. */
  async putAway(): Promise<void> {
    await this.network[Symbol.asyncDispose]();
    await this.#serverDisk?.unmount();
    await this.#clientsDisk?.unmount();
  }
}
