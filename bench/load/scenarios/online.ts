import { quantiles, rounded } from '../../measure/statistics.ts';
import { inParallel } from '../in-parallel.ts';
import type { JobResult, OnlineScenario, Running } from '../job.ts';
import type { Network } from '../network.ts';
import { ClosedLoop } from './closed-loop.ts';
import { threadFigures } from './thread-figures.ts';

const OPENING_MAX = 16;

/** 1:1, both online: latency is from submit to arrival at the receiver. */
export async function online(
  network: Network,
  scenario: OnlineScenario,
  pids: readonly number[],
): Promise<Running> {
  const { accounts, window } = scenario;
  const pairs = accounts.count / 2;
  const loop = new ClosedLoop(scenario, pids);
  const numbers = Array.from({ length: accounts.count }, (_, i) => accounts.first + i);
  await network.prepare(numbers);
  const senders = await inParallel(pairs, OPENING_MAX, (pair) =>
    network.connect(accounts.first + 2 * pair, () => undefined),
  );
  const send = (pair: number) => senders[pair]?.send(accounts.first + 2 * pair + 1, loop.begin(1));
  const receivers = await inParallel(pairs, OPENING_MAX, (pair) =>
    network.connect(accounts.first + 2 * pair + 1, (tag) => {
      if (loop.arrived(tag) && !loop.isOver) send(pair);
    }),
  );
  const begin = () => {
    for (let pair = 0; pair < pairs; pair++) for (let i = 0; i < window; i++) send(pair);
  };
  await loop.warmUp(begin);
  const finish = async (): Promise<JobResult> => {
    const { fromMs, toMs, seconds, cpuSeconds, ownCpuSeconds, threadSeconds, lost } = loop.measured;
    const messages = loop.eachMs.length;
    const { p50, p99 } = quantiles(loop.eachMs);
    await Promise.all([...senders, ...receivers].map((endpoint) => endpoint.close()));
    return {
      figures: {
        what: scenario.what,
        pairs,
        win: window,
        inflight: pairs * window,
        body: network.bodyBytes,
        per_s: Math.round(messages / seconds),
        p50_ms: rounded(p50, 3),
        p99_ms: rounded(p99, 3),
        srv_cpu_us_per_msg: rounded((cpuSeconds * 1e6) / messages, 1),
        ...threadFigures(threadSeconds, messages),
        client_cpu_us: rounded((ownCpuSeconds * 1e6) / messages, 1),
        lost,
        twice: loop.twice,
      },
      window: { fromMs, toMs, messages },
    };
  };
  return { turn: () => loop.turn(begin), finish };
}
