/** The CPU of a Node server by kind of thread, which tells its writer from its event loop and both from the collection of garbage. */
import { rounded } from '../../measure/statistics.ts';

/** Names that Node gives its threads, as they appear in the figures. */
const NODE_THREADS = { main: 'main', WorkerThread: 'workers', 'node-V8Worker': 'v8' } as const;

/** CPU a message of a Node server by kind of thread; nothing for other servers. */
export function threadFigures(
  seconds: ReadonlyMap<string, number>,
  messages: number,
): Record<string, number> {
  if (!seconds.has('node-V8Worker')) return {};
  return Object.fromEntries(
    Object.entries(NODE_THREADS).map(([name, figure]) => [
      `cpu_us_${figure}`,
      rounded(((seconds.get(name) ?? 0) * 1e6) / messages, 1),
    ]),
  );
}
