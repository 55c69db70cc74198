import { readFileSync } from 'node:fs';
import { ERRORS } from '@kuvert/protocol';
import { expect, test } from 'vitest';
import { Registry } from './registry.ts';
import { createServerMetrics, LIMIT_NAMES, metricsPage } from './server-metrics.ts';

const ID = /[a-z]{2}_[0-9a-z]{20,}/;

test('H7 docs/metrics.md is what the code says', () => {
  const page = new URL('../../../../docs/metrics.md', import.meta.url);
  expect(readFileSync(page, 'utf8')).toBe(metricsPage());
});

test('H7 every metric is a number under a name of its own, and no id can become a label', () => {
  const metrics = createServerMetrics();
  const id = 'de_0123456789abcdefghjkmnpqrstvw';
  expect(id).toMatch(ID);
  const { connectionsOpened, connectionsRefused, submitsRefused, requests, requestErrors, limitsReached } =
    metrics;
  const labelled = [
    connectionsOpened,
    connectionsRefused,
    submitsRefused,
    requests,
    requestErrors,
    limitsReached,
  ];
  for (const metric of labelled) metric.add(id);
  metrics.submitSeconds.observe(0.3);
  metrics.submitsAccepted.add();
  const lines = metrics.text().trimEnd().split('\n');
  const series = lines.filter((line) => !line.startsWith('#'));
  for (const line of series) {
    expect(line).toMatch(/^kuvert_[a-z_]+(\{[a-z]+="[a-zA-Z0-9_.+-]+"\})? \d+(\.\d+)?(e-?\d+)?$/);
    expect(line).not.toMatch(ID);
  }
  expect(new Set(series.map((line) => line.split(' ')[0])).size).toBe(series.length);
  expect(series.length).toBeLessThan(1_000);
  const others = series.filter((line) => line.includes('="other"'));
  expect(others.map((line) => line.split(' ')[1])).toEqual(labelled.map(() => '1'));
  const documented = [...metricsPage().matchAll(/^\| `(kuvert_\w+)`/gm)].map((match) => match[1]);
  const typed = lines.flatMap((line) => /^# TYPE (\w+)/.exec(line)?.[1] ?? []);
  expect(typed).toEqual(documented);
});

test('H7 counters count by label, and a value that nobody declared counts as other', () => {
  const metrics = createServerMetrics();
  metrics.submitsRefused.add('overloaded');
  metrics.submitsRefused.add('overloaded', 2);
  metrics.submitsRefused.add('anna@acme.test');
  for (const limit of LIMIT_NAMES) metrics.limitsReached.add(limit);
  const text = metrics.text();
  expect(text).toContain('kuvert_submits_refused_total{code="overloaded"} 3\n');
  expect(text).toContain('kuvert_submits_refused_total{code="other"} 1\n');
  expect(text).not.toContain('anna');
  for (const code of Object.keys(ERRORS)) expect(text).toContain(`refused_total{code="${code}"}`);
  expect(text.match(/kuvert_limits_reached_total\{limit="\w+"\} 1\n/g)).toHaveLength(LIMIT_NAMES.length);
});

test('H7 a histogram counts into every bucket above', () => {
  const registry = new Registry();
  const histogram = registry.histogram('kuvert_test_seconds', 'A test.', [0.1, 1]);
  for (const value of [0.05, 0.1, 0.5, 7]) histogram.observe(value);
  expect(registry.text()).toBe(
    [
      '# HELP kuvert_test_seconds A test.',
      '# TYPE kuvert_test_seconds histogram',
      'kuvert_test_seconds_bucket{le="0.1"} 2',
      'kuvert_test_seconds_bucket{le="1"} 3',
      'kuvert_test_seconds_bucket{le="+Inf"} 4',
      'kuvert_test_seconds_sum 7.65',
      'kuvert_test_seconds_count 4',
      '',
    ].join('\n'),
  );
});

test('H7 gauges are read when somebody asks', () => {
  const metrics = createServerMetrics();
  let connections = 3;
  metrics.watch({
    connections: () => connections,
    devicesOnline: () => 0,
    submitsOpen: () => 0,
    submitsOpenMax: () => 0,
    loopDelayMs: () => 12,
    storeQueue: () => 0,
    storeQueueBytes: () => 0,
    oldestWaitingMs: () => 4_000,
    auditWaiting: () => 0,
    nowMs: () => 10_000,
  });
  connections = 4;
  expect(metrics.text()).toMatch(/^kuvert_connections 4$/m);
  expect(metrics.text()).toMatch(/^kuvert_event_loop_delay_seconds 0.012$/m);
  expect(metrics.text()).toMatch(/^kuvert_mailbox_oldest_seconds 6$/m);
});

test('H7 two metrics of one name, and names that are not ours, are a fault found at start', () => {
  const registry = new Registry();
  registry.counter('kuvert_a_total', 'A.');
  expect(() => registry.counter('kuvert_a_total', 'A.')).toThrow('twice');
  expect(() => registry.counter('kuvert_b', 'B.')).toThrow('suffix');
  expect(() => registry.gauge('b', 'B.', () => 0)).toThrow('name');
});
