/**
 * What a group costs the person who writes to it, and the server's disk: a real client in a process of its own, members who are all away. The
 * data folder is measured while no server runs, before and behind messages alone; two groups of different sizes tell a message from its members.
 * What a message costs the one who writes is measured when all groups are there, in turns.
 */
import { fileURLToPath } from 'node:url';
import { type Child, Children, type Site, TestTenant } from '@kuvert/testkit';
import type { Row } from '../goals.ts';
import { kuvertNetwork } from '../load/kuvert-network.ts';
import { databaseBytesIn } from '../measure/disk-usage.ts';
import { rounded } from '../measure/statistics.ts';
import { takeTurns } from '../measure/turns.ts';
import { BENCH_SERVER, type Population } from '../peers/kuvert.ts';
import { ask } from '../peers/peer.ts';
import { readAccounts } from '../seed/accounts.ts';
import { mailOf } from '../seed/enrol-devices.ts';
import type { SenderJob, SenderOrder, SenderReady, SenderTurn } from './sender.ts';

const SENDER = fileURLToPath(new URL('sender.ts', import.meta.url));
const SENDER_MS = 178_000;
/** Key of a body: its row id. */
const BODY_KEY_BYTES = 16;
/** Of a deliver record, type and delivery number are not stored, and one byte says what version the row has. */
const NOT_STORED_BYTES = 4;

/** What is measured. */
export interface GroupSenderPlan {
  /** People in the groups, the sender among them. */
  readonly sizes: readonly number[];
  readonly warmUp: number;
  /** In all turns together. */
  readonly messages: number;
  readonly turns: number;
}

/** A group, the person who writes to it, and what making it took. */
interface Group {
  readonly people: number;
  readonly job: SenderJob;
  readonly made: SenderReady;
}

/** Measures each size, then what is stored. Members are the first accounts of the last tenant. */
export async function measureGroupSender(
  options: {
    readonly site: Site;
    readonly population: Population;
    readonly plan: GroupSenderPlan;
    readonly onProgress: (sentence: string) => void;
  },
  onRow: (row: Row) => void,
): Promise<void> {
  const { site, population, plan, onProgress } = options;
  const accounts = readAccounts(population.accountsFile);
  const tenantId = accounts.at(-1)?.tenantId;
  const firstAccount = accounts.findIndex((account) => account.tenantId === tenantId);
  if (tenantId === undefined) throw new Error('there is nobody to write to');
  const disk: { readonly members: number; readonly bytes: number }[] = [];
  let bodyBytes = 0;
  const groups: Group[] = [];
  let server = await site.startServer({ env: BENCH_SERVER });
  for (const people of plan.sizes) {
    onProgress(`a real sender in a group of ${people}`);
    const home = { url: server.url, operator: server.operator, folder: site.at('senders') };
    const person = await new TestTenant(home, { tenantId, name: 'Bench' }).person(`Sender ${people}`);
    const mails = Array.from({ length: people - 1 }, (_, i) => mailOf(i));
    const { profileDir } = person;
    const job = {
      profileDir,
      secret: Buffer.from(person.secret).toString(),
      title: `Group of ${people}`,
      mails: undefined,
    };
    groups.push({ people, job, made: await withSenders([{ ...job, mails }], async ([made]) => made.ready) });
    await server.stop();
    const before = databaseBytesIn(server.dataDir);
    server = await site.startServer(server.again);
    await withSenders([job], ([sender]) => sender.write(plan.messages));
    bodyBytes = await lastBodyAt(server.url, population, firstAccount + people - 2);
    await server.stop();
    // The first one of each process is written unasked.
    const stored = 1 + plan.messages;
    disk.push({ members: people - 1, bytes: (databaseBytesIn(server.dataDir) - before) / stored });
    server = await site.startServer(server.again);
  }
  onProgress('real senders in turns');
  const spent = await writeInTurns(groups, plan);
  await server.stop();
  groups.forEach(({ people, made }, i) => {
    const { ms, cpuMs } = spent[i] as SenderTurn;
    onRow({
      what: 'group-sender',
      peer: 'kuvert',
      round: 1,
      members: people,
      create_ms: Math.round(made.createMs),
      first_ms: Math.round(made.firstMs),
      first_cpu_ms: Math.round(made.firstCpuMs),
      sender_cpu_us_per_msg: Math.round((cpuMs * 1000) / plan.messages),
      cpu_to_smallest: rounded(cpuMs / (spent[0] as SenderTurn).cpuMs, 2),
      ms_per_msg: rounded(ms / plan.messages, 2),
    });
  });
  const [smallest, largest] = [disk[0], disk.at(-1)];
  if (smallest === undefined || largest === undefined || smallest === largest) return;
  const perMember = (largest.bytes - smallest.bytes) / (largest.members - smallest.members);
  onRow({
    what: 'group-stored',
    peer: 'kuvert',
    round: 1,
    body_bytes: bodyBytes,
    disk_bytes_per_msg: Math.round(smallest.bytes - perMember * smallest.members),
    disk_bytes_per_member: rounded(perMember, 1),
  });
}

/** What messages to each of the groups take, in all turns together. */
function writeInTurns(groups: readonly Group[], plan: GroupSenderPlan): Promise<SenderTurn[]> {
  return withSenders(
    groups.map(({ job }) => job),
    async (senders) => {
      for (const sender of senders) await sender.write(plan.warmUp);
      const sums = senders.map((sender) => ({ sender, ms: 0, cpuMs: 0 }));
      await takeTurns(sums, plan.turns, async (sum) => {
        const { ms, cpuMs } = await sum.sender.write(plan.messages / plan.turns);
        sum.ms += ms;
        sum.cpuMs += cpuMs;
      });
      return sums;
    },
  );
}

/** A process that writes to a group. */
class Sender {
  readonly ready: SenderReady;
  readonly #child: Child;

  private constructor(child: Child, ready: SenderReady) {
    this.#child = child;
    this.ready = ready;
  }

  static async start(children: Children, job: SenderJob): Promise<Sender> {
    const child = children.start(process.execPath, [SENDER], { ipc: true });
    return new Sender(child, await ask<SenderReady>(child, job, SENDER_MS));
  }

  write(messages: number): Promise<SenderTurn> {
    return ask(this.#child, messages satisfies SenderOrder, SENDER_MS);
  }

  async end(): Promise<void> {
    this.#child.process.send('end' satisfies SenderOrder);
    await this.#child.ended;
  }
}

/** Starts a process for each job, works with them, ends them. */
async function withSenders<T>(
  jobs: readonly SenderJob[],
  work: (senders: [Sender, ...Sender[]]) => Promise<T>,
): Promise<T> {
  await using children = new Children();
  const senders: Sender[] = [];
  for (const job of jobs) senders.push(await Sender.start(children, job));
  const result = await work(senders as [Sender, ...Sender[]]);
  for (const sender of senders) await sender.end();
  return result;
}

/** Key and value of the body that was stored last, as a member's device gets it. */
async function lastBodyAt(url: string, population: Population, account: number): Promise<number> {
  let bytes = 0;
  const network = kuvertNetwork({
    kind: 'kuvert',
    port: Number(new URL(url).port),
    pids: [],
    channel: 'noise',
    ...population,
  });
  const endpoint = await network.connect(account, (_tag, recordBytes = 0) => {
    bytes = BODY_KEY_BYTES + recordBytes - NOT_STORED_BYTES;
  });
  await endpoint.close();
  return bytes;
}
