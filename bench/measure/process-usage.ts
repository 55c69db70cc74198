/** What processes use, read from /proc. Linux only. */
import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks a second in `/proc/PID/stat`; the kernel shows 100 to user space on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;

interface Stat {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
  readonly cpuSeconds: number;
}

/** CPU time of these processes with all their threads and descendants, user and system, in seconds; steps of 10 ms. */
export function cpuSecondsOf(pids: readonly number[]): number {
  return withDescendants(pids).reduce((sum, stat) => sum + stat.cpuSeconds, 0);
}

/** CPU time of one process by the names of its threads, user and system, in seconds. The first thread is called `main`. */
export function threadCpuSecondsOf(pid: number): ReadonlyMap<string, number> {
  const byName = new Map<string, number>();
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const stat = readStat(`/proc/${pid}/task/${thread}/stat`);
    if (stat === undefined) continue;
    const name = thread === String(pid) ? 'main' : stat.command;
    byName.set(name, (byName.get(name) ?? 0) + stat.cpuSeconds);
  }
  return byName;
}

/** Resident memory of these processes alone, in bytes. The kernel's socket buffers are not in it. */
export function residentBytesOf(pids: readonly number[]): number {
  let kib = 0;
  for (const pid of pids) {
    kib += Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0);
  }
  return kib * 1024;
}

/** The pid of a descendant whose program has this name, if there is one. */
export function findDescendant(pid: number, command: string): number | undefined {
  return withDescendants([pid]).find((stat) => stat.command === command)?.pid;
}

function withDescendants(pids: readonly number[]): Stat[] {
  const children = new Map<number, Stat[]>();
  const all = new Map<number, Stat>();
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? readStat(`/proc/${name}/stat`) : undefined;
    if (stat === undefined) continue;
    all.set(stat.pid, stat);
    children.set(stat.parent, [...(children.get(stat.parent) ?? []), stat]);
  }
  const found = new Map<number, Stat>();
  const open = pids.flatMap((pid) => all.get(pid) ?? []);
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (found.has(next.pid)) continue;
    found.set(next.pid, next);
    open.push(...(children.get(next.pid) ?? []));
  }
  return [...found.values()];
}

/** proc(5): pid (command) state ppid …, utime and stime are fields 14 and 15. A command may hold spaces and parentheses. */
function readStat(file: string): Stat | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'latin1');
  } catch {
    // It ended meanwhile.
    return undefined;
  }
  const end = text.lastIndexOf(')');
  const fields = text.slice(end + 2).split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  return {
    pid: Number.parseInt(text, 10),
    parent: Number(fields[1]),
    command: text.slice(text.indexOf('(') + 1, end),
    cpuSeconds: ticks / TICKS_PER_SECOND,
  };
}
