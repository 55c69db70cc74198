import { CLASSES, KuvertError } from '@kuvert/protocol';
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { ManualClock } from './node/doubles/manual-clock.ts';
import { pair } from './node/doubles/pair.ts';
import { ServerDouble } from './node/doubles/server-double.ts';
import { TestDevice } from './node/doubles/test-device.ts';
import { OperationQueue } from './operation-queue.ts';

type Step =
  | { readonly do: 'write'; readonly who: 0 | 1; readonly count: number }
  | { readonly do: 'sync' | 'crash'; readonly who: 0 | 1 }
  | { readonly do: 'trouble'; readonly every: number; readonly sort: 'lose' | 'busy' | 'twice' | 'shuffle' };

const who = fc.constantFrom(0 as const, 1 as const);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('write' as const), who, count: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ do: fc.constantFrom('sync' as const, 'crash' as const), who }),
  fc.record({
    do: fc.constant('trouble' as const),
    every: fc.integer({ min: 1, max: 4 }),
    sort: fc.constantFrom('lose' as const, 'busy' as const, 'twice' as const, 'shuffle' as const),
  }),
);

/** Syncs while time goes on; a lost connection is part of the story. */
async function syncThrough(device: TestDevice, clock: ManualClock): Promise<void> {
  let isOver = false;
  const syncing = device
    .sync()
    .catch((error: unknown) => {
      if (!(error instanceof KuvertError) || error.code !== 'server_unreachable') throw error;
    })
    .finally(() => {
      isOver = true;
    });
  while (!isOver) {
    await new Promise(setImmediate);
    clock.advance(50);
  }
  await syncing;
}

test('P2 whatever is lost, repeated, shuffled or busy on the way, every text is shown once and reported as delivered', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 24 }), async (steps) => {
      const clock = new ManualClock();
      const server = new ServerDouble(() => clock.now());
      const anna = await TestDevice.enrol(server, clock, 'Anna');
      const bela = await TestDevice.enrol(server, clock, 'Bela');
      const devices = [anna, bela] as const;
      const written: [string[], string[]] = [[], []];
      let calls = 0;
      for (const one of steps) {
        if (one.do === 'trouble') {
          const isDue = () => ++calls % one.every === 0;
          delete server.lies.loseAnswer;
          delete server.lies.refuse;
          delete server.lies.store;
          if (one.sort === 'lose') server.lies.loseAnswer = isDue;
          if (one.sort === 'busy') {
            server.lies.refuse = () => (isDue() ? new KuvertError('overloaded') : undefined);
            // A server that is busy every time would never let a sync end.
            if (one.every === 1) delete server.lies.refuse;
          }
          if (one.sort === 'twice') server.lies.store = (row) => (isDue() ? [row, { ...row }] : [row]);
          if (one.sort === 'shuffle') {
            const held: Parameters<typeof server.inject>[] = [];
            server.lies.store = (row, to) => {
              if (!isDue()) return [row, ...held.splice(0).map(([, late]) => late)];
              // Only one to the same device may be held, or a sync would not see the mailbox empty.
              if (held.some(([device]) => device !== to)) return [row];
              held.push([to, row]);
              queueMicrotask(() => {
                for (const [device, late] of held.splice(0)) server.inject(device, late);
              });
              return [];
            };
          }
          continue;
        }
        const device = devices[one.who];
        if (one.do === 'crash') device.restart();
        else if (one.do === 'sync') await syncThrough(device, clock);
        else if (one.do === 'write') {
          const texts = Array.from(
            { length: one.count },
            (_, n) => `${device.mail} ${written[one.who].length + n}`,
          );
          const to = devices[1 - one.who]?.mail ?? '';
          await device.messenger.send(texts.map((text) => ({ to, text })));
          written[one.who].push(...texts);
        }
      }
      for (const lie of Object.keys(server.lies)) delete server.lies[lie as keyof typeof server.lies];
      for (let round = 0; round < 4; round++) for (const device of devices) await syncThrough(device, clock);
      for (const [index, device] of devices.entries()) {
        expect(device.texts().toSorted()).toEqual(written[1 - index]?.toSorted());
        const sent = device.messenger.history({ limit: 1_000 }).filter((line) => line.direction === 'out');
        expect(new Set(sent.map((line) => line.state))).toEqual(
          new Set(sent.length > 0 ? ['delivered'] : []),
        );
        // Shuffling and repeating is what a server must not do, and it is named; nothing else is.
        const named = new Set(device.noticeKinds());
        for (const kind of ['messages_replayed', 'messages_reordered']) named.delete(kind);
        expect([...named]).toEqual([]);
        expect(server.waiting(device.own.deviceId)).toBe(0);
      }
    }),
    { numRuns: 40 },
  );
});

/** Whatever waits for the event loop only is done. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise(setImmediate);
}

/** What lets one operation of a device run after the other, to be held up by a test. */
async function queueOf(device: TestDevice): Promise<OperationQueue> {
  const runs = vi.spyOn(OperationQueue.prototype, 'run');
  await device.sync();
  const queue = runs.mock.contexts.at(-1) as OperationQueue;
  runs.mockRestore();
  return queue;
}

test('P2 a refusal that is heard only when the next connection is there holds nothing up', async () => {
  const { server, anna, bela } = await pair();
  await anna.write(bela, 'first');
  const queue = await queueOf(anna);
  const other = Promise.withResolvers<void>();
  const refusals = [new KuvertError('overloaded')];
  server.lies.refuse = () => {
    // From now on something else has its turn.
    if (refusals.length > 0) void queue.run(() => other.promise);
    return refusals.shift();
  };
  const id = await anna.write(bela, 'second');
  await anna.connect();
  while (refusals.length > 0) await new Promise(setImmediate);
  await turns(5);
  server.drop(anna.own.deviceId);
  await anna.connect();
  await turns(5);
  other.resolve();
  // Time stands still, so a pause would never end.
  await anna.messenger.settled();
  anna.messenger.disconnect();
  expect(anna.messenger.status(id)).toEqual({ state: 'accepted' });
  await bela.sync();
  expect(bela.texts()).toEqual(['first', 'second']);
});

test('P2 what is sealed for a new list of devices does not overtake what was sealed for the old one and is refused for it', async () => {
  const { clock, server, anna, bela } = await pair();
  await anna.write(bela, 'first');
  await anna.sync();
  await bela.sync();
  await anna.sync();
  // Submits reach the server late, in their order.
  const line = Promise.withResolvers<void>();
  let submits = 0;
  await anna.messenger.connect(async (visit, events) => {
    const connection = await server.connect(anna.own.deviceId)(visit, events);
    const submit: typeof connection.submit = async (one) => {
      submits++;
      await line.promise;
      return connection.submit(one);
    };
    return { ...connection, submit };
  });
  await anna.write(bela, 'for one device');
  while (submits === 0) await new Promise(setImmediate);
  const tablet = await TestDevice.link(server, clock, bela);
  await anna.messenger.safety.show(bela.mail);
  await anna.write(bela, 'for two devices');
  await turns(50);
  line.resolve();
  await anna.messenger.settled();
  anna.messenger.disconnect();
  for (const device of [bela, tablet]) {
    await device.sync();
    expect(device.texts().slice(-2)).toEqual(['for one device', 'for two devices']);
  }
  const rows = server.submits.filter((submit) => submit.class === CLASSES.message);
  expect(rows.map(({ legs }) => legs.length)).toEqual([1, 1, 2, 2]);
});

test('P3 a batch that is written down only when the next connection is there is no replay when it comes again', async () => {
  const { server, anna, bela } = await pair();
  await anna.write(bela, 'first');
  await anna.sync();
  const queue = await queueOf(bela);
  await anna.write(bela, 'second');
  await anna.sync();
  // Something else of Bela's has its turn while the message comes in.
  const other = Promise.withResolvers<void>();
  const busy = queue.run(() => other.promise);
  await bela.connect();
  await turns(20);
  expect(server.waiting(bela.own.deviceId)).toBe(1);
  server.drop(bela.own.deviceId);
  await bela.connect();
  other.resolve();
  await busy;
  await bela.messenger.settled();
  bela.messenger.disconnect();
  await bela.sync();
  expect(bela.texts()).toEqual(['first', 'second']);
  expect(bela.messenger.notices()).toEqual([]);
});
