/** Audit logs: committed with what they are about, numbered by one sequencer however many servers there are, provable from outside. */
import {
  isLeafOf,
  openCheckpoint,
  openLogPromise,
  verifyConsistency,
  verifyInclusion,
} from '@kuvert/crypto/transparency';
import type { TenantId } from '@kuvert/protocol';
import { decodeAuditEntry } from '@kuvert/protocol/admin';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { actAs } from '../../acting.ts';
import { openTestInstallation, type TestInstallation } from '../test-installation.ts';
import { OPERATOR_TABLES, TENANT_TABLES } from './collections.ts';
import { placeOfLog } from './logs.ts';
import { AuditWriter } from './records.ts';
import { Sequencer } from './sequencer.ts';

let installation: TestInstallation;

beforeEach(async () => {
  installation = await openTestInstallation();
});
afterEach(() => installation.close());

const byOperator = { actor: 'operator-key', address: '192.0.2.7', via: 'test', requestId: 'r1' } as const;

async function entriesOf(log: TenantId | 'operator') {
  const { scope, tables } = placeOfLog(installation.store, log);
  const { rows } = await scope.list(tables.entries, { limit: 1000 });
  return rows.map((row) => ({ ...row, ...decodeAuditEntry(row.entry) }));
}

/** Checks every entry of a log against its checkpoint. @returns how many leaves it has */
async function verifyAll(log: TenantId | 'operator'): Promise<number> {
  const { proofs } = installation.audit;
  const { note } = await proofs.checkpoint(log);
  const origin = proofs.origin(log);
  const checkpoint = openCheckpoint(note, { name: origin, origin, publicKey: proofs.publicKey });
  const { scope, tables } = placeOfLog(installation.store, log);
  for (let index = 0; index < checkpoint.size; index++) {
    const { value: entryId } = await scope.get(tables.places, index);
    const row = await scope.get(tables.entries, entryId);
    const leaf = await proofs.leaf(log, index);
    expect(isLeafOf(leaf, row)).toBe(true);
    const claim = { index, size: checkpoint.size, leaf, root: checkpoint.root };
    expect(verifyInclusion(claim, await proofs.inclusion(log, index, checkpoint.size))).toBe(true);
  }
  return checkpoint.size;
}

test('F6 what the operator does stands in the log of whom it is done to: who, what, on whom, from where', async () => {
  const { tenantId, personId } = await actAs(byOperator, async () => {
    const tenantId = await installation.tenants.service.create('Acme');
    installation.clock.advance(1);
    const personId = await installation.addPerson(tenantId, 'anna');
    installation.clock.advance(1);
    await installation.createToken(personId);
    return { tenantId, personId };
  });
  const entries = await entriesOf(tenantId);
  expect(entries.map(({ action, object }) => [action, object])).toEqual([
    ['tenant.created', tenantId],
    ['person.added', personId],
    ['token.created', personId],
  ]);
  for (const entry of entries)
    expect(entry).toMatchObject({ actor: 'operator-key', via: 'test', requestId: 'r1', outcome: 'done' });
  expect((await entriesOf('operator')).map(({ action }) => action)).toContain('tenant.created');
  expect(await verifyAll(tenantId)).toBe(3);
  expect(await verifyAll('operator')).toBeGreaterThan(0);
});

test('F6 what did not happen is not in the log', async () => {
  const tenantId = await installation.tenants.service.create('Acme');
  await installation.addPerson(tenantId, 'anna');
  await expect(installation.addPerson(tenantId, 'anna')).rejects.toMatchObject({ code: 'mail_taken' });
  const added = (await entriesOf(tenantId)).filter(({ action }) => action === 'person.added');
  expect(added).toHaveLength(1);
});

test('F4 two servers that number at once give each entry one number, and all of them verify', async () => {
  const tenantId = await installation.tenants.service.create('Acme');
  const { store, clock, random } = installation;
  const servers = [0, 1, 2].map(() => {
    const records = new AuditWriter({ store, clock, random, onPending: () => undefined });
    const onNumbered = () => undefined;
    const onError = (error: unknown) => {
      throw error;
    };
    const sequencer = new Sequencer({ store, forward: (log) => records.forward(log), onError, onNumbered });
    return { records, sequencer };
  });
  const entries = 30;
  await Promise.all(
    Array.from({ length: entries }, async (_, i) => {
      const { records, sequencer } = servers[i % servers.length] as (typeof servers)[0];
      await records.note([tenantId], { action: 'operation.done' });
      await sequencer.sequence(tenantId);
    }),
  );
  expect(await verifyAll(tenantId)).toBe(entries + 1);
  const places = await store.tenant(tenantId).list(TENANT_TABLES.places, { limit: 1000 });
  expect(new Set(places.rows.map(({ value }) => value)).size).toBe(entries + 1);
  expect((await store.tenant(tenantId).list(TENANT_TABLES.pending)).rows).toEqual([]);
});

test('F4 an answer carries a signed promise that holds at the next checkpoint, also of what had to run again', async () => {
  const tenantId = await installation.tenants.service.create('Acme');
  const { proofs, records } = installation.audit;
  let runs = 0;
  const promise = await actAs(byOperator, async (acting) => {
    await installation.store.tenant(tenantId).write(async (tx) => {
      await tx.find(TENANT_TABLES.heads, 0);
      records.inTenant(tx, tenantId, { action: 'operation.done' });
      if (runs++ === 0) await installation.audit.sequence(tenantId);
    });
    return proofs.promiseFor(acting.recorded);
  });
  expect(runs).toBe(2);
  const [entryId, bytes, signature] = (promise as string).split('.') as [string, string, string];
  const signed = {
    bytes: Uint8Array.from(Buffer.from(bytes, 'base64url')),
    signature: Uint8Array.from(Buffer.from(signature, 'base64url')),
  };
  const opened = openLogPromise(signed, proofs.publicKey);
  expect(opened).toMatchObject({
    origin: proofs.origin(tenantId),
    inTreeByMs: (opened?.madeAtMs ?? 0) + 60_000,
  });
  const { size } = await proofs.checkpoint(tenantId);
  const scope = installation.store.tenant(tenantId);
  const { value: index } = await scope.get(TENANT_TABLES.placeOf, entryId as never);
  expect(await proofs.leaf(tenantId, index)).toEqual(opened?.leaf);
  expect(index).toBeLessThan(size);
});

test('F4 every checkpoint goes on from every earlier one, also after a restart', async () => {
  const tenantId = await installation.tenants.service.create('Acme');
  const notes: string[] = [];
  for (let round = 0; round < 6; round++) {
    if (round === 3) await installation.reopen();
    for (let i = 0; i <= round; i++)
      await installation.audit.records.note([tenantId], { action: 'operation.done' });
    notes.push((await installation.audit.proofs.checkpoint(tenantId)).note);
  }
  const { proofs } = installation.audit;
  const origin = proofs.origin(tenantId);
  const log = { name: origin, origin, publicKey: proofs.publicKey };
  const heads = notes.map((note) => openCheckpoint(note, log));
  for (const [i, first] of heads.entries()) {
    expect(await proofs.checkpointAt(tenantId, first.size)).toBe(notes[i]);
    for (const second of heads.slice(i)) {
      const proof = await proofs.consistency(tenantId, first.size, second.size);
      const claim = { size1: first.size, root1: first.root, size2: second.size, root2: second.root };
      expect(verifyConsistency(claim, proof)).toBe(true);
    }
  }
});

test('F6 what the operator’s part commits for a tenant arrives there once, however often it is moved', async () => {
  const tenantId = await installation.tenants.service.create('Acme');
  await installation.audit.records.note([tenantId, 'operator'], { action: 'operation.done' });
  await Promise.all([1, 2, 3].map(() => installation.audit.sequence(tenantId)));
  const moved = (await entriesOf(tenantId)).filter(({ action }) => action === 'operation.done');
  expect(moved).toHaveLength(1);
  const own = await installation.store.operator().list(OPERATOR_TABLES.entries as never);
  expect(own.rows.length).toBeGreaterThan(0);
});
