/**
 * `npm run bench`: measures the server through its full path beside a ceiling, its own layers and, where it is installed, ejabberd.
 * docs/benchmarks.md says how to read it.
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Site } from '@kuvert/testkit';
import { judge } from './goals.ts';
import { makePlan } from './plan.ts';
import { profileTables, summaryOf, tablesOf } from './report.ts';
import { PARTS, type Part, PEERS, run } from './run.ts';

const HELP = `npm run bench -- [options]
  --short        seconds instead of minutes, without ejabberd: shows that everything runs, not how fast
  --json         one line of JSON a measurement, and a summary as the last one
  --rounds N     rounds over all peers (3; short: 1)
  --seconds N    how long each turn of a loop is measured (1)
  --inflight N   of the loops between pairs only the one with so many in flight
  --only LIST    of ${PARTS.join(',')}
  --peers LIST   of ${PEERS.join(',')}
  --profile DIR  also profiles the server at 256 in flight; the files open in Chrome's developer tools
  --strict       ends with 1 when a goal that must be met is missed
`;

const { values } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    strict: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    inflight: { type: 'string' },
    only: { type: 'string' },
    peers: { type: 'string' },
    profile: { type: 'string' },
  },
});

if (values.help) {
  process.stdout.write(HELP);
} else {
  process.exitCode = await main();
}

async function main(): Promise<number> {
  const { short, json } = values;
  const parts = chosen('only', PARTS, PARTS);
  const peers = chosen('peers', PEERS, short ? ['kuvert', 'ceiling'] : PEERS);
  const plan = makePlan({
    short,
    rounds: count(values.rounds),
    seconds: count(values.seconds),
    inflight: count(values.inflight),
    hasIdle: parts.includes('idle'),
    hasGroups: parts.includes('group'),
  });
  const profileFolder = values.profile === undefined ? undefined : resolve(values.profile);
  const site = new Site();
  // Without this a Ctrl-C would leave servers behind: children are ended when this process exits in order.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => process.exit(130));
  process.once('exit', () => site.folder[Symbol.dispose]());
  try {
    const rows = await run({
      site,
      plan,
      parts: parts as readonly Part[],
      peers,
      profileFolder,
      onRow: (row) => {
        if (json) process.stdout.write(`${JSON.stringify(row)}\n`);
      },
      onProgress: (sentence) => process.stderr.write(`${sentence}\n`),
    });
    const measured = rows.filter((row) => row.what !== 'machine');
    process.stdout.write(`${json ? JSON.stringify(summaryOf(measured)) : tablesOf(measured)}\n`);
    if (profileFolder !== undefined && !json) process.stdout.write(`\n${profileTables(profileFolder)}\n`);
    const wrong = measured.filter((row) => Number(row.lost ?? 0) + Number(row.twice ?? 0) > 0);
    for (const row of wrong) process.stderr.write(`lost or shown twice: ${JSON.stringify(row)}\n`);
    const missed = values.strict && judge(measured).some(({ verdict }) => verdict === 'missed');
    return wrong.length > 0 || missed ? 1 : 0;
  } finally {
    await site[Symbol.asyncDispose]();
  }
}

function chosen(
  option: 'only' | 'peers',
  all: readonly string[],
  preset: readonly string[],
): readonly string[] {
  const names = values[option]?.split(',');
  const unknown = names?.find((name) => !all.includes(name));
  if (unknown !== undefined) throw new Error(`--${option} knows ${all.join(', ')}, not ${unknown}`);
  return names ?? preset;
}

function count(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!(value > 0 && value <= 600)) throw new Error('a number of rounds or seconds is between 0 and 600');
  return value;
}
