import { quantiles, rounded } from '../../measure/statistics.ts';
import type { FanoutScenario, JobResult, Running } from '../job.ts';
import type { Network } from '../network.ts';
import { ClosedLoop } from './closed-loop.ts';
import { threadFigures } from './thread-figures.ts';

/** One sender, many receivers, all online. A room's sender gets its own message too, so it counts as a member there. */
export async function fanout(
  network: Network,
  scenario: FanoutScenario,
  pids: readonly number[],
): Promise<Running> {
  const { what, first, members } = scenario;
  const sendersAside = network.groupShape === 'room' ? 0 : 1;
  // Everybody who takes part, and those of them who get each message.
  const count = what === 'group' ? members : members + sendersAside;
  const arrivals = count - sendersAside;
  const loop = new ClosedLoop(scenario, pids);
  const numbers = Array.from({ length: count }, (_, i) => first + i);
  await network.prepare(numbers);
  const group = await network.openGroup(numbers, (tag) => {
    if (loop.arrived(tag) && !loop.isOver) group.send(loop.begin(arrivals));
  });
  const before = group.traffic();
  const begin = () => group.send(loop.begin(arrivals));
  await loop.warmUp(begin);
  const finish = async (): Promise<JobResult> => {
    const { fromMs, toMs, seconds, cpuSeconds, ownCpuSeconds, threadSeconds, lost } = loop.measured;
    const deliveries = loop.eachMs.length;
    const one = quantiles(loop.eachMs);
    const all = quantiles(loop.lastMs);
    const traffic = group.traffic();
    await group.close();
    return {
      figures: {
        what,
        shape: network.groupShape,
        members,
        body: network.bodyBytes,
        deliveries_per_s: Math.round(deliveries / seconds),
        group_msgs_per_s: rounded(loop.lastMs.length / seconds, 1),
        one_p50_ms: rounded(one.p50, 1),
        one_p99_ms: rounded(one.p99, 1),
        all_p50_ms: rounded(all.p50, 1),
        all_p99_ms: rounded(all.p99, 1),
        srv_cpu_us_per_delivery: rounded((cpuSeconds * 1e6) / deliveries, 1),
        ...threadFigures(threadSeconds, deliveries),
        srv_cpu_us_per_msg: Math.round((cpuSeconds * 1e6) / loop.lastMs.length),
        sent_bytes_per_msg: Math.round((traffic.sent - before.sent) / loop.begun),
        received_bytes_per_delivery: Math.round((traffic.received - before.received) / loop.arrivals),
        client_cpu_us: rounded((ownCpuSeconds * 1e6) / deliveries, 1),
        lost,
        twice: loop.twice,
      },
      window: { fromMs, toMs, messages: deliveries },
    };
  };
  return { turn: () => loop.turn(begin), finish };
}
