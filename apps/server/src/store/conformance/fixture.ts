/** What the conformance suite stores, and a store on an engine in folders of its own. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Id, type IdType, idSchema, makeId, type TenantId } from '@kuvert/protocol';
import { z } from 'zod';
import { createKekFile, openFileKeyProvider } from '../../keys/file-key-provider.ts';
import type { KeyProvider } from '../../keys/key-provider.ts';
import { binaryCollection, collection } from '../collection.ts';
import { bytesPart, idPart } from '../key-parts.ts';
import { type OpenEngine, openSpaceStore } from '../open-store.ts';
import type { Store } from '../store.ts';

/** A person with every kind of index, sealed fields under two kinds of subject, and retention. */
export const people = collection('people', {
  document: z.object({
    id: idSchema('person'),
    team: z.string(),
    rank: z.int(),
    badge: z.int().nullable(),
    name: z.string(),
    mail: z.string().optional(),
    note: z.string().nullable(),
    expiresAt: z.int().optional(),
  }),
  key: ['id'],
  indexes: { byTeam: ['team', 'rank'], byBadge: { on: ['badge'], unique: true } },
  sealed: { name: { subject: 'id' }, mail: { subject: 'id' }, note: { subject: 'tenant' } },
  blind: { byMail: { field: 'mail', unique: true, normalize: (mail: string) => mail.toLowerCase() } },
  retention: 'expiresAt',
});

/** A key of two parts of which the second is a number of either sign. */
export const readings = collection('readings', {
  document: z.object({ sensor: z.string(), at: z.int(), value: z.int() }),
  key: ['sensor', 'at'],
});

/** Rows that stand for a permission. */
export const gates = binaryCollection('gates', { key: [idPart('device')], gate: true });

/** Rows of bytes. */
export const envelopes = binaryCollection('envelopes', {
  key: [idPart('device'), bytesPart(4)],
  expires: true,
});

/** Of the operator. */
export const notes = collection('notes', {
  document: z.object({ id: z.string(), text: z.string() }),
  key: ['id'],
  sealed: ['text'],
  scope: 'operator',
});

/** A new id. */
export function newId<T extends IdType>(type: T): Id<T> {
  return makeId(type, randomBytes(16));
}

/** A person with what a test says and defaults for the rest. */
export function person(given: Partial<PersonRow> = {}): PersonRow {
  return { id: newId('person'), team: 'a', rank: 0, badge: null, name: 'Anna', note: null, ...given };
}

export interface PersonRow {
  id: Id<'person'>;
  team: string;
  rank: number;
  badge: number | null;
  name: string;
  mail?: string | undefined;
  note: string | null;
  expiresAt?: number | undefined;
}

/** An engine as the suite gets it. */
export interface EngineUnderTest {
  readonly open: OpenEngine;
  /** What it has stored for a data folder outside of it. */
  readonly bytesStored?: (dataFolder: string) => Promise<Buffer>;
}

/** A store with folders of its own. */
export interface Bench {
  readonly store: Store;
  readonly tenant: TenantId;
  readonly other: TenantId;
  readonly keys: KeyProvider;
  readonly collections: typeof suiteCollections;
  readonly dataFolder: string;
  readonly keysFolder: string;
  readonly failures: Error[];
  /** Another store on the same folders, as a second server has it. Only for engines that several servers share. */
  second(): Promise<Store>;
  /** Closes the store and opens it again on the same folders. */
  reopen(): Promise<Bench>;
  /** Everything that the engine has stored, as it lies there. */
  bytesStored(): Promise<Buffer>;
  /** The keyring's text. */
  keyringText(): Promise<string | undefined>;
  /** Closes the store and removes the folders. */
  dispose(): Promise<void>;
}

/** Collections of the suite, to be given to whoever opens a store on the same folders. */
const suiteCollections = [people, readings, envelopes, gates, notes];

/** Opens a store on new folders, with two tenants. */
export async function openBench({ open: openEngine, bytesStored }: EngineUnderTest): Promise<Bench> {
  const root = mkdtempSync(join(tmpdir(), 'store-'));
  const [dataFolder, keysFolder] = [join(root, 'data'), join(root, 'keys')];
  mkdirSync(dataFolder);
  mkdirSync(keysFolder);
  await createKekFile(keysFolder);
  const [tenant, other] = [newId('tenant'), newId('tenant')];
  const failures: Error[] = [];
  const openOne = async () => {
    const keys = await openFileKeyProvider(keysFolder);
    const store = await openSpaceStore({
      folder: dataFolder,
      keys,
      collections: suiteCollections,
      openEngine,
      onFailure: (error) => failures.push(error),
    });
    return { keys, store };
  };
  const others: Store[] = [];
  const open = async (): Promise<Bench> => {
    const { keys, store } = await openOne();
    return {
      store,
      tenant,
      other,
      keys,
      collections: suiteCollections,
      dataFolder,
      keysFolder,
      failures,
      second: async () => {
        const { store: other } = await openOne();
        others.push(other);
        return other;
      },
      reopen: async () => {
        await store.close();
        return open();
      },
      bytesStored: async () =>
        Buffer.concat([readAll(dataFolder), (await bytesStored?.(dataFolder)) ?? Buffer.alloc(0)]),
      keyringText: () => store.engine.keyring.read(),
      dispose: async () => {
        for (const each of [store, ...others]) await each.close();
        rmSync(root, { recursive: true, force: true });
      },
    };
  };
  const bench = await open();
  await bench.store.operator().createTenantSpace(tenant);
  await bench.store.operator().createTenantSpace(other);
  return bench;
}

function readAll(folder: string): Buffer {
  const paths = readdirSync(folder, { recursive: true }).map((name) => join(folder, String(name)));
  return Buffer.concat(paths.filter((path) => statSync(path).isFile()).map((path) => readFileSync(path)));
}

/** The code of what a promise rejects with; fails the test when it does not reject. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return String((error as { code?: unknown }).code ?? (error as Error).message);
  }
  throw new Error('this was expected to be refused');
}
