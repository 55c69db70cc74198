/**
 * `npm run faults -- --kills N --powercuts N --partitions N --seed S --engine E --json`: a campaign of faults of any length. Exits with 1
 * when a promise was broken, with 2 when it was called wrongly. The same seed repeats the same faults. With `--engine mongodb` the server
 * keeps everything in a real `mongod` where there is one, else in the wire double, which is killed, cut off and deposed as well; `--servers 2`
 * puts several servers on it, and people come to any of them.
 *
 * With `--group N` it is a campaign in one group of N members with real profiles in four processes (`--halls`), of whom some write (`--talkers`, 4) so many
 * messages each (`--messages`, 15) while the server and these processes are killed (`--kills`) and their network parts (`--partitions`).
 */
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import {
  type CampaignResult,
  type FaultCounts,
  type GroupCampaignOptions,
  runCampaign,
  runGroupCampaign,
} from '@kuvert/testkit/faults';

const NUMBERS = {
  kills: 6,
  powercuts: 2,
  partitions: 4,
  'failing-fsyncs': 1,
  'slow-fsyncs': 1,
  'full-disks': 1,
  'clock-jumps': 1,
} as const;

/** With the engine mongodb: its database fails too, and the server has no disk of its own to fail. */
const MONGODB_NUMBERS = {
  'database-kills': 4,
  'cuts-before': 4,
  'cuts-after': 4,
  'step-downs': 4,
  'slow-majorities': 1,
  'full-databases': 1,
} as const;
/** A campaign in a group. */
const GROUP_NUMBERS = { group: 500, halls: 4, talkers: 4, messages: 15 } as const;
const GROUP_NAMES = ['group', 'halls', 'talkers', 'messages'] as const;
/** Hundreds of profiles on two cores take their time. */
const GROUP_PATIENCE_MS = 900_000;
/** Servers that share the database. */
const SERVERS_MAX = 4;
type NumberName = keyof typeof NUMBERS | keyof typeof MONGODB_NUMBERS;
const NAMES = [...Object.keys(NUMBERS), ...Object.keys(MONGODB_NUMBERS)] as NumberName[];

/** How many there are unless told. */
function usual(name: NumberName, engine: Engine): number {
  if (name in MONGODB_NUMBERS)
    return engine === 'mongodb' ? MONGODB_NUMBERS[name as keyof typeof MONGODB_NUMBERS] : 0;
  if (engine === 'mongodb' && (name === 'failing-fsyncs' || name === 'slow-fsyncs' || name === 'full-disks'))
    return 0;
  return NUMBERS[name as keyof typeof NUMBERS];
}

const ENGINES = ['sqlite', 'mongodb'] as const;
type Engine = (typeof ENGINES)[number];

process.exitCode = await main();
// A campaign closes what it has opened; should something be forgotten, that must not keep a long run from ending.
setTimeout(() => {
  process.stderr.write(`Still open: ${process.getActiveResourcesInfo().join(', ')}\n`);
  process.exit();
}, 5_000).unref();

async function main(): Promise<number> {
  const options = readOptions();
  if (typeof options === 'string') {
    process.stderr.write(`${options}\n`);
    return 2;
  }
  const { seed, counts, json, engine, servers, group } = options;
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());
  process.stderr.write(`Seed ${seed}\n`);
  const onProgress = (line: string) => process.stderr.write(`${line}\n`);
  if (group !== undefined) {
    const { kills, partitions } = counts;
    const result = await runGroupCampaign({ seed, kills, partitions, ...group, onProgress });
    process.stdout.write(json ? `${JSON.stringify({ group, ...result })}\n` : inWords(result));
    return result.ok ? 0 : 1;
  }
  const result = await runCampaign({
    seed,
    counts,
    engine,
    servers,
    signal: stopping.signal,
    onProgress,
  });
  process.stdout.write(json ? `${JSON.stringify({ engine, servers, ...result })}\n` : inWords(result));
  return result.ok ? 0 : 1;
}

interface Options {
  readonly seed: string;
  readonly counts: FaultCounts;
  readonly json: boolean;
  readonly engine: Engine;
  readonly servers: number;
  /** A campaign in one group. */
  readonly group:
    | Pick<GroupCampaignOptions, 'members' | 'halls' | 'talkers' | 'messages' | 'patienceMs'>
    | undefined;
}

function readOptions(): Options | string {
  const text = { type: 'string' } as const;
  const numbers = Object.fromEntries([...NAMES, ...GROUP_NAMES].map((name) => [name, text]));
  let values: Record<string, string | boolean | undefined>;
  try {
    ({ values } = parseArgs({
      options: { ...numbers, seed: text, engine: text, servers: text, json: { type: 'boolean' } },
    }));
  } catch (error) {
    return (error as Error).message;
  }
  const { engine: named = 'sqlite', seed = randomBytes(4).toString('hex'), json = false } = values;
  const engine = ENGINES.find((one) => one === named);
  if (engine === undefined)
    return `There are the engines ${ENGINES.join(' and ')}; ${String(named)} is not one of them.`;
  if (!/^[\w-]{1,40}$/.test(String(seed))) return 'A seed is made of up to 40 letters and digits.';
  const servers = Number(values.servers ?? 1);
  if (!Number.isSafeInteger(servers) || servers < 1 || servers > SERVERS_MAX)
    return `--servers takes a number from 1 to ${SERVERS_MAX}.`;
  if (servers > 1 && engine !== 'mongodb') return '--servers needs --engine mongodb.';
  const counted = {} as Record<NumberName, number>;
  for (const name of NAMES) {
    const value = Number(values[name] ?? usual(name, engine));
    if (!Number.isSafeInteger(value) || value < 0 || value > 1_000_000) return `--${name} takes a number.`;
    if (value > 0 && name in MONGODB_NUMBERS && engine !== 'mongodb')
      return `--${name} needs --engine mongodb.`;
    counted[name] = value;
  }
  const inGroup = {} as Record<(typeof GROUP_NAMES)[number], number>;
  for (const name of GROUP_NAMES) {
    inGroup[name] = Number(values[name] ?? GROUP_NUMBERS[name]);
    if (!Number.isSafeInteger(inGroup[name]) || inGroup[name] < 1 || inGroup[name] > 1_000)
      return `--${name} takes a number up to 1,000.`;
    if (values[name] !== undefined && values.group === undefined) return `--${name} needs --group.`;
  }
  if (values.group !== undefined && engine !== 'sqlite') return '--group does not go with --engine.';
  const { group: members, halls, talkers, messages } = inGroup;
  return {
    group:
      values.group === undefined
        ? undefined
        : { members, halls, talkers, messages, patienceMs: GROUP_PATIENCE_MS },
    seed: String(seed),
    json: json === true,
    engine,
    servers,
    counts: {
      kills: counted.kills,
      powerCuts: counted.powercuts,
      partitions: counted.partitions,
      failingFsyncs: counted['failing-fsyncs'],
      slowFsyncs: counted['slow-fsyncs'],
      fullDisks: counted['full-disks'],
      clockJumps: counted['clock-jumps'],
      databaseKills: counted['database-kills'],
      cutsBefore: counted['cuts-before'],
      cutsAfter: counted['cuts-after'],
      stepDowns: counted['step-downs'],
      slowMajorities: counted['slow-majorities'],
      fullDatabases: counted['full-databases'],
    },
  };
}

function inWords(result: CampaignResult): string {
  const { acknowledged, lost, shownTwice, crossed, reordered, faults, skipped, findings, wrongs, notices } =
    result;
  const list = (counts: Readonly<Record<string, number>>): string =>
    Object.entries(counts)
      .map(([name, count]) => `  ${String(count).padStart(6)}  ${name}\n`)
      .join('');
  return [
    `Seed ${result.seed}, ${result.seconds} s\n`,
    list({ acknowledged, lost, 'shown twice': shownTwice, crossed, reordered }),
    `Faults\n${list(faults)}`,
    Object.keys(skipped).length > 0 ? `Not possible on this machine\n${list(skipped)}` : '',
    result.ok
      ? 'All promises were kept.\n'
      : `Broken\n${list(findings)}${list(notices)}${wrongs.map((wrong) => `  ${wrong}\n`).join('')}`,
    result.keptIn === undefined ? '' : `Ledger and findings are in ${result.keptIn}\n`,
  ].join('');
}
