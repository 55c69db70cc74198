/** What comes into the product, and what must not: licences, weaknesses, install scripts, secrets; the bill of materials. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeToken, makeId } from '@kuvert/protocol';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import { expect, test } from 'vitest';
import { readAudit, runAudit } from '../../scripts/supply/audit.mjs';
import { findInstallScriptProblems } from '../../scripts/supply/install-scripts.mjs';
import { findLicenceProblems, isCompatible } from '../../scripts/supply/licences.mjs';
import { judgeReleases, newReleases } from '../../scripts/supply/release-age.mjs';
import { makeSbom } from '../../scripts/supply/sbom.mjs';
import { findSecrets, findSecretsIn } from '../../scripts/supply/secrets.mjs';
import { plantTree, ROOT } from '../house/planted-tree.ts';

const SCHEMAS = join(ROOT, 'node_modules', '@cyclonedx', 'cyclonedx-library', 'res', 'schema');

test('H9 every package that is shipped has a licence that AGPL-3.0-only can take in', () => {
  const { count, problems } = findLicenceProblems(ROOT);
  expect(problems).toEqual([]);
  expect(count).toBeGreaterThan(30);
});

test('H9 the licence check catches a package under another licence, without one, and one that only the lockfile knows', () => {
  const entry = (license?: string) => ({ version: '1.0.0', ...(license ? { license } : {}) });
  using tree = plantTree({
    'package-lock.json': JSON.stringify({
      packages: {
        '': {},
        'node_modules/good': entry('MIT'),
        'node_modules/bad': entry('MIT'),
        'node_modules/good/node_modules/inner': entry('MIT'),
        'node_modules/absent': entry('BUSL-1.1'),
        'node_modules/none': entry(),
        'node_modules/tool': { ...entry('SSPL-1.0'), dev: true },
      },
    }),
    'node_modules/good/package.json': '{"license":"(MIT OR CC0-1.0)"}',
    'node_modules/bad/package.json': '{"license":"SSPL-1.0"}',
    'node_modules/good/node_modules/inner/package.json': '{"licenses":[{"type":"GPL-2.0-only"}]}',
    'node_modules/none/package.json': '{}',
  });
  expect(findLicenceProblems(tree.path).problems.sort()).toEqual([
    'absent@1.0.0: BUSL-1.1',
    'bad@1.0.0: SSPL-1.0',
    'inner@1.0.0: GPL-2.0-only',
    'none@1.0.0: none',
  ]);
});

test.each([
  ['MIT', true],
  ['(MIT OR GPL-2.0-only)', true],
  ['MIT AND Apache-2.0', true],
  ['MIT AND GPL-2.0-only', false],
  ['(BSD-3-Clause AND (MIT OR SSPL-1.0))', true],
  ['GPL-2.0-only', false],
  ['SEE LICENSE IN LICENSE', false],
  ['UNLICENSED', false],
  ['(MIT', false],
  ['', false],
  [undefined, false],
])('H9 licence %s: %s', (expression, expected) => {
  expect(isCompatible(expression)).toBe(expected);
});

test('finding 28 H9 install scripts are off, and a package that brings one is noticed', () => {
  expect(findInstallScriptProblems(ROOT)).toEqual([]);
  using tree = plantTree({
    '.npmrc': 'ignore-scripts=false\n',
    'package.json': '{"scripts":{"postinstall":"node steal.js"}}',
    'package-lock.json': JSON.stringify({ packages: { 'node_modules/new': { hasInstallScript: true } } }),
  });
  expect(findInstallScriptProblems(tree.path)).toEqual([
    '.npmrc does not turn install scripts off',
    'new has an install script',
    'package.json has the script postinstall',
  ]);
});

test('H9 no secret is in the repository', () => {
  const { count, found } = findSecrets(ROOT);
  expect(found).toEqual([]);
  expect(count).toBeGreaterThan(200);
});

test('H9 the search for secrets finds planted ones, and takes examples for examples', () => {
  const random = (size: number) => Uint8Array.from(randomBytes(size));
  const token = encodeToken({
    tenantId: makeId('tenant', random(16)),
    tokenId: makeId('enrolmentToken', random(16)),
    secret: random(32),
    serverStatic: random(32),
    rootHash: random(32),
  });
  // Put together here, so that this file holds none itself.
  const pem = `-----BEGIN ${'PRIVATE'} KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n`;
  const hex = Buffer.from(random(32)).toString('hex');
  const planted = [
    pem,
    `token: ${token}`,
    `${'AKIA'}${'ABCDEFGH12345678'}`,
    `ghp${'_'}${'a1'.repeat(18)}`,
    `const key = '${hex}';`,
    `mongodb://root:${'hunter22'}@db.example/`,
  ];
  expect(planted.map((text) => findSecretsIn('apps/server/src/planted.ts', `\n${text}`))).toEqual(
    ['private key', 'enrolment token', 'AWS key', 'GitHub token', 'raw key', 'password in an address'].map(
      (kind) => [`apps/server/src/planted.ts:2: ${kind}`],
    ),
  );
  const examples = [
    `token: ${token.slice(0, -4)}${token.endsWith('AAAA') ? 'BBBB' : 'AAAA'}`,
    `kuvert1_${'A'.repeat(180)}`,
    '0'.repeat(64),
    `-----BEGIN ${'PRIVATE'} KEY-----`,
    'https://user@host.example/',
    hex.slice(0, 40),
  ];
  expect(examples.flatMap((text) => findSecretsIn('docs/planted.md', text))).toEqual([]);
  expect(findSecretsIn('packages/crypto/src/session/vectors/leg.json', hex)).toEqual([]);
});

test('H9 no package that is shipped has a known weakness of severity high or critical', async ({ skip }) => {
  const audit = await runAudit(ROOT);
  if (audit.state === 'unavailable') return skip(audit.reason);
  expect(audit.serious).toEqual([]);
});

test('H9 the audit gate fails for a serious weakness, passes for a small one, and never takes silence for a pass', () => {
  const report = (severity: string) =>
    JSON.stringify({
      auditReportVersion: 2,
      vulnerabilities: { small: { name: 'small', severity, range: '<1.2.3' } },
    });
  expect(readAudit(report('critical'))).toEqual({
    state: 'done',
    serious: ['small <1.2.3: critical'],
    total: 1,
  });
  expect(readAudit(report('low'))).toEqual({ state: 'done', serious: [], total: 1 });
  expect(readAudit('{"statusCode":405,"message":"no"}')).toEqual({
    state: 'unavailable',
    reason: 'the registry answered 405',
  });
  expect(readAudit('')).toMatchObject({ state: 'unavailable' });
});

/** Checks against the schemas that CycloneDX publishes for its own library. */
function schemaProblems(bom: { readonly specVersion: string }): unknown {
  const read = (name: string) =>
    JSON.parse(readFileSync(join(SCHEMAS, `${name}.SNAPSHOT.schema.json`), 'utf8')) as object;
  const ajv = new Ajv({ strict: false, allErrors: true });
  addFormats.default(ajv);
  for (const name of ['idn-email', 'iri-reference']) ajv.addFormat(name, true);
  for (const name of ['spdx', 'jsf-0.82', 'cryptography-defs'])
    ajv.addSchema({ ...read(name), $id: `http://cyclonedx.org/schema/${name}.SNAPSHOT.schema.json` });
  const validate = ajv.compile(read(`bom-${bom.specVersion}`));
  validate(bom);
  return validate.errors;
}

test('H9 the bill of materials is valid CycloneDX of the version that it names, names every package with its hash, and nothing of this machine', async () => {
  const { text } = await makeSbom(ROOT);
  const bom = JSON.parse(text);
  expect(schemaProblems(bom)).toBeNull();
  expect(bom.$schema).toBe(`http://cyclonedx.org/schema/bom-${bom.specVersion}.schema.json`);
  expect(bom).toMatchObject({
    bomFormat: 'CycloneDX',
    metadata: { component: { name: 'kuvert', type: 'application' } },
  });
  expect(bom.serialNumber).toMatch(
    /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/,
  );
  expect(bom.metadata).not.toHaveProperty('timestamp');
  const components = bom.components as { 'bom-ref': string; name: string; purl: string; hashes?: object[] }[];
  const foreign = components.filter(({ 'bom-ref': ref }) => !ref.startsWith('@kuvert/'));
  expect(foreign.length).toBeGreaterThan(30);
  expect(foreign.filter(({ hashes }) => !hashes?.length).map(({ name }) => name)).toEqual([]);
  expect(components.map(({ 'bom-ref': ref }) => ref)).toEqual(
    expect.arrayContaining(['fastify@5.12.8', '@signalapp/libsignal-client@0.103.0']),
  );
  expect(text).not.toContain(ROOT);
  expect(text).not.toContain('node_modules/');
});

test('H9 a bill of materials that is not what it says is noticed', async () => {
  const bom = JSON.parse((await makeSbom(ROOT)).text);
  expect(schemaProblems({ ...bom, bomFormat: 'SPDX' })).not.toBeNull();
  expect(schemaProblems({ ...bom, serialNumber: 'urn:uuid:none' })).not.toBeNull();
  const [first, ...others] = bom.components;
  expect(schemaProblems({ ...bom, components: [{ ...first, type: 'thing' }, ...others] })).not.toBeNull();
  expect(schemaProblems({ ...bom, components: [first, first, ...others] })).not.toBeNull();
  expect(schemaProblems({ ...bom, invented: true })).not.toBeNull();
});

test('finding 28 H9 a release comes in only once it has been public for a week, and silence of the registry is no age', async () => {
  const before = { 'node_modules/a': { version: '1.0.0' }, 'node_modules/b': { version: '2.0.0' } };
  const now = {
    '': { version: '0.1.0' },
    'node_modules/a': { version: '1.0.0' },
    'node_modules/b': { version: '2.0.1' },
    'node_modules/b/node_modules/@c/d': { version: '3.0.0' },
    'node_modules/@kuvert/cli': { version: '0.1.0', link: true },
  };
  const releases = newReleases(before, now);
  expect(releases).toEqual([
    ['@c/d', '3.0.0'],
    ['b', '2.0.1'],
  ]);
  const nowMs = Date.parse('2030-01-20T00:00:00Z');
  const times: Record<string, Record<string, string>> = {
    b: { '2.0.1': '2030-01-01T00:00:00Z' },
    '@c/d': { '3.0.0': '2030-01-14T00:00:00Z', '2.0.0': '2020-01-01T00:00:00Z' },
  };
  expect(await judgeReleases(releases, async (name) => times[name], nowMs)).toEqual({
    state: 'done',
    young: ['@c/d@3.0.0 has been public for 6 days: wait until it is 7'],
    count: 2,
  });
  const unknown = await judgeReleases([['b', '9.9.9']], async (name) => times[name], nowMs);
  expect(unknown).toMatchObject({ young: [expect.stringContaining('0 days')] });
  expect(await judgeReleases(releases, async () => undefined, nowMs)).toMatchObject({ state: 'unavailable' });
});
