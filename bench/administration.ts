/**
 * `npm run bench-administration`: what administration costs beside its raw parts, in turns in one run: a write with its audit entry beside the append of the same row to the same kind
 * of store, and a page of 1,000 of 100,000 people beside an indexed query of as many plain rows in SQLite.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { mailAddress, makeId } from '@kuvert/protocol';
import { collection, openStore } from '@kuvert/server/store';
import { startInstallation } from '@kuvert/testkit';
import { z } from 'zod';
import { memoryKeys } from './layers/durable-rows.ts';

const ROUNDS = 8;
const WRITES = 150;
const AT_ONCE = 16;
const PEOPLE = 100_000;
const PAGE = 1_000;
const PAGES = 10;

const rows = collection('rows', {
  document: z.object({ id: z.string(), name: z.string(), mail: mailAddress, createdAt: z.int() }),
  key: ['id'],
  sealed: { name: { subject: 'id' }, mail: { subject: 'id' } },
  blind: { byMail: { field: 'mail', unique: true } },
});

let count = 0;
const nextPerson = () => ({ name: `Person ${++count}`, mail: `person-${count}@bench.test` });

/** Seconds that it takes, so many at once. */
async function timed(times: number, work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  let left = times;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (left-- > 0) await work();
    }),
  );
  return (performance.now() - began) / 1_000;
}

const folder = mkdtempSync(join(tmpdir(), 'kuvert-bench-'));
await using installation = await startInstallation();
try {
  const { tenantId } = await installation.tenant('Bench');
  const chief = await installation.administrator('tenant-admin', 'Chief', tenantId);
  const params = { tenantId };

  const store = await openStore({
    folder,
    keys: memoryKeys(),
    collections: [rows],
    onFailure: (error) => {
      throw error;
    },
  });
  const rawTenant = makeId('tenant', randomBytes(16));
  await store.operator().createTenantSpace(rawTenant);
  const scope = store.tenant(rawTenant);
  const append = () =>
    scope.write((tx) => {
      const id = makeId('person', randomBytes(16));
      tx.insert(rows, { id, ...nextPerson(), createdAt: Date.now() });
    });
  const audited = () => chief.call('people.create', { params, body: nextPerson() });
  await timed(AT_ONCE * 4, append);
  await timed(AT_ONCE * 4, audited);
  const seconds = { raw: 0, audited: 0 };
  for (let round = 0; round < ROUNDS; round++) {
    seconds.raw += await timed(WRITES, append);
    seconds.audited += await timed(WRITES, audited);
  }
  await store.close();
  const perSecond = (one: number) => Math.round((ROUNDS * WRITES) / one);
  console.log(
    `writes per second, ${AT_ONCE} at once: ${perSecond(seconds.audited)} with audit entry over HTTP, ${perSecond(seconds.raw)} appended to a store: ${(seconds.raw / seconds.audited).toFixed(2)}`,
  );

  const { store: served } = installation.server.context;
  const people = served.collections.find(({ name }) => name === 'people') as unknown as typeof rows;
  for (let at = 0; at < PEOPLE; at += 500) {
    await served.tenant(tenantId).write((tx) => {
      for (let i = 0; i < 500; i++)
        tx.insert(people, {
          personId: makeId('person', randomBytes(16)),
          ...nextPerson(),
          createdAt: 1,
        } as never);
    });
  }
  const plain = new DatabaseSync(join(folder, 'plain.db'));
  plain.exec(
    'create table people (id text primary key, name text, mail text, created integer) without rowid; begin',
  );
  const insert = plain.prepare('insert into people values (?, ?, ?, 1)');
  for (let i = 0; i < PEOPLE; i++) {
    const { name, mail } = nextPerson();
    insert.run(makeId('person', randomBytes(16)), name, mail);
  }
  plain.exec('commit');
  const query = plain.prepare('select * from people where id > ? order by id limit ?');
  const ms = { raw: 0, listed: 0 };
  let after = '';
  let cursor: string | undefined;
  for (let turn = 0; turn < PAGES; turn++) {
    let began = performance.now();
    const found = query.all(after, PAGE) as { id: string }[];
    ms.raw += performance.now() - began;
    after = found.at(-1)?.id ?? '';
    began = performance.now();
    const page: { people: unknown[]; next?: string | undefined } = (
      await chief.call('people.list', { params, query: { limit: String(PAGE), ...(cursor && { cursor }) } })
    ).result;
    ms.listed += performance.now() - began;
    if (found.length !== PAGE || page.people.length !== PAGE) throw new Error('a page is short');
    cursor = page.next;
  }
  console.log(
    `a page of ${PAGE} of ${PEOPLE} people: ${(ms.listed / PAGES).toFixed(1)} ms opened and over HTTP, ${(ms.raw / PAGES).toFixed(2)} ms as plain rows of SQLite: ${(ms.listed / ms.raw).toFixed(1)}`,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
