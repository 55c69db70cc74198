/** `docs/limits.md` is printed from the numbers where they stand; `vitest run -u` on this file prints it anew. */
import {
  ATTACHMENT_LIMITS,
  CHANNEL_LIMITS,
  DEVICES_MAX,
  FORMER_LISTS_MAX,
  GROUP_LIMITS,
  LIFETIME_MS,
  LINK_LIFETIME_MS,
  MAILBOX_LIMITS,
  TEXT_LIMITS,
} from '@kuvert/protocol';
import { expect, test } from 'vitest';
import { LIMITS } from '../channel/limits.ts';
import { KNOWN_DEVICE_LIMITS } from '../features/administrators/known-devices.ts';
import { PASSWORD_CHECKS } from '../features/administrators/new-passwords.ts';
import { SIGN_IN_LIMITS } from '../features/administrators/sign-in-delays.ts';
import {
  ATTACHMENT_CREATES,
  ATTACHMENTS_MAX,
  CAPABILITY_MS,
  EXPIRY_MARGIN_MS,
  TRANSFER_IDLE_BYTES,
  TRANSFER_IDLE_MS,
  TRANSFERS_MAX,
  UNFINISHED_MS,
} from '../features/attachments/limits.ts';
import { ATTEMPT_LIMITS } from '../features/devices/attempts.ts';
import { LIST_LIMIT } from '../features/devices/linking.ts';
import { KEY_COPY_KEPT_MS } from '../features/groups/limits.ts';
import {
  ACKNOWLEDGEMENT_WAIT_MS,
  CONNECTION_SUBMITS_OPEN_MAX,
  MAILBOX_MAX,
  TRAFFIC,
} from '../features/mailbox/limits.ts';
import { HIT_COST, PROBE_LIMIT } from '../features/people/probes.ts';
import { TAKE_LIMITS } from '../features/prekeys/service.ts';
import { BODY_MS } from '../http/body-time.ts';
import { NONCES_MAX, REQUEST_AGE_MS } from '../http/operator-gate.ts';
import { ADMISSION } from './admission.ts';
import type { BucketLimit } from './leaky-buckets.ts';

const count = (value: number) => value.toLocaleString('en');
const size = (bytes: number) =>
  bytes % 1_048_576 === 0
    ? `${bytes / 1_048_576} MiB`
    : bytes % 1_024 === 0
      ? `${bytes / 1_024} KiB`
      : `${count(bytes)} B`;
const time = (ms: number) =>
  ms % 86_400_000 === 0
    ? `${ms / 86_400_000} d`
    : ms % 3_600_000 === 0
      ? `${ms / 3_600_000} h`
      : ms % 60_000 === 0
        ? `${ms / 60_000} min`
        : ms % 1_000 === 0
          ? `${ms / 1_000} s`
          : `${ms} ms`;
const flow = ({ burst, perSecond }: BucketLimit) =>
  `${count(burst)} at once, then ${perSecond < 1 ? `one in ${1 / perSecond} s` : `${count(perSecond)} a second`}`;
const flowOfBytes = ({ burst, perSecond }: BucketLimit) =>
  `${size(burst)} at once, then ${size(perSecond)} a second`;

type Row = readonly [what: string, number: string, answer: string, where: string];

const CHANNEL = '`channel/limits.ts`';
const SIGN_IN = '`features/administrators/sign-in-delays.ts`';
const SIZES: readonly Row[] = [
  [
    'Noise message',
    size(CHANNEL_LIMITS.noiseMessageBytesMax),
    'the connection ends',
    '`protocol`, channel.ts',
  ],
  ['WebSocket frame', size(LIMITS.frameBytesMax), 'the connection ends', CHANNEL],
  [
    'Record after reassembly',
    size(CHANNEL_LIMITS.recordBytesMax),
    'the connection ends',
    '`protocol`, channel.ts',
  ],
  ['Leg of an envelope', size(MAILBOX_LIMITS.legBytesMax), '`too_large`', '`protocol`, mailbox.ts'],
  ['Shared body', size(MAILBOX_LIMITS.bodyBytesMax), '`too_large`', '`protocol`, mailbox.ts'],
  ['Devices of a person', count(DEVICES_MAX), '`device_limit`', '`protocol`, devices.ts'],
  ['A link code, and the answer to it', time(LINK_LIFETIME_MS), '`link_expired`', '`protocol`, devices.ts'],
  ['Legs of a submit', count(MAILBOX_LIMITS.legsMax), '`bad_request`', '`protocol`, mailbox.ts'],
  [
    'Text',
    `${count(TEXT_LIMITS.codePointsMax)} characters, ${size(TEXT_LIMITS.bytesMax)}`,
    '`text_too_long` from the client',
    '`protocol`, content.ts',
  ],
];
const CONNECTIONS: readonly Row[] = [
  [
    'Connections of a device',
    '1',
    'the earlier one ends: `connection_replaced`',
    '`channel/live-connections.ts`',
  ],
  [
    'Connections of an address',
    count(LIMITS.connectionsPerAddressMax),
    'HTTP 503 `overloaded`; not for this machine itself',
    CHANNEL,
  ],
  ['Connections of the server', count(LIMITS.connectionsMax), 'HTTP 503 `overloaded`', CHANNEL],
  [
    'Handshakes under way of an address, of the server',
    `${count(LIMITS.unauthenticatedPerAddressMax)}, ${count(LIMITS.unauthenticatedMax)}`,
    'HTTP 503 `overloaded`',
    CHANNEL,
  ],
  ['Time for a handshake', time(LIMITS.handshakeMs), 'the connection ends', CHANNEL],
  ['Age of a connection', time(LIMITS.connectionAgeMs), '`connection_expired`: connect again now', CHANNEL],
  [
    'Requests, records, bytes of a connection under way',
    `${LIMITS.requestsInFlightMax}, ${LIMITS.inFlightMax}, ${size(LIMITS.inFlightBytesMax)}`,
    'the rest is not read yet',
    CHANNEL,
  ],
  [
    'Requests of an enrolment',
    count(LIMITS.enrolmentRequestsMax),
    '`rate_limited`, the connection ends',
    CHANNEL,
  ],
  ['Bytes on their way out', size(LIMITS.outgoingBytesMax), 'the rest waits in the mailbox', CHANNEL],
];
const MAILBOX: readonly Row[] = [
  [
    'Envelopes of a mailbox',
    `${count(MAILBOX_MAX.rows)}, ${size(MAILBOX_MAX.bytes)}`,
    `\`mailbox_full\` while the device is connected and acknowledges something every ${time(ACKNOWLEDGEMENT_WAIT_MS)}; else it is dormant`,
    '`features/mailbox/limits.ts`',
  ],
  [
    "Earlier versions of a person's device list",
    `${count(FORMER_LISTS_MAX)}, ${time(LIFETIME_MS[1])}`,
    'not kept; what an unknown device had sent is refused',
    '`protocol`, devices.ts',
  ],
  [
    'Time in a mailbox, by lifetime class',
    Object.values(LIFETIME_MS).map(time).join(', '),
    'removed; the device is told',
    '`protocol`, mailbox.ts',
  ],
  [
    'Deliveries of a connection that were not acknowledged',
    `${MAILBOX_LIMITS.windowRows}, ${size(MAILBOX_LIMITS.windowBytes)}`,
    'the rest waits in the mailbox',
    '`protocol`, mailbox.ts',
  ],
  [
    'Submits of one device to one person ×',
    flow(TRAFFIC.pairSubmits),
    '`rate_limited`',
    '`features/mailbox/limits.ts`',
  ],
  [
    'Signs of writing and of presence, of one device to one person ×',
    flow(TRAFFIC.pairEphemerals),
    '`rate_limited`; nobody waits for them',
    '`features/mailbox/limits.ts`',
  ],
  [
    'Bytes to one person, of everybody ×',
    flowOfBytes(TRAFFIC.recipientBytes),
    '`rate_limited`',
    '`features/mailbox/limits.ts`',
  ],
];
const ATTACHMENTS = '`features/attachments/limits.ts`';
const FILES: readonly Row[] = [
  ['A file', size(ATTACHMENT_LIMITS.fileBytesMax), '`attachment_too_large`', '`protocol`, attachments.ts'],
  [
    'A piece of an upload',
    size(ATTACHMENT_LIMITS.pieceBytesMax),
    '`too_large`',
    '`protocol`, attachments.ts',
  ],
  [
    'A sealed file that goes in one request',
    size(ATTACHMENT_LIMITS.wholeBytesMax),
    '`too_large`; larger ones go in pieces',
    '`protocol`, attachments.ts',
  ],
  ['Files of a tenant', '`KUVERT_ATTACHMENT_GB`', '`attachment_quota`', '`config.ts`'],
  [
    'Files of a device, finished or not',
    `${count(ATTACHMENTS_MAX.deviceCount)}, ${size(ATTACHMENTS_MAX.deviceBytes)}`,
    '`attachment_quota`',
    ATTACHMENTS,
  ],
  ['New files of a device', flow(ATTACHMENT_CREATES), '`rate_limited`', ATTACHMENTS],
  [
    'Transfers at once of a device, of a server',
    `${TRANSFERS_MAX.perDevice}, ${count(TRANSFERS_MAX.all)}`,
    '`rate_limited`, `overloaded`',
    ATTACHMENTS,
  ],
  ['Standstill of a transfer', time(TRANSFER_IDLE_MS), 'the connection ends', ATTACHMENTS],
  [
    'The least that an upload brings in that time',
    size(TRANSFER_IDLE_BYTES),
    'the connection ends',
    ATTACHMENTS,
  ],
  ['Any other body of a request', time(BODY_MS), '`request_timeout`', '`http/body-time.ts`'],
  ['A capability', time(CAPABILITY_MS), '`capability_invalid`: ask for another', ATTACHMENTS],
  ['An upload that nobody goes on with', time(UNFINISHED_MS), 'removed', ATTACHMENTS],
  [
    'A file that was finished',
    time(LIFETIME_MS[1] + EXPIRY_MARGIN_MS),
    'removed: `attachment_gone`',
    ATTACHMENTS,
  ],
];
const GROUPS_PROTOCOL = '`protocol`, groups.ts';
const GROUPS: readonly Row[] = [
  ['Members', count(GROUP_LIMITS.membersMax), '`group_full`', GROUPS_PROTOCOL],
  [
    'Groups of one person, left ones included',
    count(GROUP_LIMITS.groupsMax),
    '`group_full`',
    GROUPS_PROTOCOL,
  ],
  [
    'People that one change names',
    count(GROUP_LIMITS.peopleMax),
    'clients make several changes',
    GROUPS_PROTOCOL,
  ],
  ['A title', `${count(GROUP_LIMITS.titleCharactersMax)} characters`, '`bad_request`', GROUPS_PROTOCOL],
  [
    'Title and picture, sealed and padded',
    size(GROUP_LIMITS.profileBytesMax),
    '`bad_request`',
    GROUPS_PROTOCOL,
  ],
  [
    'The picture in it, and a side of it',
    `${count(GROUP_LIMITS.pictureBytesMax)} B, ${count(GROUP_LIMITS.pictureSideMax)} points`,
    'the client makes it smaller',
    GROUPS_PROTOCOL,
  ],
  [
    'Copies of a group key in one change, bytes of one',
    `${count(GROUP_LIMITS.keyCopiesMax)}, ${size(GROUP_LIMITS.keyCopyBytesMax)}`,
    '`bad_request`',
    GROUPS_PROTOCOL,
  ],
  [
    'Entries of a membership log in one answer',
    count(GROUP_LIMITS.entriesMax),
    'the client asks for the rest',
    GROUPS_PROTOCOL,
  ],
  [
    'Wait of a key copy for its device',
    time(KEY_COPY_KEPT_MS),
    'removed; another device of the person gives it',
    '`features/groups/limits.ts`',
  ],
];
const SECRETS: readonly Row[] = [
  [
    'Prekeys of one person taken by one device',
    `${TAKE_LIMITS.perPair} in ${time(TAKE_LIMITS.windowMs)} (stored)`,
    '`rate_limited`',
    '`features/prekeys/service.ts`',
  ],
  [
    'Prekeys of one person taken by everybody',
    `${TAKE_LIMITS.perTarget} in ${time(TAKE_LIMITS.windowMs)} (stored)`,
    '`rate_limited`',
    '`features/prekeys/service.ts`',
  ],
  [
    'Wrong secrets for one enrolment token',
    `${ATTEMPT_LIMITS.perToken} in ${time(ATTEMPT_LIMITS.windowMs)} (stored)`,
    '`rate_limited`',
    '`features/devices/attempts.ts`',
  ],
  ['New device lists of one person', flow(LIST_LIMIT), '`rate_limited`', '`features/devices/linking.ts`'],
  [
    'Failed enrolments of an address',
    flow(ATTEMPT_LIMITS.perAddress),
    '`rate_limited`; not for this machine itself',
    '`features/devices/attempts.ts`',
  ],
  [
    'Look-ups of one device that find nobody',
    `${flow(PROBE_LIMIT)}; ${1 / HIT_COST} that find somebody count as one`,
    '`rate_limited`',
    '`features/people/probes.ts`',
  ],
  [
    'Operator calls',
    `${count(NONCES_MAX)} in ${time(2 * REQUEST_AGE_MS)}`,
    '`rate_limited`',
    '`http/operator-gate.ts`',
  ],
  [
    'Failed sign-ins to one account from one address',
    `${SIGN_IN_LIMITS.freeFailures}, then waiting that doubles up to ${time(SIGN_IN_LIMITS.waitMaxMs)} (stored)`,
    '`rate_limited`',
    SIGN_IN,
  ],
  [
    'Failed sign-ins to one account from anywhere',
    `${SIGN_IN_LIMITS.strangersUpTo} in ${time(SIGN_IN_LIMITS.rememberedMs)} (stored)`,
    '`rate_limited`, but not from where it was signed in to before, nor with the token of a known device',
    SIGN_IN,
  ],
  [
    'Failed sign-ins with the token of a known device, or step-ups of a session',
    `counted by themselves: ${SIGN_IN_LIMITS.freeFailures}, then waiting that doubles; a token is void after ${KNOWN_DEVICE_LIMITS.wrongTries} in a row (stored)`,
    '`rate_limited`',
    SIGN_IN,
  ],
  [
    'Known devices of an administrator',
    `${KNOWN_DEVICE_LIMITS.perAccount}, each ${KNOWN_DEVICE_LIMITS.keptMs / 86_400_000} d from its last sign-in; the oldest go`,
    '–',
    '`features/administrators/known-devices.ts`',
  ],
  ['Sign-ins of an address', flow(SIGN_IN_LIMITS.perAddress), '`rate_limited`', SIGN_IN],
  [
    'Questions of an address how strong a password would be',
    flow(PASSWORD_CHECKS),
    '`rate_limited`',
    '`features/administrators/new-passwords.ts`',
  ],
];
const LOAD: readonly Row[] = [
  [
    'Submits of a connection under way',
    count(CONNECTION_SUBMITS_OPEN_MAX),
    '`overloaded`',
    '`features/mailbox/limits.ts`',
  ],
  [
    'Submits of the server under way',
    `${count(ADMISSION.openMax)} down to ${count(ADMISSION.openMin)}, so that a commit takes ${time(ADMISSION.targetMs)}`,
    '`overloaded`',
    '`limits/admission.ts`',
  ],
  ['Bytes of submits under way', size(ADMISSION.openBytesMax), '`overloaded`', '`limits/admission.ts`'],
  [
    'New connections',
    `at ${ADMISSION.busyShare * 100} % of that room or time, or an event loop that is ${time(ADMISSION.loopDelayMs)} late`,
    'rejection `busy`',
    '`limits/admission.ts`',
  ],
];

function table(rows: readonly Row[]): string {
  const lines = rows.map((row) => `| ${row.join(' | ')} |`);
  return ['| what | how much | beyond it | where |', '| --- | --- | --- | --- |', ...lines].join('\n');
}

const page = `# Limits

Everything that grows has a limit, in one place each. Who is over one is told so before anything is accepted, and, where waiting helps,
after how many milliseconds to come again; a client keeps what it has until then, so nothing is lost. This page is printed from the code by
\`apps/server/src/limits/limits-page.test.ts\`; files are below \`apps/server/src\` unless a package is named.

## Sizes

${table(SIZES)}

## Connections

${table(CONNECTIONS)}

## Mailboxes

${table(MAILBOX)}

× times \`KUVERT_TRAFFIC_FACTOR\` ([configuration](configuration.md)). After a refusal everything of that device to that person is refused until
the time that was named, so that no message overtakes an earlier one.

## Groups

${table(GROUPS)}

A message to a group counts as one submit; a member's mailbox that is full holds nobody else up.

## Files

${table(FILES)}

## Guessing and draining

What is marked as stored counts in the store and survives a restart. The rest counts in memory that is bounded whatever comes in.

${table(SECRETS)}

Reaching one of these, or a limit marked ×, is logged as \`limit-reached\` and counted in \`kuvert_limits_reached_total\` ([metrics](metrics.md)).

## Overload

The server measures how long a submit takes to its commit and lets in as many as finish in time. It refuses new connections first, then new submits;
deliveries, acknowledgements and what it has accepted go on.

${table(LOAD)}
`;

test('P7 docs/limits.md is what the code says', async () => {
  await expect(page).toMatchFileSnapshot('../../../../docs/limits.md');
});
