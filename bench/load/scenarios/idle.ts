import { cpuSecondsOf, residentBytesOf } from '../../measure/process-usage.ts';
import { rounded } from '../../measure/statistics.ts';
import { inParallel } from '../in-parallel.ts';
import type { IdleScenario, JobResult, Running } from '../job.ts';
import type { Network } from '../network.ts';
import { pause } from './closed-loop.ts';

const OPENING_MAX = 32;
/** A server that has just said that it serves may still start threads: its memory stands still when it has hardly grown for so long. */
const STILL_MS = 2_000;
const STILL_SHARE = 0.005;
/** Then it is measured in any case. */
const STILL_WAIT_MS_MAX = 20_000;

/**
 * Memory of connections that are signed in and do nothing: `kb_per_conn` with what the server keeps of their accounts, as ejabberd keeps all
 * of them in memory, `kb_per_session` without.
 */
export async function idle(
  network: Network,
  scenario: IdleScenario,
  pids: readonly number[],
): Promise<Running> {
  const results: JobResult[] = [];
  return {
    turn: async () => {
      results.push(await connectAndRest(network, scenario, pids));
    },
    finish: async () => results[0] as JobResult,
  };
}

async function connectAndRest(
  network: Network,
  scenario: IdleScenario,
  pids: readonly number[],
): Promise<JobResult> {
  const { first, count } = scenario.accounts;
  const baseBytes = await residentBytesAtRest(pids);
  await network.prepare(Array.from({ length: count }, (_, i) => first + i));
  const preparedBytes = residentBytesOf(pids);
  const fromMs = Date.now();
  const cpuBefore = cpuSecondsOf(pids);
  const endpoints = await inParallel(count, OPENING_MAX, (i) => network.connect(first + i, () => undefined));
  const toMs = Date.now();
  const loginCpu = cpuSecondsOf(pids) - cpuBefore;
  await pause(scenario.settleMs);
  const bytes = residentBytesOf(pids);
  for (const endpoint of endpoints) endpoint.destroy();
  return {
    figures: {
      what: 'idle',
      conns: count,
      rss_base_mb: rounded(baseBytes / 2 ** 20, 1),
      rss_mb: rounded(bytes / 2 ** 20, 1),
      kb_per_conn: rounded((bytes - baseBytes) / 1024 / count, 1),
      kb_per_session: rounded((bytes - preparedBytes) / 1024 / count, 1),
      logins_per_s: Math.round((count * 1000) / (toMs - fromMs)),
      login_cpu_us: Math.round((loginCpu * 1e6) / count),
    },
    window: { fromMs, toMs, messages: 0 },
  };
}

/** Resident memory once it has stopped to change, so that what a start takes is not told as that of connections. */
async function residentBytesAtRest(pids: readonly number[]): Promise<number> {
  const until = performance.now() + STILL_WAIT_MS_MAX;
  for (let before = residentBytesOf(pids); ; ) {
    await pause(STILL_MS);
    const bytes = residentBytesOf(pids);
    if (Math.abs(bytes - before) < before * STILL_SHARE || performance.now() >= until) return bytes;
    before = bytes;
  }
}
