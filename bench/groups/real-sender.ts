/**
 * What a group costs the person who writes to it, and the server's disk: a real client in a process of its own, members who are all away. The
 * data folder is measured while no server runs, before and behind messages alone; two groups of different sizes tell a message from its members.
 */
import { fileURLToPath } from 'node:url';
import { Children, type Site, TestTenant } from '@kuvert/testkit';
import type { Row } from '../goals.ts';
import { kuvertNetwork } from '../load/kuvert-network.ts';
import { databaseBytesIn } from '../measure/disk-usage.ts';
import { rounded } from '../measure/statistics.ts';
import { BENCH_SERVER, type Population } from '../peers/kuvert.ts';
import { messageOf } from '../peers/peer.ts';
import { readAccounts } from '../seed/accounts.ts';
import { mailOf } from '../seed/enrol-devices.ts';
import type { SenderJob, SenderResult } from './sender.ts';

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
  readonly messages: number;
}

/** Measures each size, then what is stored. Members are the first accounts of the first tenant. */
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
  const tenantId = accounts[0]?.tenantId;
  if (tenantId === undefined) throw new Error('there is nobody to write to');
  let smallestUs: number | undefined;
  const disk: { readonly members: number; readonly bytes: number }[] = [];
  let bodyBytes = 0;
  for (const people of plan.sizes) {
    onProgress(`a real sender in a group of ${people}`);
    let server = await site.startServer({ env: BENCH_SERVER });
    const home = { url: server.url, operator: server.operator, folder: site.at('senders') };
    const person = await new TestTenant(home, { tenantId, name: 'Bench' }).person(`Sender ${people}`);
    const mails = Array.from({ length: people - 1 }, (_, i) => mailOf(i));
    const { profileDir } = person;
    const base = { profileDir, secret: Buffer.from(person.secret).toString(), title: `Group of ${people}` };
    const made = await runSender({ ...base, mails, warmUp: 0, messages: 0 });
    await server.stop();
    const before = databaseBytesIn(server.dataDir);
    server = await site.startServer(server.again);
    const { warmUp, messages } = plan;
    const sent = await runSender({ ...base, mails: undefined, warmUp, messages });
    bodyBytes = await lastBodyAt(server.url, population, people - 2);
    await server.stop();
    // The first one of each process is counted with those that warm up.
    const stored = 1 + warmUp + messages;
    disk.push({ members: people - 1, bytes: (databaseBytesIn(server.dataDir) - before) / stored });
    smallestUs ??= sent.cpuUsPerMessage;
    onRow({
      what: 'group-sender',
      peer: 'kuvert',
      round: 1,
      members: people,
      create_ms: made.createMs,
      first_ms: made.firstMs,
      first_cpu_ms: made.firstCpuMs,
      sender_cpu_us_per_msg: sent.cpuUsPerMessage,
      cpu_to_smallest: rounded(sent.cpuUsPerMessage / smallestUs, 2),
      ms_per_msg: sent.msPerMessage,
    });
  }
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

async function runSender(job: SenderJob): Promise<SenderResult> {
  await using children = new Children();
  const child = children.start(process.execPath, [SENDER], { ipc: true });
  child.process.send(job);
  return await messageOf<SenderResult>(child, SENDER_MS);
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
