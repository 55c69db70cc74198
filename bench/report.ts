/** The figures of a run as tables for people. */
import { judge, type Row, ratioOf } from './goals.ts';
import { readProfiles } from './measure/cpu-profile.ts';
import { median, rounded } from './measure/statistics.ts';

/** What makes two rows the same measurement, beside peer and round. */
const SETTINGS = [
  'what',
  'layer',
  'inflight',
  'members',
  'mib',
  'users',
  'msgs',
  'conns',
  'day',
  'kind',
  'cuts',
];
/** What is told of each kind of measurement, in order. */
const TOLD: Readonly<Record<string, readonly string[]>> = {
  online: ['per_s', 'p50_ms', 'p99_ms', 'srv_cpu_us_per_msg'],
  tenants: ['per_s', 'p50_ms', 'p99_ms', 'srv_cpu_us_per_msg'],
  offline: ['store_per_s', 'store_cpu_us', 'fetch_per_s', 'fetch_cpu_us', 'chunk_p50_ms', 'drain_p50_ms'],
  fanout: ['deliveries_per_s', 'all_p50_ms', 'all_p99_ms', 'srv_cpu_us_per_delivery'],
  group: [
    'deliveries_per_s',
    'all_p99_ms',
    'srv_cpu_us_per_delivery',
    'sent_bytes_per_msg',
    'received_bytes_per_delivery',
  ],
  'group-sender': [
    'sender_cpu_us_per_msg',
    'cpu_to_smallest',
    'ms_per_msg',
    'create_ms',
    'first_ms',
    'first_cpu_ms',
  ],
  'group-stored': ['body_bytes', 'disk_bytes_per_msg', 'disk_bytes_per_member'],
  attachments: ['mb_per_s', 'accepted_mb_per_s', 'client_cpu_ms_per_mib', 'srv_cpu_ms_per_mib'],
  idle: ['kb_per_conn', 'kb_per_session', 'rss_mb', 'logins_per_s', 'login_cpu_us'],
  syncs: ['per_msg', 'per_s'],
  fill: ['seconds'],
  history: ['seconds', 'first_ms', 'per_s', 'source_cpu_s', 'target_cpu_s', 'srv_cpu_s'],
  search: ['cold_ms', 'p50_ms', 'worst_ms', 'found'],
  growth: ['messages', 'disk_kib', 'retained_kib'],
};

const PROFILED_FUNCTIONS = 25;

interface Measurement {
  readonly name: string;
  readonly rows: Row[];
}

/** All tables. */
export function tablesOf(rows: readonly Row[]): string {
  return [figures(rows), layers(rows), ratios(rows), goals(rows)]
    .filter((table) => table !== '')
    .join('\n\n');
}

/** The costliest functions of each thread that did much. */
export function profileTables(folder: string): string {
  return readProfiles(folder, PROFILED_FUNCTIONS)
    .filter(({ busySeconds }) => busySeconds >= 0.1)
    .map(({ file, busySeconds, functions }) =>
      table([
        [`${file}: ${rounded(busySeconds, 1)} s not idle`, 'self %'],
        ...functions.map(({ name, share }) => [name, String(rounded(share * 100, 1))]),
      ]),
    )
    .join('\n\n');
}

/** Medians and ratios for programs. */
export function summaryOf(rows: readonly Row[]): object {
  return {
    what: 'summary',
    medians: measurements(rows).flatMap(({ name, rows: same }) =>
      peersOf(same).map((peer) => ({ measurement: name, peer, ...mediansOf(same, peer) })),
    ),
    goals: judge(rows).map(({ goal, value, verdict }) => ({
      about: goal.about,
      value: value === undefined ? null : rounded(value, 3),
      sense: goal.sense,
      must: goal.must,
      should: goal.should ?? null,
      verdict,
    })),
  };
}

function measurements(rows: readonly Row[]): Measurement[] {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const name = SETTINGS.flatMap((field) =>
      row[field] === undefined ? [] : field === 'what' ? row[field] : `${field} ${row[field]}`,
    ).join(', ');
    groups.set(name, [...(groups.get(name) ?? []), row]);
  }
  return [...groups].map(([name, same]) => ({ name, rows: same }));
}

function peersOf(rows: readonly Row[]): string[] {
  return [...new Set(rows.map((row) => String(row.peer)))];
}

function mediansOf(rows: readonly Row[], peer: string): Record<string, number> {
  const own = rows.filter((row) => row.peer === peer);
  const fields = TOLD[String(own[0]?.what)] ?? ['per_s', 'srv_cpu_us_per_msg'];
  return Object.fromEntries(
    fields.map((field) => [field, median(own.map((row) => Number(row[field]))) ?? Number.NaN]),
  );
}

function figures(rows: readonly Row[]): string {
  return measurements(rows.filter((row) => row.what !== 'layer'))
    .map(({ name, rows: same }) => {
      const fields = TOLD[String(same[0]?.what)] ?? [];
      const lines = peersOf(same).map((peer) => [peer, ...Object.values(mediansOf(same, peer)).map(String)]);
      return table([[name, ...fields], ...lines]);
    })
    .join('\n\n');
}

/** CPU a message of each layer, and what it adds to the one before. */
function layers(rows: readonly Row[]): string {
  const same = rows.filter((row) => row.what === 'layer');
  if (same.length === 0) return '';
  const names = [...new Set(same.map((row) => String(row.layer)))];
  let before = 0;
  const lines = names.map((name) => {
    const own = same.filter((row) => row.layer === name);
    const cpu = median(own.map((row) => Number(row.srv_cpu_us_per_msg))) ?? Number.NaN;
    const rate = median(own.map((row) => Number(row.per_s))) ?? Number.NaN;
    const added = cpu - before;
    before = cpu;
    const threads = ['cpu_us_main', 'cpu_us_workers', 'cpu_us_v8'].map((field) =>
      String(median(own.map((row) => Number(row[field]))) ?? '-'),
    );
    return [name, String(cpu), String(rounded(added, 1)), ...threads, String(rate)];
  });
  const head = ['layer, each with those above it', 'cpu us/msg', 'adds', 'main', 'writer', 'v8', 'per_s'];
  return table([head, ...lines]);
}

function ratios(rows: readonly Row[]): string {
  const others = peersOf(rows.filter((row) => row.what !== 'layer')).filter((peer) => peer !== 'kuvert');
  const lines = measurements(rows.filter((row) => row.what !== 'layer')).flatMap(({ name, rows: same }) =>
    (TOLD[String(same[0]?.what)] ?? []).flatMap((field) => {
      const values = others.map((peer) => ratioOf(same, field, peer));
      if (values.every((value) => value === undefined)) return [];
      return [[`${name}: ${field}`, ...values.map((value) => shown(value))]];
    }),
  );
  if (lines.length === 0) return '';
  return table([['kuvert divided by', ...others], ...lines]);
}

function goals(rows: readonly Row[]): string {
  const lines = judge(rows).map(({ goal, value, verdict }) => [
    goal.against === undefined ? goal.about : `${goal.about}, against ${goal.against}`,
    shown(value),
    `${goal.sense} ${goal.must}`,
    goal.should === undefined ? '' : String(goal.should),
    verdict === 'should' ? 'met' : verdict === 'must' ? 'must met, should missed' : verdict,
  ]);
  return table([['goal', 'is', 'must', 'should', ''], ...lines]);
}

function shown(value: number | undefined): string {
  return value === undefined ? '-' : String(rounded(value, value < 10 ? 2 : 1));
}

/** Columns as wide as their widest cell, numbers to the right. */
function table(lines: readonly (readonly string[])[]): string {
  const widths = (lines[0] ?? []).map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  );
  return lines
    .map((line) =>
      line
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
