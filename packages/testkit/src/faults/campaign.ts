/**
 * A campaign of faults. People talk without pause through real profiles, a proxy and a real server, while what a seed has chosen goes
 * wrong: processes are killed, machines lose power, the network parts, disks fill, fail and slow down, clocks jump. Every few dozen
 * faults everything heals, mailboxes and outboxes drain, and the ledger of what people were told and shown is checked (facts §4.4).
 * Then new people go on with the same server and data.
 */
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkLedger } from '../ledger/checker.ts';
import type { LedgerEvent } from '../ledger/events.ts';
import { makeTenant, TestTenant } from '../people.ts';
import { Site } from '../site.ts';
import { keepReplays } from './closed-profiles.ts';
import { DatabaseUnderFaults } from './database.ts';
import { canMakeImageDisks, ImageDisk } from './image-disk.ts';
import { Network } from './network.ts';
import { mergeNotebooks, Notebook } from './notebook.ts';
import { pause } from './partition.ts';
import { TalkingPerson } from './person.ts';
import type { Standing } from './person-talk.ts';
import { Dice, type Fault, type FaultCounts, planFaults } from './plan.ts';
import { ServerUnderFaults } from './served.ts';
import { untilStopped } from './standstill.ts';
import { Injection } from './system-calls.ts';
import { type CampaignResult, Tally } from './tally.ts';

const MIB = 1024 * 1024;
const DISK_BYTES = 256 * MIB;
const PEOPLE = { first: ['Anna', 'Ben', 'Cem', 'Dora'], second: ['Anna', 'Ben'] } as const;
const PEOPLE_COUNT = PEOPLE.first.length + PEOPLE.second.length;
/** How long everything may take to come to rest, and the pause before what was not at rest is asked again. */
const SETTLE_MS = 120_000;
const SETTLE_PAUSE_MS = 500;
/** What has to wait for somebody on a disk that lies before its power is cut, so that there is something to lose, and how long senders have to hear of it. */
const TO_LOSE = 5;
const HEARD_WITHIN_MS = 1_000;
/** People talk, so the next one comes at once; on a machine that is busy with other things it may take a while. */
const FSYNC_FAILS_WITHIN_MS = 60_000;

/** What a campaign is made of. */
export interface CampaignOptions {
  readonly seed: string;
  readonly counts: FaultCounts;
  /** Where the server keeps everything; its own files unless told. */
  readonly engine?: 'sqlite' | 'mongodb';
  /** Servers on one database, with the engine mongodb; people come to any of them. */
  readonly servers?: number;
  /** Faults between two settlements. */
  readonly faultsPerCast?: number;
  /** Lets fsync do nothing on the server's disk, to show that the campaign notices. */
  readonly lyingDisk?: boolean;
  /** Ends the campaign at the next settlement. */
  readonly signal?: AbortSignal;
  /** Hears how far it is. */
  readonly onProgress?: (line: string) => void;
}

/** Runs a campaign to its end. What it has broken is gone afterwards, except the ledger of a failure, whose place the result names. */
export async function runCampaign(options: CampaignOptions): Promise<CampaignResult> {
  const campaign = new Campaign(options);
  try {
    await campaign.run();
  } finally {
    await campaign.end();
  }
  return campaign.tally.result();
}

class Campaign {
  readonly tally: Tally;
  readonly #options: CampaignOptions;
  readonly #dice: Dice;
  readonly #site = new Site();
  readonly #network: Network;
  readonly #servers: readonly ServerUnderFaults[];
  readonly #database: DatabaseUnderFaults | undefined;
  readonly #home: Notebook;
  /** What all processes of the campaign are started with. */
  readonly #environment: Readonly<Record<string, string>>;
  #serverDisk: ImageDisk | undefined;
  #clientsDisk: ImageDisk | undefined;
  #cast: TalkingPerson[] = [];
  #casts = 0;
  /** What has gone wrong and when, on the clock of the notebooks. */
  readonly #acted: { readonly t: string; readonly ended: string; readonly fault: Fault }[] = [];
  #underWay: Promise<void>[] = [];

  constructor(options: CampaignOptions) {
    this.#options = options;
    this.#dice = new Dice(`campaign ${options.seed}`);
    this.tally = new Tally(options.seed);
    mkdirSync(this.#site.at('notebooks'));
    this.#home = new Notebook(this.#site.at('notebooks', 'home'));
    this.#environment = { NODE_COMPILE_CACHE: this.#site.at('compiled') };
    if (options.engine === 'mongodb') {
      this.#database = new DatabaseUnderFaults(
        this.#site,
        () => this.#serverDisk?.at('mongodb') ?? this.#site.at('mongodb'),
      );
    }
    this.#network = new Network(PEOPLE_COUNT, new Dice(`balancer ${options.seed}`));
    this.#servers = Array.from({ length: options.servers ?? 1 }, (_, number) => {
      const folder = number === 0 ? 'data' : `data-${number}`;
      return new ServerUnderFaults({
        site: this.#site,
        network: this.#network,
        dataDir: () => this.#serverDisk?.at(folder) ?? this.#site.at(folder),
        keysDir: this.#site.at('keys'),
        environment: () =>
          this.#database === undefined
            ? this.#environment
            : { ...this.#environment, KUVERT_STORE: this.#database.url },
        number,
      });
    });
  }

  /** The server, or the first of several. */
  get #server(): ServerUnderFaults {
    return this.#servers[0] as ServerUnderFaults;
  }

  /** The one of several that something happens to. */
  #anyServer(): ServerUnderFaults {
    return this.#servers.length > 1 ? this.#dice.pick(this.#servers) : this.#server;
  }

  async run(): Promise<void> {
    const { seed, counts, faultsPerCast = 40, signal } = this.#options;
    await this.#network.start();
    if (await canMakeImageDisks(this.#site.at('trial'))) {
      this.#serverDisk = await ImageDisk.create(this.#site.at('server'), DISK_BYTES);
      this.#clientsDisk = await ImageDisk.create(this.#site.at('clients'), DISK_BYTES);
    }
    if (this.#database !== undefined) {
      this.#options.onProgress?.(`MongoDB: ${this.#database.what}`);
      await this.#database.start();
    }
    // The first graceful end fills the cache of compiled code; after it a start takes half as long.
    await this.#server.start();
    await this.#server.stop();
    await this.#startServers();
    const faults = planFaults(seed, counts, PEOPLE_COUNT);
    for (
      let at = 0;
      at < faults.length && this.tally.isClean && signal?.aborted !== true;
      at += faultsPerCast
    ) {
      await this.#enter();
      for (const fault of faults.slice(at, at + faultsPerCast)) {
        await pause(fault.afterMs);
        const beganAt = String(process.hrtime.bigint());
        await this.#act(fault);
        this.#acted.push({ t: beganAt, ended: String(process.hrtime.bigint()), fault });
        this.#noteEnds();
      }
      await this.#settle();
      this.#options.onProgress?.(
        `${Math.min(at + faultsPerCast, faults.length)} of ${faults.length} faults; ${this.tally.line()}`,
      );
    }
    for (const server of this.#servers) {
      const { code } = await server.stop();
      if (code !== 0) this.tally.wrong(`the server ended with ${code} when it was asked to stop`);
    }
  }

  async #startServers(): Promise<void> {
    for (const server of this.#servers) await server.start();
  }

  async end(): Promise<void> {
    await Promise.allSettled(this.#underWay);
    await this.#database?.stop();
    await this.#site.children[Symbol.asyncDispose]();
    await this.#network[Symbol.asyncDispose]();
    await this.#serverDisk?.unmount();
    await this.#clientsDisk?.unmount();
    this.#home.close();
    await this.#site[Symbol.asyncDispose]();
  }

  /** New people, in two tenants that know nothing of each other, with the same addresses. */
  async #enter(): Promise<void> {
    this.#casts += 1;
    const { operator } = this.#server;
    const folder = this.#clientsDisk?.at(`cast-${this.#casts}`) ?? this.#site.at(`cast-${this.#casts}`);
    this.#cast = [];
    for (const [which, names] of Object.entries(PEOPLE)) {
      const home = { url: this.#network.urlFor(0), operator, folder };
      const { tenantId } = await makeTenant(home, `${which} ${this.#casts}`);
      for (const name of names) {
        const own = { ...home, url: this.#network.urlFor(this.#cast.length) };
        const tenant = new TestTenant(own, { tenantId, name: `${which} ${this.#casts}` });
        const person = await tenant.personWithoutDevice(name, `${name.toLowerCase()}@same.test`);
        await person.enrol();
        const { personId, deviceId: device } = person;
        this.#home.record({ kind: 'enrolled', tenant: tenantId, person: personId, device });
        this.#cast.push(
          new TalkingPerson({
            person,
            notebook: this.#site.at('notebooks', device),
            clockFile: this.#site.at(`clock-${device}`),
            children: this.#site.children,
            seed: this.#options.seed,
            environment: this.#site.environment({ env: this.#environment }),
          }),
        );
      }
    }
    for (const person of this.#cast) person.meet(this.#cast);
    for (const person of this.#cast) person.start();
    await Promise.all(this.#cast.map((person) => person.ready()));
    this.#network.letComeAndGo(new Dice(`coming and going ${this.#options.seed} ${this.#casts}`));
    if (this.#options.lyingDisk !== true) return;
    await this.#serverDisk?.sync();
    await Injection.begin(this.#server.pid, 'retval=0');
  }

  async #act(fault: Fault): Promise<void> {
    switch (fault.kind) {
      case 'kill-server': {
        const server = this.#anyServer();
        await server.kill();
        if (fault.startingForMs !== undefined) {
          server.launch();
          await pause(fault.startingForMs);
          await server.kill();
        }
        await server.start();
        break;
      }
      case 'kill-client': {
        const person = this.#person(fault.person);
        await person.kill();
        await pause(fault.restMs);
        person.start();
        break;
      }
      case 'power-cut':
        if (this.#options.lyingDisk === true) await this.#untilMuchCanBeLost();
        if (this.#database?.isReal === false && fault.of !== 'clients')
          return this.tally.skipped('power-cut');
        if (!(await this.#cutPower(this.#options.lyingDisk === true ? 'server' : fault.of))) {
          return this.tally.skipped('power-cut');
        }
        break;
      case 'partition':
        this.#underWay.push(this.#network.part(fault, this.#dice));
        this.tally.done(`partition ${fault.how}`);
        break;
      case 'failing-fsync':
        if (this.#database !== undefined) return this.tally.skipped('failing-fsync');
        if (!(await this.#failFsync(fault.nth))) return this.tally.skipped('failing-fsync');
        break;
      case 'slow-fsync': {
        if (this.#database !== undefined) return this.tally.skipped('slow-fsync');
        const injection = await Injection.begin(this.#server.pid, `delay_enter=${fault.delayMs * 1_000}`);
        if (injection === undefined) return this.tally.skipped('slow-fsync');
        await pause(fault.forMs);
        await injection[Symbol.asyncDispose]();
        break;
      }
      case 'full-disk': {
        const disk = this.#serverDisk;
        if (disk === undefined) return this.tally.skipped('full-disk');
        await disk.fill(this.#dice.below(3) * 32_768);
        await pause(fault.forMs);
        disk.clear();
        break;
      }
      case 'kill-database': {
        if (this.#database === undefined) return this.tally.skipped('kill-database');
        await this.#database.kill();
        await pause(fault.restMs);
        await this.#database.start();
        break;
      }
      case 'database-command': {
        const { how, command, skip } = fault;
        if (this.#database?.isReal !== false) return this.tally.skipped(how);
        const met = await this.#database.meet({ kind: how, commands: [command], skip, ms: 100 });
        this.tally[met ? 'done' : 'skipped'](`${how} ${command}`);
        if (!met) return;
        return this.tally.done(how);
      }
      case 'slow-majority':
        if (this.#database?.isReal !== false) return this.tally.skipped('slow-majority');
        await this.#database.set({ majorityDelayMs: fault.delayMs });
        await pause(fault.forMs);
        await this.#database.set({ majorityDelayMs: 0 });
        break;
      case 'full-database':
        if (this.#database?.isReal !== false) return this.tally.skipped('full-database');
        await this.#database.set({ diskFull: true });
        await pause(fault.forMs);
        await this.#database.set({ diskFull: false });
        break;
      case 'clock-jump': {
        const server = this.#anyServer();
        const file =
          fault.of === 'server' ? server.clockFile : this.#person(this.#dice.below(PEOPLE_COUNT)).clockFile;
        writeFileSync(file, String(fault.byMs));
        await pause(fault.forMs);
        if (fault.of === 'server' && this.#dice.below(2) === 0) {
          await server.kill();
          await server.start();
          await pause(fault.forMs);
        }
        writeFileSync(file, '0');
        break;
      }
    }
    this.tally.done(fault.kind);
  }

  /** Somebody stays away until messages lie there that exist nowhere else any more. */
  async #untilMuchCanBeLost(): Promise<void> {
    this.#network.keepAway(0);
    const { deviceId } = this.#person(0).person;
    const { operator } = this.#server;
    while ((await operator.call('mailboxPeek', { deviceId, limit: TO_LOSE })).envelopes.length < TO_LOSE)
      await pause(100);
    await pause(HEARD_WITHIN_MS);
  }

  #person(index: number): TalkingPerson {
    const person = this.#cast[index];
    if (person === undefined) throw new Error('nobody is there');
    return person;
  }

  /** Everything on the machine stands still; what its disk holds is all that is left. */
  async #cutPower(of: 'server' | 'clients' | 'both'): Promise<boolean> {
    const [server, clients] = [this.#serverDisk, this.#clientsDisk];
    if (server === undefined || clients === undefined) return false;
    const disks = of === 'server' ? [server] : of === 'clients' ? [clients] : [server, clients];
    const people = of === 'server' ? [] : this.#cast;
    if (of !== 'clients') {
      for (const server of this.#servers) server.letEnd();
      for (const server of this.#servers) server.signal('SIGSTOP');
      this.#database?.signal('SIGSTOP');
      for (const server of this.#servers) await untilStopped(server.pid);
      if (this.#database !== undefined) await untilStopped(this.#database.pid);
    }
    for (const person of people) person.signal('SIGSTOP');
    for (const person of people) await untilStopped(person.pid);
    for (const disk of disks) await disk.copy();
    const machines = [...this.#servers, ...(this.#database === undefined ? [] : [this.#database])];
    if (of !== 'clients') await Promise.all(machines.map((machine) => machine.kill()));
    await Promise.all(people.map((person) => person.kill()));
    for (const disk of disks) await disk.becomeCopy();
    if (of !== 'clients') {
      await this.#database?.start();
      await this.#startServers();
    }
    for (const person of people) person.start();
    return true;
  }

  /** The server must stop by itself and may have acknowledged nothing of it; what is left is what a power cut leaves. */
  async #failFsync(nth: number): Promise<boolean> {
    const injection = await Injection.begin(this.#server.pid, `error=EIO:when=${nth}+`);
    if (injection === undefined) return false;
    this.#server.letEnd();
    const ended = await Promise.race([
      this.#server.ended.then(() => true),
      pause(FSYNC_FAILS_WITHIN_MS).then(() => false),
    ]);
    await injection[Symbol.asyncDispose]();
    if (!ended) this.tally.wrong('the server went on after a failed fsync');
    if (this.#serverDisk !== undefined) {
      if (!ended) await this.#server.kill();
      await this.#serverDisk.copy();
      await this.#serverDisk.becomeCopy();
    }
    await this.#server.start();
    return true;
  }

  #noteEnds(): void {
    for (const server of this.#servers)
      for (const end of server.unexpectedEnds.splice(0)) this.tally.wrong(`the server ended: ${end}`);
    for (const end of this.#database?.unexpectedEnds.splice(0) ?? [])
      this.tally.wrong(`the database ended: ${end}`);
    for (const person of this.#cast) {
      for (const end of person.unexpectedEnds.splice(0)) this.tally.wrong(`a client ended: ${end}`);
    }
  }

  /** Everything heals and drains; then the ledger is checked. */
  async #settle(): Promise<void> {
    await Promise.all(this.#underWay.splice(0));
    await this.#network.heal();
    await Promise.all(this.#cast.map((person) => person.ready()));
    for (const person of this.#cast) person.beQuiet();
    let standings: Standing[] = [];
    let calm = 0;
    const deadline = performance.now() + SETTLE_MS;
    while (calm < 2 && performance.now() < deadline) {
      // Connections from before may be half dead, and lanes that a refusal has closed open with a new one.
      if (calm === 0) for (const connection of this.#network.connections) connection.reset();
      standings = await Promise.all(this.#cast.map((person) => person.flush()));
      const isCalm = standings.every(
        ({ error, waiting, unread }) => error === undefined && waiting === 0 && unread === 0,
      );
      calm = isCalm ? calm + 1 : 0;
      if (!isCalm) await pause(SETTLE_PAUSE_MS);
    }
    if (calm < 2) {
      const left = standings.map(({ error, waiting, unread }) => ({ error, waiting, unread }));
      this.tally.wrong(`it did not settle: ${JSON.stringify(left)}`);
    }
    this.#noteStandings(standings);
    await Promise.all(this.#cast.map((person) => person.leave()));
    this.#noteEnds();
    const devices = this.#cast.map(({ person }) => person.deviceId);
    this.#home.record({ kind: 'settled', drained: devices, flushed: devices });
    await this.#check();
    for (const { person } of this.#cast) rmSync(person.profileDir, { recursive: true });
    this.#cast = [];
  }

  #noteStandings(standings: readonly Standing[]): void {
    for (const [index, { notices, surprises, undelivered }] of standings.entries()) {
      const { deviceId: device } = this.#person(index).person;
      this.tally.undelivered += undelivered;
      for (const surprise of surprises) this.tally.wrong(`a client was surprised: ${surprise}`);
      for (const { kind, deviceId, code, count = 1 } of notices) {
        this.tally.noticed(code === undefined ? kind : `${kind} ${code}`);
        if (kind === 'messages_missing' && deviceId !== undefined) {
          this.#home.record({ kind: 'noticed', device, from: deviceId, count });
        }
      }
    }
  }

  async #check(): Promise<void> {
    const devices = new Set<string>(this.#cast.map(({ person }) => person.deviceId));
    const paths = ['home', ...devices].map((name) => this.#site.at('notebooks', name));
    const ledger = mergeNotebooks(paths).filter((event) => concerns(event, devices));
    const findings = checkLedger(ledger);
    this.tally.checked(ledger, findings);
    // A disk that lies is meant to be found out.
    if (this.tally.isClean || this.#options.lyingDisk === true) return;
    const kept = join(tmpdir(), `kuvert-faults-${this.#options.seed}`);
    mkdirSync(kept, { recursive: true });
    writeFileSync(join(kept, 'ledger.jsonl'), ledger.map((event) => `${JSON.stringify(event)}\n`).join(''));
    writeFileSync(join(kept, 'findings.json'), JSON.stringify(findings, undefined, 2));
    // With times, and with what people were told of messages that waited.
    for (const device of devices) copyFileSync(this.#site.at('notebooks', device), join(kept, device));
    writeFileSync(join(kept, 'faults.jsonl'), this.#acted.map((act) => `${JSON.stringify(act)}\n`).join(''));
    await keepReplays(kept, paths, (device) => {
      const cast = this.#cast.find(({ person }) => person.deviceId === device);
      return (
        cast && {
          profileDir: cast.person.profileDir,
          secretHex: Buffer.from(cast.person.secret).toString('hex'),
        }
      );
    });
    this.tally.keptIn = kept;
  }
}

/** Casts are checked each on their own. */
function concerns(event: LedgerEvent, devices: ReadonlySet<string>): boolean {
  if (event.kind === 'enrolled') return devices.has(event.device);
  if (event.kind === 'settled') return event.drained.some((device) => devices.has(device));
  return event.kind !== 'noticed' || devices.has(event.device);
}
