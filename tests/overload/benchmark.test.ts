/** The benchmark itself, in its short form: what it says of rates means little here, what it says of losses is true. The long form is `npm run bench`. */
import { PROJECT_ROOT, resultOf, Site } from '@kuvert/testkit';
import { expect, test } from 'vitest';

test('H3 H8 in the benchmark server and ceiling take turns, whatever is sent arrives once, and a group keeps a message once', async () => {
  await using site = new Site();
  const args = ['bench/main.ts', '--short', '--json', '--seconds', '0.3', '--inflight', '256'];
  const parts = ['--only', 'online,offline,fanout,group,syncs'];
  const child = site.children.start(process.execPath, [...args, ...parts], {
    cwd: PROJECT_ROOT,
    env: site.environment(),
  });
  const { code, json, stderr } = await resultOf(child);
  expect(code, stderr).toBe(0);
  const loads = json.filter(({ what }) => ['online', 'offline', 'fanout', 'group'].includes(String(what)));
  const measured = (peer: string) => loads.filter((row) => row.peer === peer).map(({ what }) => what);
  const all = ['online', 'offline', 'fanout', 'fanout', 'group', 'group'];
  expect(measured('kuvert')).toEqual(all);
  expect(measured('ceiling')).toEqual(all);
  for (const row of loads) {
    expect(row).toMatchObject({ lost: 0, twice: 0 });
    expect(Number(row.per_s ?? row.fetch_per_s ?? row.deliveries_per_s), String(row.what)).toBeGreaterThan(0);
  }
  expect(json.find(({ what }) => what === 'group-stored')?.body_bytes).toBeLessThanOrEqual(600);
  // Where there is no strace, nobody counts.
  const syncs = json.find(({ what }) => what === 'syncs');
  if (syncs !== undefined) expect(syncs.per_msg).toBeLessThanOrEqual(0.1);
});
