/**
 * Reads what Node writes with `--cpu-prof`: a file for each thread. Samples are taken by the clock, so a thread that waits in native code, as
 * the writer does for the disk, looks busy there; what a thread really burns is in the `cpu_us_…` figures of the same run.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface ProfileFile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: {
      readonly functionName: string;
      readonly url: string;
      readonly lineNumber: number;
    };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** One thread. */
export interface ThreadProfile {
  readonly file: string;
  /** Seconds in which it was not idle. */
  readonly busySeconds: number;
  /** Functions with the share of that time that was spent in themselves, largest first. */
  readonly functions: readonly { readonly name: string; readonly share: number }[];
}

/** What Node is started with for profiles of all its threads in `folder`. */
export function profileOptions(folder: string): string {
  return `--cpu-prof --cpu-prof-interval=500 --cpu-prof-dir=${folder}`;
}

/** The profiles of a folder, the busiest thread first. */
export function readProfiles(folder: string, functionsMax: number): ThreadProfile[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.cpuprofile'))
    .map((file) => readProfile(join(folder, file), functionsMax))
    .toSorted((a, b) => b.busySeconds - a.busySeconds);
}

function readProfile(file: string, functionsMax: number): ThreadProfile {
  const profile = JSON.parse(readFileSync(file, 'utf8')) as ProfileFile;
  const nameOf = new Map(profile.nodes.map(({ id, callFrame }) => [id, placeOf(callFrame)]));
  const spent = new Map<string, number>();
  let busy = 0;
  profile.samples.forEach((node, i) => {
    const name = nameOf.get(node) ?? '';
    if (name === '(idle)') return;
    const delta = profile.timeDeltas[i] ?? 0;
    busy += delta;
    spent.set(name, (spent.get(name) ?? 0) + delta);
  });
  const functions = [...spent]
    .toSorted((a, b) => b[1] - a[1])
    .slice(0, functionsMax)
    .map(([name, time]) => ({ name, share: time / busy }));
  return { file, busySeconds: busy / 1e6, functions };
}

function placeOf(frame: ProfileFile['nodes'][number]['callFrame']): string {
  const { functionName, url, lineNumber } = frame;
  if (url === '') return functionName;
  const file = url.replace(/^.*\/(?=(apps|packages|node_modules)\/)/, '');
  return `${functionName || '(anonymous)'} ${file}:${lineNumber + 1}`;
}
