import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openProfileFolder } from '@kuvert/client-core/node';
import { CLASSES, idToBytes, makeId, makeSubmitId } from '@kuvert/protocol';
import { expect, test } from 'vitest';
import { makeCheapContainer } from '../cheap-container.ts';
import { TemporaryFolder } from '../temporary-folder.ts';
import { keepReplays, listSetAside, toldReplay } from './closed-profiles.ts';
import { Notebook } from './notebook.ts';

const bytes = (count: number) => Uint8Array.from(randomBytes(count));

test('P3 what a campaign keeps of a replay says whether the bytes came out of the same row again, and who has set what aside', async () => {
  using folder = new TemporaryFolder();
  const profileDir = join(folder.path, 'sender');
  const secret = bytes(16);
  await makeCheapContainer(profileDir, secret);
  const sender = { profileDir, secretHex: Buffer.from(secret).toString('hex') };
  const { store, close } = await openProfileFolder({ profileDir, secret, create: false });
  const [reader, group, from] = [
    makeId('device', bytes(16)),
    makeId('group', bytes(16)),
    makeId('device', bytes(16)),
  ];
  const [hash, leg] = [bytes(32), idToBytes(group)];
  const submitId = makeSubmitId(5, bytes(10));
  const seq = store.outbox.add({
    contentId: makeId('content', bytes(16)),
    kind: 'text',
    class: CLASSES.message,
    toMail: undefined,
    toPerson: undefined,
    toGroup: group,
    content: bytes(1),
    sentAtMs: 5,
  });
  const legs = [{ device: group, bytes: bytes(1), hash }];
  store.outbox.putSealed({
    seq,
    frame: bytes(1),
    chain: undefined,
    submitId,
    listHash: bytes(32),
    body: bytes(9),
    legs,
  });
  store.outbox.setAccepted(seq, 70);
  store.repairs.quarantine({
    legHash: bytes(32),
    leg,
    body: bytes(9),
    class: CLASSES.message,
    acceptedAtMs: 80,
    expiresAtMs: 1_000,
    senderDevice: reader,
    reason: 'undecryptable',
    atMs: 90,
    isOpen: true,
  });
  close();
  const path = join(folder.path, 'notebook');
  const notebook = new Notebook(path);
  const seen = { from, deliverySeq: 3, visit: 9, before: { visit: 7, atMs: 75 }, drainedVisit: 8 };
  for (const acceptedAtMs of [70, 71])
    notebook.recordReplay(toldReplay(reader, { legHash: hash, acceptedAtMs, ...seen }));
  notebook.recordReplay(toldReplay(reader, { legHash: bytes(32), acceptedAtMs: 1, ...seen }));
  notebook.close();
  await keepReplays(folder.path, [path], (device) => (device === from ? sender : undefined));
  const kept = JSON.parse(readFileSync(join(folder.path, 'replays.json'), 'utf8'));
  const sent = { seq, submitId, acceptedAtMs: 70, resends: 0 };
  expect(kept).toMatchObject([
    { device: reader, ...seen, sent, isSameRow: true },
    { sent, isSameRow: false },
    { device: reader, from },
  ]);
  expect(kept[2].isSameRow).toBeUndefined();
  const setAside = { device: from, from: reader, reason: 'undecryptable', isOfGroup: true, isOpen: true };
  expect(await listSetAside([[from, sender]])).toMatchObject([setAside]);
});
