/** Uploads after a power cut, whose sealed file is not what was written down, or not there any more (P1, B8). */
import { randomBytes } from 'node:crypto';
import { KuvertError, makeId } from '@kuvert/protocol';
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
      if (method === 'attachments.create') return { capability: 'c', offset: there, isStored: false };
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
  return { rest: rest.promise, told, asked };
}

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
