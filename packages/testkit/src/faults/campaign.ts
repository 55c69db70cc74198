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
import { act, personOf, type Scene } from './acting.ts';
import { keepReplays } from './closed-profiles.ts';
import { Machines } from './machines.ts';
import { mergeNotebooks, Notebook } from './notebook.ts';
import { pause } from './partition.ts';
import { TalkingPerson } from './person.ts';
import type { Standing } from './person-talk.ts';
import { Dice, type Fault, type FaultCounts, planFaults } from './plan.ts';
import { Injection } from './system-calls.ts';
import { type CampaignResult, Tally } from './tally.ts';

const PEOPLE = { first: ['Anna', 'Ben', 'Cem', 'Dora'], second: ['Anna', 'Ben'] } as const;
const PEOPLE_COUNT = PEOPLE.first.length + PEOPLE.second.length;
/** How long everything may take to come to rest, and the pause before what was not at rest is asked again. */
const SETTLE_MS = 120_000;
const SETTLE_PAUSE_MS = 500;
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
  readonly #machines: Machines;
  readonly #home: Notebook;
  /** What all processes of the campaign are started with. */
  readonly #environment: Readonly<Record<string, string>>;
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
    this.#environment = { NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? this.#site.at('compiled') };
    this.#machines = new Machines({
      site: this.#site,
      seed: options.seed,
      people: PEOPLE_COUNT,
      environment: this.#environment,
      engine: options.engine,
      servers: options.servers,
    });
  }

  async run(): Promise<void> {
    const { seed, counts, faultsPerCast = 40, signal } = this.#options;
    const { database, servers } = this.#machines;
    if (database !== undefined) this.#options.onProgress?.(`MongoDB: ${database.what}`);
    await this.#machines.start();
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
        await act(fault, this.#scene());
        this.#acted.push({ t: beganAt, ended: String(process.hrtime.bigint()), fault });
        this.#noteEnds();
      }
      await this.#settle();
      this.#options.onProgress?.(
        `${Math.min(at + faultsPerCast, faults.length)} of ${faults.length} faults; ${this.tally.line()}`,
      );
    }
    for (const server of servers) {
      const { code } = await server.stop();
      if (code !== 0) this.tally.wrong(`the server ended with ${code} when it was asked to stop`);
    }
  }

  #scene(): Scene {
    return {
      machines: this.#machines,
      cast: this.#cast,
      dice: this.#dice,
      tally: this.tally,
      underWay: this.#underWay,
      isDiskLying: this.#options.lyingDisk === true,
    };
  }

  async end(): Promise<void> {
    await Promise.allSettled(this.#underWay);
    await this.#machines.database?.stop();
    await this.#site.children[Symbol.asyncDispose]();
    await this.#machines.putAway();
    this.#home.close();
    await this.#site[Symbol.asyncDispose]();
  }

  /** New people, in two tenants that know nothing of each other, with the same addresses. */
  async #enter(): Promise<void> {
    this.#casts += 1;
    const { network, server, serverDisk } = this.#machines;
    const { operator } = server;
    const folder = this.#machines.onClientsDisk(`cast-${this.#casts}`);
    this.#cast = [];
    for (const [which, names] of Object.entries(PEOPLE)) {
      const home = { url: network.urlFor(0), operator, folder };
      const { tenantId } = await makeTenant(home, `${which} ${this.#casts}`);
      for (const name of names) {
        const own = { ...home, url: network.urlFor(this.#cast.length) };
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
    network.letComeAndGo(new Dice(`coming and going ${this.#options.seed} ${this.#casts}`));
    if (this.#options.lyingDisk !== true) return;
    await serverDisk?.sync();
    await Injection.begin(server.pid, 'retval=0');
  }

  #noteEnds(): void {
    for (const end of this.#machines.takeUnexpectedEnds()) this.tally.wrong(end);
    for (const person of this.#cast) {
      for (const end of person.unexpectedEnds.splice(0)) this.tally.wrong(`a client ended: ${end}`);
    }
  }

  /** Everything heals and drains; then the ledger is checked. */
  async #settle(): Promise<void> {
    await Promise.all(this.#underWay.splice(0));
    const { network } = this.#machines;
    await network.heal();
    await Promise.all(this.#cast.map((person) => person.ready()));
    for (const person of this.#cast) person.beQuiet();
    let standings: Standing[] = [];
    let calm = 0;
    const deadline = performance.now() + SETTLE_MS;
    while (calm < 2 && performance.now() < deadline) {
      // Connections from before may be half dead, and lanes that a refusal has closed open with a new one.
      if (calm === 0) for (const connection of network.connections) connection.reset();
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
    for (const [index, standing] of standings.entries())
      this.tally.stands(personOf(this.#cast, index).person.deviceId, standing, this.#home);
    await Promise.all(this.#cast.map((person) => person.leave()));
    this.#noteEnds();
    const devices = this.#cast.map(({ person }) => person.deviceId);
    this.#home.record({ kind: 'settled', drained: devices, flushed: devices });
    await this.#check();
    for (const { person } of this.#cast) rmSync(person.profileDir, { recursive: true });
    this.#cast = [];
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
