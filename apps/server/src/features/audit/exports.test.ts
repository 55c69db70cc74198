/** Exports of audit logs: readable, complete in themselves, and not one byte of them can be changed unnoticed. */
import { generateSigningKey } from '@kuvert/crypto/identity';
import {
  appendLeaves,
  EMPTY_HEAD,
  rootOf,
  signAuditExport,
  signCheckpoint,
  verifierKeyText,
  verifyAuditExport,
} from '@kuvert/crypto/transparency';
import { makeId, type TenantId } from '@kuvert/protocol';
import {
  type AuditExport,
  type AuditExportFormat,
  parseAuditExport,
  renderAuditExport,
  renderSignature,
} from '@kuvert/protocol/admin';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { actAs } from '../../acting.ts';
import { openTestInstallation, type TestInstallation } from '../test-installation.ts';
import { keyOf } from './drafts.ts';
import { AuditErasure } from './erasure.ts';

let installation: TestInstallation;
let tenantId: TenantId;
let earlier: { note: string; size: number };

const EVIL = '=HYPERLINK("http://evil.test";"click")';

beforeAll(async () => {
  installation = await openTestInstallation();
  const random = installation.random;
  const actor = makeId('administrator', random(16));
  tenantId = await installation.tenants.service.create('Acme');
  earlier = await installation.audit.proofs.checkpoint(tenantId);
  await actAs(
    { actor, actorName: '@SUM(1+1)', address: '192.0.2.7', via: 'people.create', requestId: 'r' },
    async () => {
      await installation.people.service.add({ tenantId, name: EVIL, mail: 'a@acme.test' });
      await installation.people.service.add({ tenantId, name: 'Bén "x", y', mail: 'b@acme.test' });
    },
  );
});
afterAll(() => installation.close());

async function exported(format: AuditExportFormat, changes: { since?: number; filter?: object } = {}) {
  return installation.audit.reading.exportFrom(tenantId, {
    filter: {},
    format,
    start: 0,
    limit: 100,
    ...changes,
  });
}

const codes = (text: string, known = {}) => verifyAuditExport(text, known).problems.map(({ code }) => code);

describe.each(['json', 'csv'] as const)('F4 F6 an export as %s', (format) => {
  test('holds, says what happened, and names who did it', async () => {
    const key = installation.audit.reading.keyText(tenantId);
    const { file, entries } = await exported(format);
    expect(entries).toBe(3);
    const { problems, content } = verifyAuditExport(file, { key, earlier: earlier.note });
    expect(problems).toEqual([]);
    expect(content?.entries).toHaveLength(3);
    expect(Object.values(content?.names ?? {})).toContain('@SUM(1+1)');
    expect(file).toContain('192.0.2.7');
  });

  test('shows a change of any byte', async () => {
    const { file } = await exported(format);
    const bytes = Buffer.from(file);
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] as number) ^ 1;
      expect(codes(changed.toString()), `byte ${at}`).not.toEqual([]);
    }
    expect(codes(file.slice(0, -1))).toEqual(['not-an-export']);
    expect(codes(`${file} `)).toEqual(['not-an-export']);
  });

  test('of a log that somebody holding the key made anew does not go on from an earlier checkpoint', async () => {
    const { file } = await exported(format);
    const { content } = parseAuditExport(file);
    const key = generateSigningKey();
    const resigned = (change: (content: AuditExport) => Partial<AuditExport>) => {
      const forged = { ...content, key: verifierKeyText({ name: content.origin, publicKey: key.publicKey }) };
      const entries = (change(forged).entries ?? content.entries).map((one) => ({ ...one, proof: [] }));
      const { head } = appendLeaves(
        EMPTY_HEAD,
        entries.map(({ leaf }) => Uint8Array.from(leaf)),
      );
      const note = signCheckpoint(
        { origin: content.origin, size: head.size, root: rootOf(head) },
        { name: content.origin, key },
      );
      const body = renderAuditExport({ ...forged, ...change(forged), checkpoint: note }, format);
      return body + renderSignature(signAuditExport(body, key), format);
    };
    const own = resigned(() => ({}));
    expect(codes(own, { key: content.key })).toEqual(['other-key']);
    expect(codes(own, { earlier: earlier.note })).toContain('earlier-checkpoint');
  });
});

test('F4 a gap, a changed order and a cut-off tail are found even when all is signed', async () => {
  const { file } = await exported('json');
  const { content } = parseAuditExport(file);
  // Whoever holds the key of the log: the server itself.
  const key = (installation.audit.proofs as unknown as { signer: () => never }).signer();
  const signed = (changes: Partial<AuditExport>) => {
    const body = renderAuditExport({ ...content, ...changes }, 'json');
    return body + renderSignature(signAuditExport(body, key), 'json');
  };
  const [a, b, c] = content.entries as [never, never, never];
  expect(codes(signed({}))).toEqual([]);
  expect(codes(signed({ entries: [a, c] }))).toEqual(['gap']);
  expect(codes(signed({ entries: [a, b] }))).toEqual(['gap']);
  expect(codes(signed({ entries: [a, c, b] }))).toContain('order');
  expect(codes(signed({ complete: { from: 0, to: 2 } }))).toContain('gap');
  expect(codes(signed({ checkpoint: earlier.note }), { earlier: earlier.note })).toContain('proof');
  const now = (await installation.audit.proofs.checkpoint(tenantId)).note;
  const short = signed({ checkpoint: earlier.note, entries: [], complete: { from: 0, to: 0 } });
  expect(codes(short, { earlier: now })).toEqual(['cut-off']);
});

test('F4 what a search found shows its growth from an earlier checkpoint by a proof', async () => {
  const filter = { action: 'person.added' };
  const without = await exported('json', { filter });
  expect(codes(without.file, { earlier: earlier.note })).toEqual(['not-compared']);
  const { file, entries } = await exported('json', { filter, since: earlier.size });
  expect(entries).toBe(2);
  expect(codes(file, { earlier: earlier.note })).toEqual([]);
});

test('F6 no cell of a table can become a formula', async () => {
  const { file } = await exported('csv');
  for (const line of file.split('\r\n')) {
    for (const cell of line.split(',')) expect(cell).not.toMatch(/^"?[=+\-@\t\r]/);
  }
  expect(file).toContain("'@SUM(1+1)");
  expect(verifyAuditExport(file).problems).toEqual([]);
});

test('F9 somebody who is erased is gone from the log, which goes on to verify', async () => {
  const scope = installation.store.tenant(tenantId);
  const { personId } = await installation.people.service.findByMail(scope, 'a@acme.test');
  const before = await installation.audit.reading.search(
    tenantId,
    { object: personId },
    { order: 'asc', limit: 10 },
  );
  expect(before.entries[0]).toMatchObject({ objectName: EVIL, after: { name: EVIL } });
  await installation.audit.erasure.erase(tenantId, personId);
  await installation.audit.erasure.erase(tenantId, personId);
  const { entries } = await installation.audit.reading.search(
    tenantId,
    { object: personId },
    { order: 'asc', limit: 10 },
  );
  expect(entries.map(({ action }) => action)).toEqual(['person.added', 'identity.erased', 'identity.erased']);
  expect(entries[0]).toMatchObject({ objectName: null, after: null });
  const { file } = await exported('json');
  expect(file).not.toContain('HYPERLINK');
  expect(codes(file, { earlier: earlier.note })).toEqual([]);
  expect(keyOf(personId)).toBe(`audit/${personId}`);
});

test('F9 addresses go when their time is over, with an entry that says which, and the log goes on to verify', async () => {
  const shown = async () =>
    (
      await installation.audit.reading.search(
        tenantId,
        { action: 'person.added' },
        { order: 'asc', limit: 10 },
      )
    ).entries.map(({ address }) => address);
  expect(await shown()).toEqual(['192.0.2.7', '192.0.2.7']);
  installation.clock.advance(89 * 86_400_000);
  expect(await installation.audit.sweep(tenantId, 200)).toBe(0);
  installation.clock.advance(2 * 86_400_000);
  expect(await installation.audit.sweep(tenantId, 200)).toBe(2);
  expect(await shown()).toEqual([null, null]);
  const { entries } = await installation.audit.reading.search(
    tenantId,
    { action: 'addresses.deleted' },
    { order: 'asc', limit: 10 },
  );
  expect(entries).toMatchObject([{ actor: 'system', after: { count: 2 } }]);
  expect(codes((await exported('csv')).file, { earlier: earlier.note })).toEqual([]);
});

test('F9 terms that were made shorter hold for what is there already, with the same proof', async () => {
  const { store, clock, audit, people, tenants } = installation;
  const other = await tenants.service.create('Globex');
  const actor = makeId('administrator', installation.random(16));
  await actAs({ actor, address: '192.0.2.8', via: 'people.create', requestId: 'r' }, () =>
    people.service.add({ tenantId: other, name: 'Ben', mail: 'ben@globex.test' }),
  );
  await audit.sequence(other);
  const day = 86_400_000;
  const terms = { addressMs: 7 * day, entryMs: 366 * day };
  const erasure = new AuditErasure({ store, clock, records: audit.records, terms });
  clock.advance(6 * day);
  expect(await erasure.deleteAddresses(other)).toBe(0);
  clock.advance(2 * day);
  expect(await erasure.deleteAddresses(other)).toBe(1);
  expect(await erasure.deleteAddresses(other)).toBe(0);
  clock.advance(367 * day);
  const before = await audit.proofs.checkpoint(other);
  expect(await erasure.deleteEntries(other)).toBeGreaterThanOrEqual(2);
  const { file } = await audit.reading.exportFrom(other, {
    filter: {},
    format: 'json',
    start: 0,
    limit: 100,
  });
  expect(codes(file, { earlier: before.note })).toEqual([]);
});

test('F6 searches combine, page and come in both orders', async () => {
  const { reading } = installation.audit;
  const all: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await reading.search(tenantId, {}, { order: 'desc', limit: 2, cursor });
    all.push(...page.entries.map(({ entryId }) => String(entryId)));
    cursor = page.next ?? undefined;
  } while (cursor !== undefined);
  const asc = await reading.search(tenantId, {}, { order: 'asc', limit: 500 });
  expect(asc.entries.map(({ entryId }) => entryId)).toEqual(all.toReversed());
  const [first] = asc.entries;
  const at = Date.parse(first?.time as string);
  const combined = await reading.search(
    tenantId,
    { action: 'tenant.created', actor: 'system', fromMs: at, beforeMs: at + 1 },
    { order: 'asc', limit: 5 },
  );
  expect(combined.entries).toHaveLength(1);
  const none = await reading.search(
    tenantId,
    { action: 'tenant.created', actor: 'nobody' },
    { order: 'asc', limit: 5 },
  );
  expect(none).toEqual({ entries: [], next: null });
});

test('F9 F4 entries go when their term is over, and what is left goes on to verify from every earlier checkpoint', async () => {
  const before = await installation.audit.proofs.checkpoint(tenantId);
  installation.clock.advance(10 * 366 * 86_400_000 + 1);
  expect(await installation.audit.sweep(tenantId, 200)).toBe(before.size);
  await installation.audit.sequence(tenantId);
  for (const format of ['json', 'csv'] as const) {
    const { file } = await exported(format);
    const { problems, content } = verifyAuditExport(file, { earlier: before.note });
    expect(problems).toEqual([]);
    expect(content?.entries.slice(0, before.size).every(({ kept }) => kept === null)).toBe(true);
    expect(codes(file, { earlier: earlier.note })).toEqual([]);
  }
  const { reading } = installation.audit;
  const { entries } = await reading.search(
    tenantId,
    { action: 'entries.deleted' },
    { order: 'asc', limit: 5 },
  );
  expect(entries).toMatchObject([{ actor: 'system', after: { count: before.size } }]);
});
