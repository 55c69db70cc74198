import { cpuSecondsOf } from '../../measure/process-usage.ts';
import { median, quantiles, rounded } from '../../measure/statistics.ts';
import { inParallel } from '../in-parallel.ts';
import type { Figures, JobResult, OfflineScenario, Running } from '../job.ts';
import type { Network } from '../network.ts';
import { pause } from './closed-loop.ts';

/** How long one person may wait for the last message. */
const FETCH_MS = 20_000;

/**
 * Stores messages for people who are away, then all of them connect and get theirs. It happens several times before it is measured, as loops
 * are warmed up too: people come and go all day, and a server or client that compiles as it runs is not yet what it will be then. What the
 * very first time was like is told as well. A time lasts a fifth of a second, so several are measured.
 */
export async function offline(
  network: Network,
  scenario: OfflineScenario,
  pids: readonly number[],
): Promise<Running> {
  const first = await storeAndFetch(network, scenario, pids);
  const warmUp = { ...scenario, pauseMs: scenario.pauseMs / 10 };
  for (let round = 1; round < scenario.warmUps; round++) await storeAndFetch(network, warmUp, pids);
  const measured: JobResult[] = [];
  return {
    turn: async () => {
      measured.push(await storeAndFetch(network, scenario, pids));
    },
    finish: async () => middleOf(measured, { first_fetch_per_s: first.figures.fetch_per_s ?? 0 }),
  };
}

/** The median of each figure; of messages that were lost or arrived twice, all. */
function middleOf(results: readonly JobResult[], others: Figures): JobResult {
  const [{ figures, window }] = results as [JobResult, ...JobResult[]];
  const ofAll = (name: string) => results.map((result) => Number(result.figures[name]));
  const middle = Object.entries(figures).map(([name, value]) => [
    name,
    typeof value === 'string' ? value : (median(ofAll(name)) ?? value),
  ]);
  const sum = (name: string) => ofAll(name).reduce((total, value) => total + value, 0);
  return {
    figures: { ...Object.fromEntries(middle), ...others, lost: sum('lost'), twice: sum('twice') },
    window,
  };
}

async function storeAndFetch(
  network: Network,
  scenario: OfflineScenario,
  pids: readonly number[],
): Promise<JobResult> {
  const { first, people, messagesEach, senders: senderCount, chunk } = scenario;
  const total = people * messagesEach;
  await network.prepare(Array.from({ length: people + senderCount }, (_, i) => first + i));
  const senders = await inParallel(senderCount, senderCount, (i) =>
    network.connect(first + people + i, () => undefined),
  );

  const chunksMs: number[] = [];
  let next = 0;
  const fromMs = Date.now();
  let cpuBefore = cpuSecondsOf(pids);
  let beganAt = performance.now();
  await Promise.all(
    senders.map(async (sender) => {
      while (next < total) {
        const end = Math.min(total, next + chunk);
        const chunkAt = performance.now();
        for (; next < end; next++) sender.send(first + (next % people), next);
        await sender.settled();
        chunksMs.push(performance.now() - chunkAt);
      }
    }),
  );
  const storeSeconds = (performance.now() - beganAt) / 1000;
  const storeCpu = cpuSecondsOf(pids) - cpuBefore;
  const toMs = Date.now();
  await pause(scenario.pauseMs);

  const arrivals = new Uint8Array(total);
  const drainsMs: number[] = [];
  let lastAt = performance.now();
  cpuBefore = cpuSecondsOf(pids);
  const ownBefore = process.cpuUsage();
  beganAt = performance.now();
  await inParallel(people, scenario.connecting, async (person) => {
    const complete = Promise.withResolvers<void>();
    const startedAt = performance.now();
    let got = 0;
    const endpoint = await network.connect(first + person, (tag) => {
      arrivals[tag] = (arrivals[tag] ?? 0) + 1;
      lastAt = performance.now();
      if (++got === messagesEach) complete.resolve();
    });
    const giveUp = setTimeout(() => complete.resolve(), FETCH_MS);
    await complete.promise;
    clearTimeout(giveUp);
    drainsMs.push(lastAt - startedAt);
    await endpoint.close();
  });
  const fetchSeconds = (lastAt - beganAt) / 1000;
  const fetchCpu = cpuSecondsOf(pids) - cpuBefore;
  const own = process.cpuUsage(ownBefore);
  await pause(scenario.pauseMs / 2);
  const behindCpu = cpuSecondsOf(pids) - cpuBefore - fetchCpu;
  await Promise.all(senders.map((sender) => sender.close()));
  const lost = arrivals.reduce((sum, times) => sum + (times === 0 ? 1 : 0), 0);
  const twice = arrivals.reduce((sum, times) => sum + Math.max(0, times - 1), 0);
  return {
    figures: {
      what: 'offline',
      users: people,
      msgs: messagesEach,
      body: network.bodyBytes,
      senders: senderCount,
      chunk,
      store_per_s: Math.round(total / storeSeconds),
      chunk_p50_ms: rounded(quantiles(chunksMs).p50, 1),
      chunk_p99_ms: rounded(quantiles(chunksMs).p99, 1),
      store_cpu_us: rounded((storeCpu * 1e6) / total, 1),
      fetch_per_s: Math.round((total - lost) / fetchSeconds),
      drain_p50_ms: rounded(quantiles(drainsMs).p50, 1),
      drain_p99_ms: rounded(quantiles(drainsMs).p99, 1),
      fetch_cpu_us: rounded((fetchCpu * 1e6) / total, 1),
      behind_cpu_us: rounded((behindCpu * 1e6) / total, 1),
      fetch_client_cpu_us: rounded((own.user + own.system) / total, 1),
      lost,
      twice,
    },
    window: { fromMs, toMs, messages: total },
  };
}
