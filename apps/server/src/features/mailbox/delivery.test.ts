/** The way out: window, acknowledgement, redelivery, expiry, and rows that commit at an awkward moment. */
import { KuvertError, LIFETIME_MS, MAILBOX_LIMITS } from '@kuvert/protocol';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Store, TenantScope } from '../../store/index.ts';
import {
  openTestInstallation,
  type TestConnection,
  type TestDevice,
  type TestInstallation,
  textsOf,
} from '../test-installation.ts';
import { mailboxRows } from './collections.ts';

let installation: TestInstallation;
let anna: TestDevice;
let ben: TestDevice;
/** What a test does between the features and the store. */
let faults: {
  beforeList?: () => Promise<void>;
  afterList?: () => Promise<void>;
  failCommits?: () => boolean;
  others?: Store['hints'];
};

/** Lets a test step between the features and the store; whatever it does not touch is the real store. */
function watched(store: Store): Store {
  const wrap = (scope: TenantScope): TenantScope => ({
    tenant: scope.tenant,
    get: scope.get.bind(scope),
    find: scope.find.bind(scope),
    findBy: scope.findBy.bind(scope),
    write: scope.write.bind(scope),
    expire: scope.expire.bind(scope),
    listExpiring: scope.listExpiring.bind(scope),
    count: scope.count.bind(scope),
    list: async (collection, query) => {
      const isMailbox = (collection as unknown) === mailboxRows;
      if (isMailbox) await faults.beforeList?.();
      const page = await scope.list(collection, query);
      if (isMailbox) await faults.afterList?.();
      return page;
    },
    commit: async (list) => {
      if (faults.failCommits?.()) throw new KuvertError('disk_full');
      return scope.commit(list);
    },
  });
  return {
    ops: store.ops,
    operator: () => store.operator(),
    tenant: (tenantId) => wrap(store.tenant(tenantId)),
    rotateWrappingKey: () => store.rotateWrappingKey(),
    get hints() {
      return faults.others;
    },
    load: store.load,
    collections: store.collections,
    installation: store.installation,
    close: () => store.close(),
  };
}

beforeEach(async () => {
  faults = {};
  installation = await openTestInstallation({ wrapStore: watched });
  ({ anna, ben } = await installation.populate('anna', 'ben'));
});
afterEach(() => installation.close());

const send = (text: string) => installation.send(anna, installation.makeSubmit(ben, text));
const sendMany = async (count: number, from = 0) => {
  for (let i = from; i < from + count; i++) await send(`${i}`);
};
const ack = (connection: TestConnection, upTo: number) =>
  installation.mailbox.mailboxRoutes.onAck(connection, upTo);
const storedTexts = async () => {
  const { rows } = await installation.store
    .tenant(ben.tenantId)
    .list(mailboxRows, { equals: [ben.deviceId], limit: 1000 });
  return rows.length;
};
const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `${from + i}`);

test('A1 what was stored is delivered in order and numbered from one, then drained, then live', async () => {
  await sendMany(3);
  const connection = installation.connect(ben);
  await connection.event('drained');
  expect(textsOf(connection.deliveries)).toEqual(['0', '1', '2']);
  await send('3');
  expect(textsOf(connection.deliveries)).toEqual(['0', '1', '2', '3']);
  expect(connection.deliveries.map((delivery) => delivery.deliverySeq)).toEqual([1, 2, 3, 4]);
  expect(connection.deliveries[0]).toMatchObject({
    acceptedAtMs: installation.clock.nowMs(),
    expiresAtMs: installation.clock.nowMs() + LIFETIME_MS[1],
    suite: 1,
    class: 1,
  });
  expect(connection.events).toEqual([{ name: 'drained', data: {} }]);
});

test('A1 an empty mailbox is drained at once', async () => {
  const connection = installation.connect(ben);
  await connection.event('drained');
  expect(connection.deliveries).toEqual([]);
});

test('A1 an acknowledgement is cumulative and removes rows for good; what is not acknowledged comes again', async () => {
  await sendMany(4);
  const first = installation.connect(ben);
  await first.event('drained');
  ack(first, 2);
  ack(first, 2);
  ack(first, 1);
  await installation.mailbox.service.idle();
  expect(await storedTexts()).toBe(2);
  const second = installation.connect(ben);
  await second.event('drained');
  expect(textsOf(second.deliveries)).toEqual(['2', '3']);
  expect(second.deliveries.map((delivery) => delivery.deliverySeq)).toEqual([1, 2]);
  ack(second, 2);
  await installation.reopen();
  const third = installation.connect(ben);
  await third.event('drained');
  expect(third.deliveries).toEqual([]);
});

test('P3 what was fetched and acknowledged does not come again to a device that connects at once', async () => {
  await sendMany(3);
  const first = installation.connect(ben);
  await first.event('drained');
  ack(first, 2);
  expect(await storedTexts()).toBe(3);
  const second = installation.connect(ben);
  await second.event('drained');
  expect(textsOf(second.deliveries)).toEqual(['2']);
  expect(await storedTexts()).toBe(1);
});

test('A1 an acknowledgement of what was never delivered is refused, and one of an older connection does nothing', async () => {
  await sendMany(2);
  const first = installation.connect(ben);
  await first.event('drained');
  expect(() => ack(first, 3)).toThrow(expect.objectContaining({ code: 'bad_request' }));
  const second = installation.connect(ben);
  await second.event('drained');
  ack(first, 2);
  await installation.mailbox.service.idle();
  expect(await storedTexts()).toBe(2);
});

test('P7 no more than a window of rows is in flight, and each acknowledgement makes room', async () => {
  const total = MAILBOX_LIMITS.windowRows + 40;
  await Promise.all(numbers(0, total).map((text) => send(text)));
  const connection = installation.connect(ben);
  await connection.delivered(MAILBOX_LIMITS.windowRows);
  expect(connection.events).toEqual([]);
  ack(connection, 10);
  await connection.delivered(MAILBOX_LIMITS.windowRows + 10);
  expect(connection.deliveries).toHaveLength(MAILBOX_LIMITS.windowRows + 10);
  ack(connection, MAILBOX_LIMITS.windowRows + 10);
  await connection.event('drained');
  ack(connection, total);
  expect(textsOf(connection.deliveries).sort()).toEqual(numbers(0, total).sort());
  await installation.mailbox.service.idle();
  expect(await storedTexts()).toBe(0);
});

test('P7 no more than a window of bytes is in flight', async () => {
  const body = Buffer.alloc(MAILBOX_LIMITS.bodyBytesMax);
  for (const text of numbers(0, 12)) {
    await installation.send(anna, installation.makeSubmit(ben, text, { body }));
  }
  const connection = installation.connect(ben);
  await connection.delivered(10);
  expect(connection.events).toEqual([]);
  ack(connection, 10);
  await connection.event('drained');
  expect(textsOf(connection.deliveries)).toEqual(numbers(0, 12));
});

test('P7 a window that is full while live keeps what comes, in order, until there is room', async () => {
  const connection = installation.connect(ben);
  await connection.event('drained');
  const total = MAILBOX_LIMITS.windowRows + 20;
  await sendMany(total);
  expect(connection.deliveries).toHaveLength(MAILBOX_LIMITS.windowRows);
  ack(connection, 5);
  expect(connection.deliveries).toHaveLength(MAILBOX_LIMITS.windowRows + 5);
  ack(connection, MAILBOX_LIMITS.windowRows + 5);
  expect(textsOf(connection.deliveries)).toEqual(numbers(0, total));
});

test('P7 what does not fit in memory while the window is full is read again from the mailbox', async () => {
  const connection = installation.connect(ben);
  await connection.event('drained');
  const total = MAILBOX_LIMITS.windowRows + 700;
  await Promise.all(numbers(0, total).map((text) => send(text)));
  for (let acked = 0; acked < total; ) {
    await connection.delivered(Math.min(total, acked + 1));
    acked = connection.deliveries.length;
    ack(connection, acked);
  }
  expect(textsOf(connection.deliveries).sort()).toEqual(numbers(0, total).sort());
  await installation.mailbox.service.idle();
  expect(await storedTexts()).toBe(0);
});

test('P7 nothing is sent to a peer that does not read, until it does', async () => {
  const connection = installation.connect(ben);
  await connection.event('drained');
  connection.writableBytes = 0;
  await sendMany(3);
  expect(connection.deliveries).toEqual([]);
  connection.becomeWritable();
  expect(textsOf(connection.deliveries)).toEqual(['0', '1', '2']);
});

test('P1 a row that commits while the mailbox is scanned is delivered once', async () => {
  // More than a page, by their bytes.
  const body = Buffer.alloc(2_048);
  for (const text of numbers(0, 100)) {
    await installation.send(anna, installation.makeSubmit(ben, text, { body }));
  }
  let sent = 0;
  let pages = 0;
  faults.beforeList = async () => {
    await send(`late ${sent++}`);
  };
  faults.afterList = async () => {
    pages++;
    await send(`late ${sent++}`);
  };
  const connection = installation.connect(ben);
  await connection.event('drained');
  faults = {};
  expect(pages).toBe(2);
  await connection.delivered(104);
  await send('live');
  await connection.delivered(105);
  const late = Array.from({ length: sent }, (_, i) => `late ${i}`);
  expect(textsOf(connection.deliveries).sort()).toEqual([...numbers(0, 100), ...late, 'live'].sort());
});

test('P1 a row that commits late with an earlier id is delivered too', async () => {
  await sendMany(2);
  const scope = installation.store.tenant(ben.tenantId);
  const { rows } = await scope.list(mailboxRows, { equals: [ben.deviceId] });
  let passes = 0;
  faults.others = { hasOthers: true, publish: () => undefined, listen: () => undefined };
  // Another server has made its id first and commits it last: it stands before everything that was already read.
  faults.beforeList = async () => {
    if (++passes !== 2) return;
    const value = rows[0]?.value ?? new Uint8Array(0);
    await scope.commit([
      installation.store.ops.put(mailboxRows, [ben.deviceId, new Uint8Array(16)], value, 9e12),
    ]);
  };
  const connection = installation.connect(ben);
  await connection.event('drained');
  expect(textsOf(connection.deliveries)).toEqual(['0', '1', '0']);
});

test('P1 an expired row is not delivered any more, and is swept', async () => {
  await installation.send(anna, installation.makeSubmit(ben, 'short', { lifetime: 3 }));
  await send('long');
  installation.clock.advance(LIFETIME_MS[3]);
  const connection = installation.connect(ben);
  await connection.event('drained');
  expect(textsOf(connection.deliveries)).toEqual(['long']);
  connection.close('shutting_down');
  await installation.mailbox.service.idle();
  expect(await storedTexts()).toBe(1);
  installation.clock.advance(LIFETIME_MS[1]);
  const removed = await installation.mailbox.service.sweep(installation.store.tenant(ben.tenantId), 100);
  expect(removed).toBe(1 + 2 + 1); // the row, both submit records, their day's key
  expect(await storedTexts()).toBe(0);
});

test('P3 P7 with a full disk delivery goes on; a mailbox is not called empty while what was acknowledged still lies in it', async () => {
  await sendMany(2);
  faults.failCommits = () => true;
  const first = installation.connect(ben);
  await first.event('drained');
  expect(textsOf(first.deliveries)).toEqual(['0', '1']);
  ack(first, 2);
  await installation.mailbox.service.idle();
  await expect(send('refused')).rejects.toMatchObject({ code: 'disk_full' });
  // Should the server die now, they come once more; a device that had been told of an empty mailbox would take them for a replay.
  const second = installation.connect(ben);
  await second.event('drained');
  expect(textsOf(second.deliveries)).toEqual(['0', '1']);
  faults = {};
  expect(await storedTexts()).toBe(2);
  await installation.mailbox.service.sweep(installation.store.tenant(ben.tenantId), 100);
  await installation.mailbox.service.idle();
  expect(await storedTexts()).toBe(0);
  ack(second, 2);
  await send('again');
  await second.delivered(3);
  expect(textsOf(second.deliveries)).toEqual(['0', '1', 'again']);
});

test('P7 a store that fails while the mailbox is read ends the connection, and the next one gets everything', async () => {
  await sendMany(2);
  faults.beforeList = async () => {
    throw new KuvertError('overloaded');
  };
  const first = installation.connect(ben);
  expect(first.closed).toBe(false);
  await new Promise<void>((resolve) => first.onClose(resolve));
  expect(first.closedWith).toBe('overloaded');
  expect(installation.errors).toEqual([]);
  faults = {};
  const second = installation.connect(ben);
  await second.event('drained');
  expect(textsOf(second.deliveries)).toEqual(['0', '1']);
});

test('P7 a fault of ours while the mailbox is read is reported, and ends only that connection', async () => {
  faults.beforeList = async () => {
    throw new TypeError('a fault');
  };
  const connection = installation.connect(ben);
  await new Promise<void>((resolve) => connection.onClose(resolve));
  expect(connection.closedWith).toBe('internal');
  expect(installation.errors).toEqual([expect.any(TypeError)]);
});

/** What may happen to a mailbox: messages, acknowledgements of a share of what came, new connections, a peer that stops reading. */
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('send' as const), count: fc.integer({ min: 1, max: 40 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('ack' as const),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('connect' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('block' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('unblock' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const) }) },
);

test('P1 whatever happens in between, all that was accepted arrives, numbered without a gap, and nothing acknowledged comes again', async () => {
  let sent = 0;
  const run = async (steps: readonly (typeof step extends fc.Arbitrary<infer S> ? S : never)[]) => {
    const accepted: Promise<string>[] = [];
    const acknowledged = new Set<string>();
    let connection = installation.connect(ben);
    const ackUpTo = (count: number) => {
      if (count === 0) return;
      ack(connection, count);
      for (const text of textsOf(connection.deliveries.slice(0, count))) acknowledged.add(text);
    };
    for (const each of steps) {
      if (each.kind === 'send') {
        for (let i = 0; i < each.count; i++) {
          const text = `${sent++}`;
          accepted.push(send(text).then(() => text));
        }
      } else if (each.kind === 'ack') ackUpTo(Math.floor(connection.deliveries.length * each.share));
      else if (each.kind === 'block') connection.writableBytes = 0;
      else if (each.kind === 'unblock') connection.becomeWritable();
      else if (each.kind === 'wait') await Promise.all(accepted);
      else {
        const before = new Set(acknowledged);
        connection = installation.connect(ben);
        const { sendRecord } = connection;
        connection.sendRecord = (record) => {
          sendRecord.call(connection, record);
          const text = textsOf(connection.deliveries.slice(-1))[0] ?? '';
          if (before.has(text)) throw new Error(`${text} came again after it had been acknowledged`);
        };
      }
    }
    const texts = await Promise.all(accepted);
    connection.becomeWritable();
    for (;;) {
      const missing = texts.filter((text) => !acknowledged.has(text));
      if (missing.length === 0) break;
      const has = new Set(textsOf(connection.deliveries));
      if (!missing.some((text) => has.has(text)))
        await connection.delivered(connection.deliveries.length + 1);
      ackUpTo(connection.deliveries.length);
    }
    expect(connection.deliveries.map((delivery) => delivery.deliverySeq)).toEqual(
      connection.deliveries.map((_, i) => i + 1),
    );
    expect(new Set(textsOf(connection.deliveries)).size).toBe(connection.deliveries.length);
    await installation.mailbox.service.idle();
    expect(await storedTexts()).toBe(0);
    expect(installation.errors).toEqual([]);
    connection.close('shutting_down');
  };
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 25 }), run), {
    numRuns: 25,
    endOnFailure: true,
  });
});

test('E1 a revoked device gets nothing more and its mailbox is emptied', async () => {
  await sendMany(3);
  const connection = installation.connect(ben);
  await connection.event('drained');
  await installation.devices.service.revoke(ben.deviceId);
  expect(connection.closedWith).toBe('device_not_accepted');
  expect(await storedTexts()).toBe(0);
});

test('B1 the operator sees sizes and bytes of what lies there', async () => {
  await send('first');
  const { mailboxPeek } = installation.mailbox.operatorRoutes;
  const { envelopes } = await mailboxPeek({ deviceId: ben.deviceId, limit: 1 });
  expect(envelopes).toHaveLength(1);
  expect(envelopes[0]?.hex).toContain(Buffer.from('first').toString('hex'));
  expect(envelopes[0]?.hex).toHaveLength((envelopes[0]?.sizeBytes ?? 0) * 2);
});
