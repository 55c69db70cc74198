import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeCbor, encodeContent, makeId, utf8 } from '@kuvert/protocol';
import { Database } from '@signalapp/sqlcipher';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { historyOf } from '../../history.ts';
import { NO_POLICY } from '../../ticks/policy.ts';
import { openSqlcipherStore } from './open-store.ts';
import { Sql } from './rows.ts';
import { MIGRATIONS } from './schema.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kuvert-migrate-'));
});
afterEach(() => rm(folder, { recursive: true }));

const KEY = new Uint8Array(32).fill(7);
const id = <T extends Parameters<typeof makeId>[0]>(type: T) =>
  makeId(type, Uint8Array.from(randomBytes(16)));

test('A8 a profile of the first release opens with everything that was written and received, and goes on', () => {
  const path = join(folder, 'container.db');
  const own = { tenantId: id('tenant'), personId: id('person'), deviceId: id('device') };
  const [bela, device] = [id('person'), id('device')];
  const [first, second, answer, waiting] = [id('content'), id('content'), id('content'), id('content')];
  const old = new Database(path);
  old.exec(`PRAGMA key = "x'${Buffer.from(KEY).toString('hex')}'"`);
  old.exec(String(MIGRATIONS[0]));
  old.exec('PRAGMA user_version = 1');
  const sql = new Sql(old);
  const put = sql.run.bind(sql);
  put("INSERT INTO value (name, value) VALUES ('own-device', ?)", encodeCbor(own));
  put('INSERT INTO person (person, mail, name) VALUES (?, ?, ?)', bela, 'bela@acme.test', 'Bela');
  const received = `INSERT INTO message (sender_device, sender_person, content_id, sent_at, accepted_at, kind, content, chain,
    chain_seq, printed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
  put(received, device, bela, first, 1_000, 1_000, 'text', utf8('first ü'), id('chain'), 1, 1);
  put(received, device, bela, second, 1_000, 1_001, 'text', utf8(''), null, null, 0);
  const sent = `INSERT INTO outbox (content_id, kind, class, to_mail, to_person, content, sent_at, work, accepted_at, delivered_at,
    chain, chain_seq) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
  const content = (text: string) => encodeContent({ kind: 'text', minReader: 1, text });
  put(
    sent,
    answer,
    'text',
    1,
    'bela@acme.test',
    bela,
    content('answer'),
    2_000,
    0,
    2_001,
    2_002,
    id('chain'),
    1,
  );
  put(sent, waiting, 'text', 1, 'cleo@acme.test', null, content('waiting'), 3_000, 1, null, null, null, null);
  put(
    sent,
    id('content'),
    'heartbeat',
    2,
    null,
    bela,
    content('not shown'),
    3_000,
    0,
    3_000,
    null,
    null,
    null,
  );
  old.close();

  const store = openSqlcipherStore(path, KEY);
  expect(historyOf({ store, own, policy: NO_POLICY }, { limit: 10 })).toMatchObject([
    { direction: 'in', messageId: first, text: 'first ü', sentAtMs: 1_000, from: 'bela@acme.test' },
    { direction: 'in', messageId: second, text: '' },
    { direction: 'out', messageId: answer, text: 'answer', to: 'bela@acme.test', state: 'delivered' },
    { direction: 'out', messageId: waiting, text: 'waiting', to: 'cleo@acme.test', state: 'queued' },
  ]);
  expect(store.messages.listUnprinted(10).map((message) => message.contentId)).toEqual([second]);
  expect(store.messages.has(device, first)).toBe(true);
  expect(store.conversations.list(10)).toHaveLength(2);
  expect([...store.conversations.countUnread()]).toEqual([]);
  store.close();
  const again = openSqlcipherStore(path, KEY);
  expect(historyOf({ store: again, own, policy: NO_POLICY }, { limit: 10 })).toHaveLength(4);
  again.close();
});
