/** What the figures are held against: the product's ratios to a peer of the same round, and a few absolute limits. */
import { median } from './measure/statistics.ts';

/** One line of figures. */
export type Row = Readonly<Record<string, number | string>>;

/** A ratio or value that has to be reached. */
export interface Goal {
  readonly about: string;
  /** Which rows it is about. */
  readonly rows: Readonly<Record<string, number | string>>;
  readonly field: string;
  /** The peer that counts as 1; without it the value itself counts. */
  readonly against: string | undefined;
  readonly sense: 'at least' | 'at most';
  readonly must: number;
  readonly should: number | undefined;
}

/** The kind of the row with the slowest page of all searches. */
export const SLOWEST_PAGE = 'slowest of all';

const EJABBERD = 'ejabberd';
const BUSY = { what: 'online', inflight: 256 };

/** The goals of issue 4 for one node; ejabberd stores nothing on disk that it acknowledges, the product everything. */
const GOALS: readonly Goal[] = [
  {
    about: '1:1 at 256 in flight, rate',
    rows: BUSY,
    field: 'per_s',
    against: EJABBERD,
    sense: 'at least',
    must: 0.7,
    should: 1,
  },
  {
    about: '1:1 at 256 in flight, server CPU a message',
    rows: BUSY,
    field: 'srv_cpu_us_per_msg',
    against: EJABBERD,
    sense: 'at most',
    must: 1.3,
    should: 0.8,
  },
  {
    about: '1:1 at 256 in flight, rate, ejabberd with PostgreSQL',
    rows: BUSY,
    field: 'per_s',
    against: 'ejabberd-postgresql',
    sense: 'at least',
    must: 8,
    should: undefined,
  },
  {
    about: 'store for absent devices, rate',
    rows: { what: 'offline' },
    field: 'store_per_s',
    against: EJABBERD,
    sense: 'at least',
    must: 5,
    should: undefined,
  },
  {
    about: 'drain, rate',
    rows: { what: 'offline' },
    field: 'fetch_per_s',
    against: EJABBERD,
    sense: 'at least',
    must: 2,
    should: undefined,
  },
  ...[100, 500].map(
    (members): Goal => ({
      about: `one to ${members}, deliveries`,
      rows: { what: 'fanout', members },
      field: 'deliveries_per_s',
      against: EJABBERD,
      sense: 'at least',
      must: 0.8,
      should: undefined,
    }),
  ),
  ...[100, 500, 1_000].map(
    (members): Goal => ({
      about: `group of ${members}, deliveries`,
      rows: { what: 'group', members },
      field: 'deliveries_per_s',
      against: EJABBERD,
      sense: 'at least',
      must: 0.8,
      should: undefined,
    }),
  ),
  {
    about: 'CPU of who writes to a group of 1,000, against one of 100',
    rows: { what: 'group-sender', members: 1_000 },
    field: 'cpu_to_smallest',
    against: undefined,
    sense: 'at most',
    must: 1.25,
    should: undefined,
  },
  {
    about: 'bytes of a message body that a group keeps once',
    rows: { what: 'group-stored' },
    field: 'body_bytes',
    against: undefined,
    sense: 'at most',
    must: 600,
    should: undefined,
  },
  ...[1, 16, 64, 256].map(
    (mib): Goal => ({
      about: `upload of ${mib} MiB, sealed, until the server has confirmed it`,
      rows: { what: 'attachments', mib },
      field: 'mb_per_s',
      against: 'plain-https',
      sense: 'at least',
      must: 0.5,
      should: undefined,
    }),
  ),
  {
    about: 'memory of an idle device',
    rows: { what: 'idle' },
    field: 'kb_per_conn',
    against: EJABBERD,
    sense: 'at most',
    must: 0.5,
    should: undefined,
  },
  {
    about: 'syncs a message at 256 in flight',
    rows: { what: 'syncs' },
    field: 'per_msg',
    against: undefined,
    sense: 'at most',
    must: 0.1,
    should: undefined,
  },
  {
    about: 'history of 100,000 messages to a new device, seconds',
    rows: { what: 'history', msgs: 100_000, cuts: 0 },
    field: 'seconds',
    against: undefined,
    sense: 'at most',
    must: 60,
    should: undefined,
  },
  {
    about: 'search in 100,000 messages, the slowest page in ms',
    rows: { what: 'search', msgs: 100_000, kind: SLOWEST_PAGE },
    field: 'worst_ms',
    against: undefined,
    sense: 'at most',
    must: 100,
    should: undefined,
  },
];

/** What became of a goal. */
export interface Verdict {
  readonly goal: Goal;
  readonly value: number | undefined;
  readonly verdict: 'should' | 'must' | 'missed' | 'not measured';
}

/** Holds the product's rows against all goals. */
export function judge(rows: readonly Row[]): Verdict[] {
  return GOALS.map((goal) => {
    const value = valueFor(goal, rows);
    if (value === undefined) return { goal, value, verdict: 'not measured' };
    const reaches = (limit: number) => (goal.sense === 'at least' ? value >= limit : value <= limit);
    if (!reaches(goal.must)) return { goal, value, verdict: 'missed' };
    return { goal, value, verdict: goal.should === undefined || reaches(goal.should) ? 'should' : 'must' };
  });
}

function valueFor(goal: Goal, rows: readonly Row[]): number | undefined {
  const fitting = rows.filter((row) =>
    Object.entries(goal.rows).every(([name, value]) => row[name] === value),
  );
  if (goal.against !== undefined) return ratioOf(fitting, goal.field, goal.against);
  return median(numbers(fitting.map((row) => row[goal.field])));
}

/** Median over the rounds of product ÷ peer. */
export function ratioOf(rows: readonly Row[], field: string, peer: string): number | undefined {
  const of = (name: string, round: unknown) =>
    rows.find((row) => row.peer === name && row.round === round)?.[field];
  const rounds = new Set(rows.map((row) => row.round));
  return median(
    [...rounds].flatMap((round) => {
      const [ours, theirs] = numbers([of('kuvert', round), of(peer, round)]);
      return ours === undefined || theirs === undefined || theirs === 0 ? [] : ours / theirs;
    }),
  );
}

function numbers(values: readonly unknown[]): number[] {
  return values.filter((value) => typeof value === 'number' && Number.isFinite(value)) as number[];
}
