/** Runs random schedules of several devices and checks the ledger of each; a schedule that breaks a promise is made as small as it goes. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Finding, type Ledger, startInstallation } from '@kuvert/testkit';
import { runSchedule, type Step, scheduleOf } from '@kuvert/testkit/devices';
import fc from 'fast-check';

/** What schedules are run. */
export interface ScheduleOptions {
  readonly seed: number;
  readonly schedules: number;
  /** Steps of a schedule, at most. */
  readonly steps: number;
  /** Where in an earlier run of this seed to begin: what fast-check printed with a failure. */
  readonly path?: string | undefined;
  /** Gives up making a failing schedule smaller after so long; 0 does not try. */
  readonly shrinkForMs: number;
  readonly onProgress?: (line: string) => void;
}

/** What came of them. */
export interface ScheduleResult {
  readonly ok: boolean;
  readonly seed: number;
  readonly schedules: number;
  readonly seconds: number;
  /** Messages and devices of all schedules, and how often what was done. */
  readonly messages: number;
  readonly devices: number;
  readonly steps: Readonly<Record<string, number>>;
  /** The smallest schedule that was found to break something, and what it broke. */
  readonly failure: ScheduleFailure | undefined;
}

/** @see ScheduleResult */
export interface ScheduleFailure {
  readonly path: string;
  /** What has to be given again beside the path: another number makes other schedules. */
  readonly stepsMax: number;
  readonly steps: readonly Step[];
  readonly why: string;
  /** Its ledger, as JSON lines. */
  readonly keptIn: string | undefined;
}

/** Something that a schedule has broken. */
class Broken extends Error {}

/** Runs schedules on one installation after the other until all are done or one breaks a promise. */
export async function checkSchedules(options: ScheduleOptions): Promise<ScheduleResult> {
  const { seed, schedules, steps, path, shrinkForMs, onProgress } = options;
  const beganMs = performance.now();
  const counts = { messages: 0, devices: 0, steps: {} as Record<string, number> };
  let ran = 0;
  let failedAtMs: number | undefined;
  let keptIn: string | undefined;
  const check = async (schedule: Step[]): Promise<void> => {
    // What cannot be made smaller in time counts as small enough.
    if (failedAtMs !== undefined && performance.now() - failedAtMs >= shrinkForMs) return;
    await using installation = await startInstallation();
    try {
      const ledger = await runSchedule(installation, schedule);
      if (failedAtMs === undefined) {
        ran += 1;
        for (const { do: what } of schedule) counts.steps[what] = (counts.steps[what] ?? 0) + 1;
        for (const { kind } of ledger.events) {
          if (kind === 'accepted') counts.messages += 1;
          if (kind === 'enrolled') counts.devices += 1;
        }
        if (ran % 10 === 0)
          onProgress?.(`${ran} schedules, ${counts.messages} messages, ${secondsSince(beganMs)} s`);
      }
      const findings = ledger.findings();
      if (findings.length > 0) {
        keptIn = keep(ledger, seed);
        throw new Broken(inShort(findings));
      }
      const errors = installation.log.filter((line) => /"level":(5|6)0/.test(line));
      if (errors.length + installation.failures.length > 0)
        throw new Broken(
          `the server failed: ${[...errors, ...installation.failures].slice(0, 3).join('\n')}`,
        );
    } catch (error) {
      failedAtMs ??= performance.now();
      onProgress?.(`broken by ${schedule.length} steps: ${String((error as Error).message).slice(0, 200)}`);
      throw error;
    }
  };
  // A path names one schedule; fast-check would go on with those around it.
  const arbitrary =
    path === undefined
      ? scheduleOf(steps)
      : fc.constantFrom(...fc.sample(scheduleOf(steps), { seed, path, numRuns: 1 }));
  const property = fc.asyncProperty(arbitrary, check);
  const numRuns = path === undefined ? schedules : 1;
  const outcome = await fc.check(property, { seed, numRuns });
  const failure = outcome.failed
    ? {
        // Of a schedule that was brought back fast-check names the place among that one.
        path: path ?? outcome.counterexamplePath ?? '',
        stepsMax: steps,
        steps: outcome.counterexample?.[0] ?? [],
        why: (outcome.errorInstance as Error | undefined)?.message ?? '',
        keptIn,
      }
    : undefined;
  return { ok: !outcome.failed, seed, schedules: ran, seconds: secondsSince(beganMs), ...counts, failure };
}

/** The ledger of the last, smallest failure. */
function keep(ledger: Ledger, seed: number): string {
  const folder = join(tmpdir(), `kuvert-devices-${seed}`);
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'ledger.jsonl');
  writeFileSync(path, ledger.events.map((event) => `${JSON.stringify(event)}\n`).join(''));
  return path;
}

function secondsSince(beganMs: number): number {
  return Math.round((performance.now() - beganMs) / 1_000);
}

/** The first findings of each kind, with their number. */
function inShort(findings: readonly Finding[]): string {
  return [...Map.groupBy(findings, ({ code }) => code)]
    .map(([code, all]) => `${all.length} × ${code}, first ${JSON.stringify(all[0]?.about)}`)
    .join('\n');
}
