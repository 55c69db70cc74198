import { MongoClient } from 'mongodb';
import { afterAll, afterEach, expect, test, vi } from 'vitest';
import { startTestMongo } from '../conformance/mongo-server.ts';
import type { Hint } from '../engine.ts';
import { Nodes } from './nodes.ts';

const mongo = await startTestMongo();
const client = new MongoClient(mongo.url);
const db = client.db(`kuvert_nodes_${process.pid}`);
let nodes: Nodes[] = [];
afterEach(async () => {
  await Promise.all(nodes.map((node) => node.close()));
  nodes = [];
});
afterAll(async () => {
  await db.dropDatabase().catch(() => undefined);
  await client.close();
  await mongo.stop();
});

/** A server that looks often, and says every `beatMs` that it is here. */
async function join(beatMs: number) {
  const node = new Nodes(db, 'server', { pollMs: 10, beatMs, rescanMs: 600_000 });
  nodes.push(node);
  const heard: Hint[] = [];
  let gaps = 0;
  node.listen({ onHint: (hint) => void heard.push(hint), onGap: () => void gaps++ });
  await node.join();
  return { node, heard, gaps: () => gaps };
}
const hint = (device: string): Hint => ({ space: 'space', device, kind: 'locked' });

test('H2 what one server says, the other hears once and in order', async () => {
  const first = await join(100);
  const second = await join(100);
  await vi.waitFor(() => expect(first.node.hasOthers).toBe(true));
  for (const device of ['a', 'b', 'c']) {
    first.node.publish(hint(device));
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  await vi.waitFor(() => expect(second.heard).toHaveLength(3));
  expect(second.heard).toEqual(['a', 'b', 'c'].map(hint));
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect([second.heard.length, second.gaps()]).toEqual([3, 0]);
});

test('H2 what is said before one has seen who else is there shows as a gap, and only once', async () => {
  const first = await join(400);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const second = await join(50);
  expect(first.node.hasOthers).toBe(false);
  first.node.publish(hint('unheard'));
  await vi.waitFor(() => expect(second.gaps()).toBe(1), { timeout: 5_000 });
  first.node.publish(hint('heard'));
  await vi.waitFor(() => expect(second.heard).toEqual([hint('heard')]));
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(second.gaps()).toBe(1);
});
