/** Every metric of the server, in one place. `docs/metrics.md` is printed from it by {@link metricsPage}; a test compares the two. */
import { ERRORS, METHODS } from '@kuvert/protocol';
import { type Counter, type Histogram, type LabelledCounter, Registry } from './registry.ts';

/** Limits by the name under which reaching them is counted. */
export const LIMIT_NAMES = [
  'pairSubmits',
  'pairEphemerals',
  'recipientBytes',
  'peopleProbes',
  'enrolmentAddress',
  'enrolmentToken',
  'deviceLists',
  'prekeyTakes',
  'operatorCalls',
  'signIns',
  'attachments',
] as const;
/** The name of a limit. */
export type LimitName = (typeof LIMIT_NAMES)[number];

/** Why a connection was not taken. */
export type ConnectionRefusal =
  | 'busy'
  | 'room'
  | 'address'
  | 'draining'
  | 'origin'
  | 'path'
  | 'upgrade'
  | 'rejected'
  | 'device';
const CONNECTION_REFUSALS: readonly ConnectionRefusal[] = [
  'busy',
  'room',
  'address',
  'draining',
  'origin',
  'path',
  'upgrade',
  'rejected',
  'device',
];

/** Numbers that are read when somebody asks. */
export interface Gauges {
  readonly connections: () => number;
  readonly devicesOnline: () => number;
  readonly submitsOpen: () => number;
  readonly submitsOpenMax: () => number;
  readonly loopDelayMs: () => number;
  readonly storeQueue: () => number;
  readonly storeQueueBytes: () => number;
  /** Unix milliseconds, undefined when nothing waits. */
  readonly oldestWaitingMs: () => number | undefined;
  readonly nowMs: () => number;
  /** Entries of audit logs that wait for their collectors. */
  readonly auditWaiting: () => number;
}

const GAUGES_AT_REST: Gauges = {
  connections: () => 0,
  devicesOnline: () => 0,
  submitsOpen: () => 0,
  submitsOpenMax: () => 0,
  loopDelayMs: () => 0,
  storeQueue: () => 0,
  storeQueueBytes: () => 0,
  oldestWaitingMs: () => undefined,
  nowMs: () => 0,
  auditWaiting: () => 0,
};

/** What the parts of a server count. */
export interface ServerMetrics {
  readonly connectionsOpened: LabelledCounter;
  readonly connectionsRefused: LabelledCounter;
  readonly submitsAccepted: Counter;
  readonly submitsRefused: LabelledCounter;
  readonly submitSeconds: Histogram;
  readonly requests: LabelledCounter;
  readonly requestErrors: LabelledCounter;
  readonly deliveries: Counter;
  readonly redeliveries: Counter;
  readonly acknowledged: Counter;
  readonly expiredRows: Counter;
  readonly prekeysLow: Counter;
  readonly groupChanges: Counter;
  readonly attachmentsStored: Counter;
  readonly attachmentBytesStored: Counter;
  readonly stateStepsBack: Counter;
  readonly limitsReached: LabelledCounter;
  readonly operatorCalls: Counter;
  readonly sweeps: Counter;
  readonly sweptRows: Counter;
  readonly sweepFailures: Counter;
  readonly auditEntries: Counter;
  readonly auditFailures: Counter;
  readonly auditStreamed: Counter;
  readonly auditStreamFailures: Counter;
  readonly commitSeconds: Histogram;
  readonly batchRequests: Histogram;
  /** From now on the gauges are read from here. */
  watch(gauges: Gauges): void;
  /** All of it in the form of Prometheus. */
  text(): string;
}

const SECONDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const COUNTS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

/** Declares all metrics. */
export function createServerMetrics(): ServerMetrics {
  return declare(new Registry());
}

function declare(registry: Registry): ServerMetrics {
  const codes = Object.keys(ERRORS);
  let gauges = GAUGES_AT_REST;
  const metrics = {
    connectionsOpened: registry.labelled(
      'kuvert_connections_opened_total',
      'Connections whose handshake was through.',
      { name: 'kind', values: ['device', 'enrolment'] },
    ),
    connectionsRefused: registry.labelled(
      'kuvert_connections_refused_total',
      'Connections that were not taken, by reason.',
      { name: 'reason', values: CONNECTION_REFUSALS },
    ),
    submitsAccepted: registry.counter(
      'kuvert_submits_accepted_total',
      'Submits that were answered as accepted, repeats included.',
    ),
    submitsRefused: registry.labelled('kuvert_submits_refused_total', 'Submits that were refused, by code.', {
      name: 'code',
      values: codes,
    }),
    submitSeconds: registry.histogram(
      'kuvert_submit_seconds',
      'Time from the arrival of a submit to its acceptance.',
      SECONDS,
    ),
    requests: registry.labelled('kuvert_requests_total', 'Requests of devices and enrolments, by method.', {
      name: 'method',
      values: Object.keys(METHODS),
    }),
    requestErrors: registry.labelled(
      'kuvert_request_errors_total',
      'Requests that were answered with an error, by code.',
      { name: 'code', values: codes },
    ),
    deliveries: registry.counter('kuvert_deliveries_total', 'Envelopes handed to connections.'),
    redeliveries: registry.counter(
      'kuvert_redeliveries_total',
      'Envelopes that must be handed over again because their connection ended before they were acknowledged.',
    ),
    acknowledged: registry.counter('kuvert_acknowledged_total', 'Envelopes that were acknowledged.'),
    expiredRows: registry.counter(
      'kuvert_expired_envelopes_total',
      'Envelopes whose time ran out before they were acknowledged.',
    ),
    prekeysLow: registry.counter(
      'kuvert_prekeys_low_total',
      'Times that a device was told that its one-time prekeys run low.',
    ),
    groupChanges: registry.counter(
      'kuvert_group_changes_total',
      'Entries that were appended to the membership logs of groups.',
    ),
    attachmentsStored: registry.counter(
      'kuvert_attachments_stored_total',
      'Files that arrived whole and are kept for their recipients.',
    ),
    attachmentBytesStored: registry.counter(
      'kuvert_attachment_bytes_stored_total',
      'Sealed bytes of files that arrived whole.',
    ),
    stateStepsBack: registry.counter(
      'kuvert_state_steps_back_total',
      'Devices that connected with the state of a restored or cloned container.',
    ),
    limitsReached: registry.labelled(
      'kuvert_limits_reached_total',
      'Limits that somebody reached (docs/limits.md), by limit.',
      { name: 'limit', values: LIMIT_NAMES },
    ),
    operatorCalls: registry.counter('kuvert_operator_calls_total', 'Operator calls that were carried out.'),
    sweeps: registry.counter('kuvert_sweeps_total', 'Passes over all tenants that remove what has expired.'),
    sweptRows: registry.counter('kuvert_swept_rows_total', 'Rows of any kind that such passes removed.'),
    sweepFailures: registry.counter('kuvert_sweep_failures_total', 'Tenants that a pass could not finish.'),
    auditEntries: registry.counter(
      'kuvert_audit_entries_total',
      'Entries of audit logs that this server gave their number in the tree.',
    ),
    auditFailures: registry.counter(
      'kuvert_audit_failures_total',
      'Times that entries of an audit log could not get their number; it is tried again.',
    ),
    auditStreamed: registry.counter(
      'kuvert_audit_streamed_total',
      'Entries of audit logs that a collector has taken.',
    ),
    auditStreamFailures: registry.counter(
      'kuvert_audit_stream_failures_total',
      'Deliveries to a collector of audit logs that did not arrive; they are tried again.',
    ),
    commitSeconds: registry.histogram(
      'kuvert_store_batch_seconds',
      'Time that a writer thread took for a batch, its commits to disk included.',
      SECONDS,
    ),
    batchRequests: registry.histogram(
      'kuvert_store_batch_requests',
      'Requests that shared a batch of the store.',
      COUNTS,
    ),
  };
  const gauge = (name: string, help: string, read: () => number) => registry.gauge(name, help, read);
  gauge('kuvert_connections', 'Connections of any kind.', () => gauges.connections());
  gauge('kuvert_devices_online', 'Devices with a connection.', () => gauges.devicesOnline());
  gauge('kuvert_submits_open', 'Submits under way.', () => gauges.submitsOpen());
  gauge(
    'kuvert_submits_open_limit',
    'Submits that may be under way at this moment; shrinks under overload.',
    () => gauges.submitsOpenMax(),
  );
  gauge(
    'kuvert_event_loop_delay_seconds',
    'How late the event loop was, on average over the last quarter of a second.',
    () => gauges.loopDelayMs() / 1_000,
  );
  gauge('kuvert_store_queue_requests', 'Requests that wait for the store or are being worked on.', () =>
    gauges.storeQueue(),
  );
  gauge('kuvert_store_queue_bytes', 'Bytes that wait for the store.', () => gauges.storeQueueBytes());
  gauge(
    'kuvert_mailbox_oldest_seconds',
    'Age of the envelope that expires next, at most a minute old; 0 when none waits.',
    () => {
      const oldestMs = gauges.oldestWaitingMs();
      return oldestMs === undefined ? 0 : Math.max(0, gauges.nowMs() - oldestMs) / 1_000;
    },
  );
  gauge('kuvert_audit_stream_waiting', 'Entries of audit logs that wait for their collectors.', () =>
    gauges.auditWaiting(),
  );
  gauge('kuvert_process_resident_bytes', 'Memory of the process.', () => process.memoryUsage.rss());
  gauge('kuvert_process_heap_bytes', 'JavaScript heap in use.', () => process.memoryUsage().heapUsed);
  gauge('kuvert_process_uptime_seconds', 'Time since the process was started.', () => process.uptime());
  return {
    ...metrics,
    watch(now) {
      gauges = now;
    },
    text: () => registry.text(),
  };
}

/** The page `docs/metrics.md`, as Markdown. */
export function metricsPage(): string {
  const registry = new Registry();
  declare(registry);
  const rows = registry
    .list()
    .map(
      ({ name, type, label, help }) =>
        `| \`${name}\` | ${type} | ${label === undefined ? '' : `\`${label.name}\``} | ${help} |`,
    );
  return `# Metrics

\`GET /metrics\` on the ops listener (loopback, \`KUVERT_OPS_PORT\`) answers in the text format of Prometheus. No metric carries an id, a name or an
address: a label has a fixed list of values, and whatever is not on it counts as \`other\`. Counters start at 0 with the process. This page is
printed by \`apps/server/src/metrics/server-metrics.ts\`; a test holds it against the code.

| metric | type | label | what it says |
| --- | --- | --- | --- |
${rows.join('\n')}

Worth an alarm: \`kuvert_submits_refused_total{code="overloaded"}\` or \`{code="disk_full"}\` that grows, \`kuvert_limits_reached_total{limit="peopleProbes"}\`,
\`{limit="enrolmentToken"}\` or \`{limit="prekeyTakes"}\` (somebody probes), \`kuvert_state_steps_back_total\` (a container was restored or copied),
\`kuvert_sweep_failures_total\`, \`kuvert_audit_failures_total\`, \`kuvert_audit_stream_waiting\` that grows (a collector of audit logs is away), and \`kuvert_mailbox_oldest_seconds\` near the lifetime of a message (a device that is not coming back).
`;
}
