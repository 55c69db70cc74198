/** Uploads after a power cut, whose sealed file is not what was written down, or not there any more (P1, B8). */
import { randomBytes } from 'node:crypto';
import { ATTACHMENT_LIMITS, KuvertError, makeId } from '@kuvert/protocol';
import { expect, test } from 'vitest';
import type { Context } from '../context.ts';
import { OperationQueue } from '../operation-queue.ts';
import type { Connection } from '../ports.ts';
import type { AttachmentPorts } from './ports.ts';
import type { UploadRow } from './store.ts';
import { Uploads } from './uploads.ts';

const SEALED_BYTES = 5_000;

/** A row that a former process has left, and a server that has so many of its bytes. */
function scene(has: { readonly here: number | undefined; readonly there: number }, isRight: boolean) {
  const attachment = makeId('attachment', randomBytes(16));
  const contentId = makeId('content', randomBytes(16));
  const sealedSha256 = Uint8Array.from(randomBytes(32));
  let row: UploadRow = {
    attachment,
    contentId,
    sealedBytes: SEALED_BYTES,
    sealedSha256,
    state: 'upload',
    storedAtMs: undefined,
    timerMs: undefined,
    removeAtMs: undefined,
  };
  const told: string[] = [];
  const rest = Promise.withResolvers<void>();
  const store = {
    lightTransaction: (body: () => void) => body(),
    transaction: (body: () => void) => body(),
    uploads: {
      get: () => row,
      list: (state: string) => (row.state === state ? [row] : []),
      listStale: () => [],
      setState: (_attachment: string, state: UploadRow['state']) => {
        row = { ...row, state };
        told.push(state);
      },
    },
    outbox: {
      findByContentId: () => ({ seq: 1 }),
      setParked: (_seq: number, code: string) => told.push(code),
      release: () => told.push('released'),
    },
    notices: { add: ({ kind }: { kind: string }) => told.push(kind) },
  };
  const context = {
    store,
    random: (count: number) => Uint8Array.from(randomBytes(count)),
    clock: {
      now: () => 0,
      after: (_ms: number, fire: () => void) => {
        setImmediate(fire);
        return () => undefined;
      },
    },
    serverOffset: { now: () => 0 },
    operations: new OperationQueue(),
    changed: () => {
      if (row.state !== 'upload') rest.resolve();
    },
    failed: rest.reject,
  } as unknown as Context;
  const asked: string[] = [];
  let there = has.there;
  const connection = {
    async request(method: string) {
      asked.push(method);
      if (method === 'attachments.create')
        return { capability: 'c', next: 'first', offset: there, isStored: false };
      if (isRight) return { expiresAt: 1 };
      there = 0;
      throw new KuvertError('attachment_damaged', { retry: { kind: 'now' } });
    },
  } as unknown as Connection;
  const ports = {
    files: {
      size: async () => has.here,
      async *read() {
        yield new Uint8Array(SEALED_BYTES);
      },
    },
    transfer: {
      async store({ capability, bytes, sha256 }: Parameters<AttachmentPorts['transfer']['store']>[0]) {
        asked.push(`whole ${capability}`);
        for await (const _part of bytes);
        expect(await sha256).toHaveLength(32);
        if (!isRight) throw new KuvertError('attachment_damaged', { retry: { kind: 'now' } });
        return 'second';
      },
      async send({ bytes, offset, count }: { bytes: AsyncIterable<unknown>; offset: number; count: number }) {
        asked.push('bytes');
        for await (const _part of bytes);
        there = offset + count;
        return there;
      },
    },
  } as unknown as AttachmentPorts;
  const uploads = new Uploads(context, ports, {
    onReleased: () => undefined,
    ahead: {
      prepare: async () => undefined,
      isReady: () => false,
      commit: () => undefined,
      forget: () => undefined,
    },
    onBytes: () => undefined,
  });
  uploads.connected(connection);
  return { rest: rest.promise, told, asked, uploads };
}

/** Seals a small file, as its message would have it. */
function sealOne(uploads: Uploads): string | undefined {
  const next = uploads.takeNext(SEALED_BYTES);
  const attachment = next?.attachment ?? makeId('attachment', randomBytes(16));
  const file = uploads.whileSealing(attachment, SEALED_BYTES, next);
  const loan = file.lend(new Uint8Array(SEALED_BYTES), () => undefined);
  file.written(loan);
  file.completed(Uint8Array.from(randomBytes(32)));
  return next?.capability;
}

test('A1 a small file goes in one request with the capability of the answer before, and one that is too large does not', async () => {
  const { rest, asked, uploads } = scene({ here: SEALED_BYTES, there: 0 }, true);
  await rest;
  expect(uploads.takeNext(ATTACHMENT_LIMITS.wholeBytesMax + 1)).toBeUndefined();
  asked.length = 0;
  expect(sealOne(uploads)).toBe('first');
  // The place is given once.
  expect(uploads.takeNext(SEALED_BYTES)).toBeUndefined();
  await expect.poll(() => uploads.takeNext(SEALED_BYTES)?.capability).toBe('second');
  expect(asked).toEqual(['whole first']);
});

test('A1 P1 a small file whose one request fails goes on as any other', async () => {
  const { rest, asked, uploads } = scene({ here: SEALED_BYTES, there: 0 }, false);
  await rest;
  asked.length = 0;
  expect(sealOne(uploads)).toBe('first');
  await expect.poll(() => asked).toEqual(['whole first', 'attachments.create', 'bytes']);
});

test('P1 a message whose file the server has all of goes out although the file is lost here', async () => {
  const { rest, told, asked } = scene({ here: undefined, there: SEALED_BYTES }, true);
  await rest;
  expect(asked).toEqual(['attachments.create', 'attachments.finish']);
  expect(told).toEqual(['stored', 'released']);
});

test('P1 B8 a file that a power cut has torn is told as not sent after some tries, and its message never goes out', async () => {
  const { rest, told, asked } = scene({ here: SEALED_BYTES, there: 0 }, false);
  await rest;
  expect(asked.filter((what) => what === 'bytes')).toHaveLength(3);
  expect(told).toEqual(['attachment_damaged', 'not_accepted', 'stored']);
});

test('P1 a file that is lost here and not there is told as not sent, and nothing is brought', async () => {
  const { rest, told, asked } = scene({ here: undefined, there: 100 }, true);
  await rest;
  expect(asked).not.toContain('bytes');
  expect(told).toEqual(['attachment_damaged', 'not_accepted', 'stored']);
});
