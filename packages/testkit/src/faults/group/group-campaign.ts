/**
 * A campaign of faults in one large group: hundreds of members with real profiles in a few processes ({@link Hall}), some of whom write without
 * pause, while server and halls are killed and their network is cut. Then everything heals and drains, and the ledger is checked: each message
 * that was accepted is on the screen of every member once, in order, unaltered, and on nobody else's.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCheapContainer } from '../../cheap-container.ts';
import { checkLedger } from '../../ledger/checker.ts';
import { Site } from '../../site.ts';
import { type ClosedProfile, keepReplays, listSetAside, type SetAside } from '../closed-profiles.ts';
import { Network } from '../network.ts';
import { mergeNotebooks, Notebook } from '../notebook.ts';
import { pause } from '../partition.ts';
import { Dice, type Fault, planFaults } from '../plan.ts';
import { ServerUnderFaults } from '../served.ts';
import { type CampaignResult, Tally } from '../tally.ts';
import { Hall } from './hall.ts';
import type { HallMember, HallStanding } from './hall-talk.ts';

const TITLE = 'Everybody';
const ADDING_AT_ONCE = 8;
const SETTLE_PAUSE_MS = 500;
/** Between two faults, beside what the plan says: a message to hundreds takes a while to be read by all. */
const FAULT_PAUSE_MS = { least: 700, perMember: 8 } as const;
const NO_OTHERS = { powerCuts: 0, failingFsyncs: 0, slowFsyncs: 0, fullDisks: 0, clockJumps: 0 } as const;

/** What a campaign in a group is made of. */
export interface GroupCampaignOptions {
  readonly seed: string;
  readonly members: number;
  /** Processes that they share. */
  readonly halls: number;
  /** Members who write; they are in different halls as far as there are so many. */
  readonly talkers: number;
  /** Messages that each of them writes in one life of its hall, at most. */
  readonly messages: number;
  readonly kills: number;
  readonly partitions: number;
  /** How long nothing may move while everything comes to rest, or while a hall does what it is asked. */
  readonly patienceMs: number;
  readonly onProgress?: (line: string) => void;
}

/** Runs a campaign to its end. Nothing of it is left but the ledger of a failure, whose place the result names. */
export async function runGroupCampaign(options: GroupCampaignOptions): Promise<CampaignResult> {
  const campaign = new GroupCampaign(options);
  try {
    await campaign.run();
  } finally {
    await campaign.end();
  }
  return campaign.tally.result();
}

class GroupCampaign {
  readonly tally: Tally;
  readonly #options: GroupCampaignOptions;
  readonly #dice: Dice;
  readonly #site = new Site();
  readonly #network: Network;
  readonly #server: ServerUnderFaults;
  readonly #home: Notebook;
  readonly #halls: Hall[] = [];
  readonly #people: string[] = [];
  readonly #devices: string[] = [];
  readonly #underWay: Promise<void>[] = [];
  readonly #profiles = new Map<string, ClosedProfile>();
  /** What was said, and when. */
  readonly #said: string[] = [];

  constructor(options: GroupCampaignOptions) {
    this.#options = options;
    this.#dice = new Dice(`group campaign ${options.seed}`);
    this.tally = new Tally(options.seed);
    mkdirSync(this.#site.at('notebooks'));
    this.#home = new Notebook(this.#site.at('notebooks', 'home'));
    this.#network = new Network(options.halls, new Dice(`balancer ${options.seed}`));
    this.#server = new ServerUnderFaults({
      site: this.#site,
      network: this.#network,
      dataDir: () => this.#site.at('data'),
      keysDir: this.#site.at('keys'),
      // Hundreds of people behind one address are not what its limits are about.
      environment: () => ({ KUVERT_TRAFFIC_FACTOR: '1000' }),
    });
  }

  async run(): Promise<void> {
    const { seed, members, halls, kills, partitions, messages } = this.#options;
    await this.#network.start();
    await this.#server.start();
    const mails = await this.#enter();
    this.#say(`${mails.length} members are there`);
    const [first] = this.#halls;
    if (first === undefined) throw new Error('there is no hall');
    const group = await first.found(mails.slice(1));
    this.#home.record({ kind: 'group', group, people: this.#people });
    this.#say('the group is there');
    for (const hall of this.#halls) hall.talk(messages);
    const faults = planFaults(seed, { ...NO_OTHERS, kills, partitions }, halls);
    for (const [at, fault] of faults.entries()) {
      await pause(fault.afterMs + FAULT_PAUSE_MS.least + members * FAULT_PAUSE_MS.perMember);
      await this.#act(fault);
      this.#noteEnds();
      this.#say(`${at + 1} of ${faults.length} faults: ${fault.kind}`);
    }
    await this.#settle();
    const { code } = await this.#server.stop();
    if (code !== 0) this.tally.wrong(`the server ended with ${code} when it was asked to stop`);
  }

  async end(): Promise<void> {
    await Promise.allSettled(this.#underWay);
    await this.#site.children[Symbol.asyncDispose]();
    await this.#network[Symbol.asyncDispose]();
    this.#home.close();
    await this.#site[Symbol.asyncDispose]();
  }

  /** Everybody is added, enrols in their hall and opens their profile. @returns the addresses, the founder's first */
  async #enter(): Promise<string[]> {
    const { members, halls, talkers, seed, patienceMs } = this.#options;
    const { operator } = this.#server;
    const { tenantId } = await operator.call('tenantCreate', { name: 'Group' });
    const inHalls: HallMember[][] = Array.from({ length: halls }, () => []);
    const mails = Array.from({ length: members }, (_, at) => `member${at}@group.test`);
    const add = async (mail: string, index: number): Promise<HallMember> => {
      const { personId } = await operator.call('personAdd', { tenantId, name: `Member ${index}`, mail });
      const { token } = await operator.call('tokenCreate', { personId });
      const profileDir = this.#site.at(`member-${index}`);
      const secret = randomBytes(16);
      await makeCheapContainer(profileDir, secret);
      return { profileDir, secretHex: secret.toString('hex'), token, isTalker: index < talkers };
    };
    for (let at = 0; at < members; at += ADDING_AT_ONCE) {
      const some = mails.slice(at, at + ADDING_AT_ONCE).map((mail, i) => add(mail, at + i));
      for (const [i, member] of (await Promise.all(some)).entries()) inHalls[(at + i) % halls]?.push(member);
    }
    for (const [number, present] of inHalls.entries()) {
      const settings = {
        members: present,
        serverUrl: this.#network.urlFor(number),
        notebook: this.#site.at('notebooks', `hall-${number}`),
        seed,
        title: TITLE,
      };
      const { children } = this.#site;
      this.#halls.push(new Hall({ children, settings, name: `hall${number}`, patienceMs }));
    }
    const here = await Promise.all(this.#halls.map((hall) => hall.start()));
    for (const [at, { person, device }] of here.flat().entries()) {
      this.#people.push(person);
      this.#devices.push(device);
      const profile = inHalls.flat()[at];
      if (profile !== undefined) this.#profiles.set(device, profile);
      this.#home.record({ kind: 'enrolled', tenant: tenantId, person, device });
    }
    return mails;
  }

  async #act(fault: Fault): Promise<void> {
    if (fault.kind === 'kill-server') {
      await this.#server.kill();
      await this.#server.start();
    } else if (fault.kind === 'kill-client') {
      const hall = this.#halls[fault.person];
      if (hall === undefined) throw new Error('there is no such hall');
      await hall.kill();
      await pause(fault.restMs);
      await hall.start();
      hall.talk(this.#options.messages);
    } else if (fault.kind === 'partition') {
      this.#underWay.push(this.#network.part(fault, this.#dice));
      this.tally.done(`partition ${fault.how}`);
    }
    this.tally.done(fault.kind);
  }

  #noteEnds(): void {
    for (const end of this.#server.unexpectedEnds.splice(0)) this.tally.wrong(`the server ended: ${end}`);
    for (const hall of this.#halls)
      for (const end of hall.unexpectedEnds.splice(0)) this.tally.wrong(`a hall ended: ${end}`);
  }

  /** Everything heals and drains; then the ledger is checked. */
  async #settle(): Promise<void> {
    await Promise.all(this.#underWay.splice(0));
    await this.#network.heal();
    for (const hall of this.#halls) hall.beQuiet();
    let standings: HallStanding[] = [];
    let restless: HallStanding[] = [];
    let calm = 0;
    let best = { left: Number.POSITIVE_INFINITY, restless: Number.POSITIVE_INFINITY, shown: 0 };
    let deadline = performance.now() + this.#options.patienceMs;
    // What a fault has left half open ends now; from here on whoever is slow is left alone.
    for (const connection of this.#network.connections) connection.reset();
    while (calm < 2 && performance.now() < deadline) {
      standings = (await Promise.all(this.#halls.map((hall) => hall.flush()))).flat();
      restless = standings.filter(
        ({ error, waiting, unread }) => error !== undefined || waiting > 0 || unread > 0,
      );
      calm = restless.length === 0 ? calm + 1 : 0;
      // On a loaded machine it takes as long as it takes: only when nothing moves any more it has failed.
      const left = standings.reduce((sum, { waiting, undelivered }) => sum + waiting + undelivered, 0);
      const shown = standings.reduce((sum, standing) => sum + standing.shown, 0);
      const hasMoved = left < best.left || restless.length < best.restless || shown > best.shown;
      if (hasMoved) deadline = performance.now() + this.#options.patienceMs;
      best = {
        left: Math.min(left, best.left),
        restless: Math.min(restless.length, best.restless),
        shown: Math.max(shown, best.shown),
      };
      this.#say(
        `${restless.length} members are not done, ${left} messages are on their way, ${shown} were shown`,
      );
      if (restless.length > 0) await pause(SETTLE_PAUSE_MS);
    }
    if (calm < 2) {
      const some = restless
        .slice(0, 5)
        .map(
          ({ device, error, waiting, unread }) => `${device} ${error} ${waiting} waiting, ${unread} unread`,
        );
      this.tally.wrong(`it did not settle: ${some.join('; ')}`);
    }
    for (const standing of standings) {
      // Being let in is news; everything else is an alarm.
      const alarms = standing.notices.filter(({ kind }) => kind !== 'group_added');
      this.tally.stands(standing.device, { ...standing, notices: alarms }, this.#home);
      const added = standing.notices.length - alarms.length;
      if (added > 1) this.tally.wrong(`a member was told ${added} times of being let in`);
    }
    await Promise.all(this.#halls.map((hall) => hall.leave()));
    this.#noteEnds();
    // Whoever was given up has not lost what they have not fetched yet.
    const isRestless = new Set(calm < 2 ? restless.map(({ device }) => device) : []);
    const settled = this.#devices.filter((device) => !isRestless.has(device));
    this.#home.record({ kind: 'settled', drained: settled, flushed: settled });
    await this.#check();
  }

  async #check(): Promise<void> {
    const names = ['home', ...this.#halls.map((_, number) => `hall-${number}`)];
    const notebooks = names.map((name) => this.#site.at('notebooks', name));
    const ledger = mergeNotebooks(notebooks);
    const findings = checkLedger(ledger);
    this.tally.checked(ledger, findings);
    const setAside = await listSetAside(this.#profiles);
    for (const one of setAside) this.tally.setAside(nameOf(one));
    if (this.tally.isClean) return;
    const kept = join(tmpdir(), `kuvert-faults-group-${this.#options.seed}`);
    mkdirSync(kept, { recursive: true });
    writeFileSync(join(kept, 'ledger.jsonl'), ledger.map((event) => `${JSON.stringify(event)}\n`).join(''));
    writeFileSync(join(kept, 'findings.json'), JSON.stringify(findings, undefined, 2));
    writeFileSync(join(kept, 'set-aside.json'), JSON.stringify(setAside, undefined, 2));
    writeFileSync(join(kept, 'said.log'), this.#said.map((line) => `${line}\n`).join(''));
    await keepReplays(kept, notebooks, (device) => this.#profiles.get(device));
    this.tally.keptIn = kept;
  }

  #say(line: string): void {
    this.#said.push(`${new Date().toISOString()} ${process.hrtime.bigint()} ${line}`);
    this.#options.onProgress?.(line);
  }
}

function nameOf({ reason, isOfGroup, isOpen }: SetAside): string {
  return `${reason}${isOfGroup ? ' to the group' : ''}${isOpen ? ', not come again' : ''}`;
}
