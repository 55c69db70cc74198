import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CborValue, encodeCbor, makeId } from '@kuvert/protocol';
import { Database } from '@signalapp/sqlcipher';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openSqlcipherStore } from './open-store.ts';
import { Sql } from './rows.ts';
import { MIGRATIONS } from './schema.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kuvert-migrate-'));
});
afterEach(() => rm(folder, { recursive: true }));

const KEY = new Uint8Array(32).fill(7);
/** How many steps there were before what is large of a group stood in rows of its own. */
const STEPS_BEFORE = 10;
const id = <T extends Parameters<typeof makeId>[0]>(type: T) =>
  makeId(type, Uint8Array.from(randomBytes(16)));

test('A1 A8 a profile from before groups were kept in parts opens with their members, keys and the count of the own key', () => {
  const path = join(folder, 'container.db');
  const [groupId, unkeyed, conversationId, device] = [
    id('group'),
    id('group'),
    id('conversation'),
    id('device'),
  ];
  const members = Array.from({ length: 300 }, () => ({ person: id('person'), role: 'member', since: 1 }));
  const state = { epoch: 3, members, former: [], isDissolved: false };
  const own = { distribution: 'd', createdAtMs: 5, devices: [device], pending: [7] };
  const old = new Database(path);
  old.exec(`PRAGMA key = "x'${Buffer.from(KEY).toString('hex')}'"`);
  const sql = new Sql(old);
  for (const step of MIGRATIONS.slice(0, STEPS_BEFORE)) typeof step === 'string' ? old.exec(step) : step(sql);
  old.exec(`PRAGMA user_version = ${STEPS_BEFORE}`);
  const bytes = (value: unknown) => encodeCbor(value as CborValue);
  const put =
    'INSERT INTO chat_group (grp, conversation, state, title, key_number, key_devices, own) VALUES (?, ?, ?, ?, ?, ?, ?)';
  sql.run(put, groupId, conversationId, bytes(state), 'Release', 2, bytes([device]), bytes(own));
  sql.run(put, unkeyed, id('conversation'), bytes({ ...state, epoch: 1 }), 'Another', 0, null, null);
  sql.run('INSERT INTO group_count (grp, count) VALUES (?, ?)', groupId, 41);
  old.close();

  const { groups, close } = openSqlcipherStore(path, KEY);
  const group = { groupId, conversationId, title: 'Release', state };
  expect(groups.get(groupId)).toEqual(group);
  expect(groups.findByConversation(conversationId)).toEqual(group);
  expect(groups.list()).toHaveLength(2);
  expect(groups.getOwnKey(groupId)).toEqual({ ...own, count: 41 });
  expect(groups.getKeyDevices(groupId)).toEqual({ number: 2, devices: [device] });
  expect(groups.get(unkeyed)?.state.epoch).toBe(1);
  expect(groups.getOwnKey(unkeyed)).toBeUndefined();
  expect(groups.getKeyDevices(unkeyed)).toBeUndefined();
  close();
});

test('P1 what a transaction has changed of a group and took back is not what is read afterwards', () => {
  const store = openSqlcipherStore(':memory:', KEY);
  const { groups } = store;
  const groupId = id('group');
  const row = (epoch: number) => ({
    groupId,
    conversationId,
    title: 'Release',
    state: { epoch } as never,
  });
  const conversationId = id('conversation');
  const key = { distribution: 'first', createdAtMs: 1, count: 3, devices: [], pending: [] };
  groups.put(row(1));
  groups.putOwnKey(groupId, key);
  const undone = () => {
    groups.put(row(2));
    groups.putOwnKey(groupId, { ...key, distribution: 'second', count: 0 });
    groups.countOwnMessage(groupId);
    expect(groups.get(groupId)?.state.epoch).toBe(2);
    expect(groups.getOwnKey(groupId)).toMatchObject({ distribution: 'second', count: 1 });
    throw new Error('taken back');
  };
  expect(() => store.transaction(undone)).toThrow('taken back');
  expect(groups.get(groupId)?.state.epoch).toBe(1);
  expect(groups.getOwnKey(groupId)).toEqual(key);
  store.close();
});
