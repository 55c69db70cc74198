/** Waits for processes to stand still. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pause } from './partition.ts';

/** After SIGSTOP: a signal is delivered when the kernel comes to it, and each thread stops on its own. */
export async function untilStopped(pid: number): Promise<void> {
  for (let tries = 0; tries < 2_000; tries++) {
    const tasks = join('/proc', String(pid), 'task');
    const states = readdirSync(tasks).map((task) => stateOf(join(tasks, task, 'stat')));
    if (states.every((state) => 'TtXZ'.includes(state))) return;
    await pause(1);
  }
  throw new Error(`process ${pid} does not stop`);
}

/** The letter of proc(5). A thread that has ended meanwhile counts as dead. */
function stateOf(file: string): string {
  try {
    const text = readFileSync(file, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2)[0] ?? 'X';
  } catch {
    return 'X';
  }
}
