/** Whoever gets in past the API is seen by everybody who administers the place (C4, F6). */
import { startInstallation } from '@kuvert/testkit';
import { expect, test } from 'vitest';

test('C4 F6 an invitation past the API stands in the log of that tenant for each of its administrators and auditors, in the operator’s, and in no other', async () => {
  await using installation = await startInstallation();
  const acme = await installation.tenant('Acme');
  const other = await installation.tenant('Other');
  const { tenantId } = acme;
  const params = { tenantId };
  const stranger = await installation.administrator('tenant-admin', 'Stranger', other.tenantId);
  const operator = await installation.administrator('operator', 'Olga');
  const watching = [
    await installation.administrator('tenant-admin', 'Anna', tenantId),
    await installation.administrator('tenant-admin', 'Berta', tenantId),
    await installation.administrator('auditor', 'Rita', tenantId),
  ];
  const [anna] = watching;
  const query = { action: 'break-glass.invited', limit: '100' };
  const read = async (somebody: (typeof watching)[number]) =>
    (await somebody.call('audit.search', { params, query })).result.entries;
  const before = anna === undefined ? [] : await read(anna);

  const { code } = await installation.operator.call('administratorInvite', {
    role: 'tenant-admin',
    mail: 'mallory@acme.test',
    tenantId,
  });

  const seen = await Promise.all(watching.map(read));
  for (const entries of seen) {
    expect(entries).toHaveLength(before.length + 1);
    expect(entries[0]).toMatchObject({ action: 'break-glass.invited', outcome: 'done' });
    expect(entries[0]?.object).toMatch(/^iv_/);
    expect(entries).toEqual(seen[0]);
    expect(JSON.stringify(entries)).not.toContain(code);
  }
  // It is there from the moment of the invitation on, and goes on to be there when it was used.
  const mallory = await installation.accept(code, { name: 'Mallory', mail: 'mallory@acme.test' });
  expect((await read(mallory))[0]?.entryId).toBe(seen[0]?.[0]?.entryId);
  const { entries: ofOperator } = (await operator.call('operator-audit.search', { query })).result;
  expect(ofOperator.some(({ object }) => object === seen[0]?.[0]?.object)).toBe(true);
  await expect(read(stranger)).rejects.toMatchObject({ code: 'not_found' });
  const { entries: elsewhere } = (
    await stranger.call('audit.search', { params: { tenantId: other.tenantId }, query })
  ).result;
  expect(elsewhere.map(({ object }) => object)).not.toContain(seen[0]?.[0]?.object);
});
