/** A run: fills one server, then starts those that are compared side by side and lets them take turns, so that a busy second of the machine hits them all. */
import { mkdirSync } from 'node:fs';
import { cpus } from 'node:os';
import { Children, type Site } from '@kuvert/testkit';
import { measureClient } from './client/client.ts';
import { measureUploads } from './files/uploads.ts';
import type { Row } from './goals.ts';
import { measureGroupSender } from './groups/real-sender.ts';
import { simulateGrowth } from './growth.ts';
import type { JobResult, Scenario } from './load/job.ts';
import { profileOptions } from './measure/cpu-profile.ts';
import { rounded } from './measure/statistics.ts';
import { countSyncs, syncTraceCommand } from './measure/sync-trace.ts';
import { takeTurns } from './measure/turns.ts';
import { ejabberdPeer } from './peers/ejabberd.ts';
import { kuvertPeer, type Population, populate } from './peers/kuvert.ts';
import { type Depth, layeredPeer } from './peers/layered.ts';
import { Load, type Peer, type RunningPeer } from './peers/peer.ts';
import type { Plan } from './plan.ts';

/** Names of peers and of parts of a run, for `--only`. */
export const PARTS = [
  'online',
  'offline',
  'fanout',
  'group',
  'attachments',
  'idle',
  'tenants',
  'layers',
  'syncs',
  'growth',
  'history',
  'search',
] as const;
/** A part of a run. */
export type Part = (typeof PARTS)[number];
/** Peers that can be chosen. */
export const PEERS = ['kuvert', 'ceiling', 'ejabberd', 'ejabberd-postgresql'] as const;

/** Parts that need no population of devices. */
const ALONE: ReadonlySet<Part> = new Set(['growth', 'history', 'search', 'attachments']);

const LAYERS: readonly Depth[] = ['socket', 'noise', 'codec', 'store'];

/** Lines of a server's log that are shown when it was measured in vain. */
const LOG_LINES = 20;

/** What a run is told. */
export interface RunOptions {
  readonly site: Site;
  readonly plan: Plan;
  readonly parts: readonly Part[];
  readonly peers: readonly string[];
  /** Where a profile of the product at work is written, if it is wanted. */
  readonly profileFolder: string | undefined;
  readonly onRow: (row: Row) => void;
  readonly onProgress: (sentence: string) => void;
}

/** Measures and gives all rows. */
export async function run(options: RunOptions): Promise<Row[]> {
  const { site, plan, parts, onProgress } = options;
  const rows: Row[] = [];
  const add = (row: Row): void => {
    rows.push(row);
    options.onRow(row);
  };
  add({
    what: 'machine',
    peer: '-',
    cpus: cpus().length,
    node: process.version,
    model: cpus()[0]?.model ?? '',
  });
  if (parts.includes('growth')) {
    onProgress(`letting ${plan.growthDays} days pass`);
    await simulateGrowth(plan.growthDays, add);
  }
  const clientParts = (['history', 'search'] as const).filter((part) => parts.includes(part));
  if (clientParts.length > 0) {
    await measureClient({ site, ...plan.past, parts: clientParts, onProgress }, add);
  }
  if (parts.includes('attachments')) {
    await measureUploads({ site, plan: plan.uploads, rounds: plan.rounds, onProgress }, add);
  }
  if (parts.every((part) => ALONE.has(part))) return rows;
  onProgress(`enrolling ${plan.tenants.reduce((sum, { devices }) => sum + devices, 0)} devices`);
  const population = await populate(site, plan.tenants);
  const peers = choosePeers(options, population);

  for (let round = 1; round <= plan.rounds; round++) {
    const measure = async (
      peersOfPart: readonly Peer[],
      scenarios: readonly Scenario[],
      tell: (row: Row) => void = add,
    ): Promise<void> => {
      if (scenarios.length === 0) return;
      // Whoever starts first is a little slower all the time.
      const inOrder = round % 2 === 1 ? peersOfPart : peersOfPart.toReversed();
      await withPeers(inOrder, async (started) => {
        for (const scenario of scenarios) {
          const compared = started.filter(({ peer }) => isComparable(peer, scenario.what));
          onProgress(
            `round ${round}: ${nameOf(scenario)}, ${compared.map(({ peer }) => peer.name).join(', ')}`,
          );
          for (const { peer, figures } of await inTurns(compared, scenario))
            tell({ peer: peer.name, round, ...figures });
        }
      });
    };
    await measure(
      peers,
      plan.scenarios.filter(({ what }) => (parts as readonly string[]).includes(what)),
    );
    if (parts.includes('layers')) {
      const layers = LAYERS.map((layer) => layeredPeer(site, population, layer, layer));
      await measure([...layers, { ...kuvertPeer(site, population), name: 'product' }], [plan.busy], (row) =>
        add({ ...row, what: 'layer', layer: String(row.peer) }),
      );
    }
    if (parts.includes('tenants') && peers.some(({ name }) => name === 'kuvert')) {
      await measure([kuvertPeer(site, population)], [plan.manyTenants]);
    }
    if (parts.includes('idle')) {
      // One after the other: what is measured is memory.
      for (const peer of peers.filter((each) => isComparable(each, 'idle')))
        await measure([peer], [plan.idle]);
    }
  }
  // Behind the rounds, because what it stores lies in the mailboxes of accounts that are used there.
  if (parts.includes('group') && peers.some(({ name }) => name === 'kuvert')) {
    await measureGroupSender({ site, population, plan: plan.groupSender, onProgress }, add);
  }
  if (parts.includes('syncs')) await measureSyncs(options, population, add);
  if (options.profileFolder !== undefined) await profile(options, population, options.profileFolder);
  return rows;
}

function nameOf(scenario: Scenario): string {
  const { what } = scenario;
  if ('members' in scenario) return `${what} ${scenario.members}`;
  return 'window' in scenario ? `${what} ${(scenario.accounts.count / 2) * scenario.window}` : what;
}

/** What costs a message its place on a disk is seen between pairs and for those who are away. */
function isComparable(peer: Peer, what: string): boolean {
  return peer.name !== 'ejabberd-postgresql' || what === 'online' || what === 'offline';
}

/** The product with 256 in flight, under Node's profiler. */
async function profile(options: RunOptions, population: Population, folder: string): Promise<void> {
  const { site, plan, onProgress } = options;
  onProgress(`profiling into ${folder}`);
  mkdirSync(folder, { recursive: true });
  const peer = kuvertPeer(site, population, { env: { NODE_OPTIONS: profileOptions(folder) } });
  await withPeers([peer], (started) => inTurns(started, plan.busy));
}

function choosePeers(options: RunOptions, population: Population): Peer[] {
  const { site, peers: names, onProgress } = options;
  const peers: Peer[] = [];
  for (const name of names) {
    if (name === 'ejabberd' || name === 'ejabberd-postgresql') {
      const ejabberd = ejabberdPeer(site, name === 'ejabberd' ? 'mnesia' : 'postgresql');
      if ('missing' in ejabberd) onProgress(`without ${name}: ${ejabberd.missing}`);
      else peers.push(ejabberd);
    } else if (name === 'ceiling') {
      peers.push(layeredPeer(site, population, 'socket', 'ceiling'));
    } else {
      peers.push(kuvertPeer(site, population));
    }
  }
  return peers;
}

/** A server that was started. */
interface Started {
  readonly peer: Peer;
  readonly running: RunningPeer;
}

/** Starts servers, works with all of them, stops them. */
async function withPeers<T>(
  peers: readonly Peer[],
  work: (started: readonly Started[]) => Promise<T>,
): Promise<T> {
  const started: Started[] = [];
  try {
    for (const peer of peers) started.push({ peer, running: await peer.start() });
    return await work(started);
  } catch (cause) {
    const logs = started.map(({ peer, running }) =>
      [peer.name, ...running.log.split('\n').slice(-LOG_LINES)].join('\n'),
    );
    throw new Error(`measuring failed; the last that servers said:\n${logs.join('\n\n')}`, { cause });
  } finally {
    for (const { running } of started) await running.stop();
  }
}

/** Measures a scenario on servers that take turns. */
async function inTurns(
  started: readonly Started[],
  scenario: Scenario,
): Promise<(JobResult & { readonly peer: Peer })[]> {
  await using children = new Children();
  const loads: { readonly peer: Peer; readonly load: Load }[] = [];
  for (const { peer, running } of started)
    loads.push({ peer, load: await Load.start(children, { address: running.address, scenario }) });
  await takeTurns(loads, scenario.turns, ({ load }) => load.turn());
  return await Promise.all(loads.map(async ({ peer, load }) => ({ peer, ...(await load.finish()) })));
}

/** Once, because it counts calls and not time. */
async function measureSyncs(
  options: RunOptions,
  population: Population,
  add: (row: Row) => void,
): Promise<void> {
  const { site, plan, onProgress } = options;
  const file = site.at('syncs');
  const through = syncTraceCommand(file);
  if (through === undefined) {
    onProgress('without a count of syncs: strace is not installed');
    return;
  }
  onProgress('counting syncs');
  const once: Scenario = { ...plan.busy, turns: 1 };
  const [result] = await withPeers([kuvertPeer(site, population, { through })], (started) =>
    inTurns(started, once),
  );
  if (result === undefined) return;
  const { window, figures } = result;
  const syncs = countSyncs(file, window);
  add({
    what: 'syncs',
    peer: 'kuvert',
    round: 1,
    inflight: figures.inflight ?? 0,
    syncs,
    messages: window.messages,
    per_msg: rounded(syncs / window.messages, 4),
    per_s: Math.round((syncs * 1000) / (window.toMs - window.fromMs)),
  });
}
