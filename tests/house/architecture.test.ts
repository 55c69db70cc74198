import { globSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import architecture from '../../.dependency-cruiser.mjs';
import { plantTree, ROOT, runTool, type TemporaryFolder } from './planted-tree.ts';

/** The exports of our packages in the miniature repository, as in the real one. */
const WORKSPACES: Record<string, Record<string, string>> = {
  'packages/protocol': { '.': './src/index.ts' },
  'packages/crypto': { './identity': './src/identity/index.ts', './session': './src/session/index.ts' },
  'packages/client-core': { '.': './src/index.ts', './node': './src/node/index.ts' },
  'packages/safe-folder': { '.': './src/index.ts' },
  'packages/testkit': { '.': './src/index.ts', './mongo-double': './src/mongo-double/index.ts' },
  'apps/server': { '.': './src/index.ts', './main': './src/main.ts' },
  'apps/cli': {},
};

const DRIVERS = [
  'fastify',
  'ws',
  'pino',
  '@signalapp/sqlcipher',
  '@signalapp/libsignal-client',
  'vitest',
  'zod',
];

/** A miniature repository in which everything is where it belongs. */
const INNOCENT: Record<string, string> = {
  'packages/protocol/src/index.ts': `export * from './ids.ts';`,
  'packages/protocol/src/ids.ts': `import 'zod'; export const id = 1;`,
  'packages/crypto/src/identity/index.ts': `import '@signalapp/libsignal-client'; import 'node:crypto';`,
  'packages/crypto/src/session/index.ts': `import '../identity/index.ts'; import '@signalapp/libsignal-client';`,
  'packages/client-core/src/index.ts': `import '@kuvert/crypto/session'; import '@kuvert/protocol';`,
  'packages/client-core/src/node/index.ts': `import 'ws'; import '@signalapp/sqlcipher'; import 'node:fs'; import '../index.ts';`,
  'packages/safe-folder/src/index.ts': `import '@signalapp/sqlcipher'; import 'node:fs';`,
  'packages/testkit/src/index.ts': `import '@kuvert/server'; import '@kuvert/client-core/node';`,
  'packages/testkit/src/mongo-double/index.ts': `import 'node:net';`,
  'apps/server/src/index.ts': `import './app.ts';`,
  'apps/server/src/main.ts': `import './app.ts';`,
  'apps/server/src/app.ts': `import 'fastify'; import './features/devices/index.ts'; import './channel/socket.ts';`,
  'apps/server/src/channel/socket.ts': `import 'ws'; import '@kuvert/crypto/identity';`,
  'apps/server/src/store/store.ts': `export const store = 1;`,
  'apps/server/src/store/engine-sqlite/engine.ts': `import '@signalapp/sqlcipher'; import '../store.ts';`,
  'apps/server/src/store/conformance/suite.ts': `import 'vitest'; import '../store.ts';`,
  'apps/server/src/store/engine-sqlite/engine.test.ts': `import '../conformance/suite.ts'; import './engine.ts';`,
  'apps/server/src/features/devices/index.ts': `import './service.ts'; import './routes.device.ts';`,
  'apps/server/src/features/devices/service.ts': `import './collections.ts';`,
  'apps/server/src/features/devices/collections.ts': `import 'zod';`,
  'apps/server/src/features/devices/routes.device.ts': `import 'fastify'; import './service.ts';`,
  'apps/server/src/features/mailbox/index.ts': `import './service.ts';`,
  'apps/server/src/features/mailbox/service.ts': `import '../devices/index.ts';`,
  'apps/cli/src/kuvert.ts': `import '@kuvert/client-core/node';`,
  'tests/journeys/first.test.ts': `import 'vitest'; import '@kuvert/testkit';`,
};

/** One violation a file: the rule that must see it, the file, its text. */
const PLANTED: [rule: string, path: string, text: string][] = [
  ['no-cycles', 'packages/safe-folder/src/ring.ts', `import './ring-back.ts';`],
  ['no-cycles', 'packages/safe-folder/src/ring-back.ts', `import './ring.ts';`],
  ['no-unresolvable', 'apps/cli/src/deep-by-name.ts', `import '@kuvert/protocol/src/ids.ts';`],
  ['no-undeclared-package', 'apps/cli/src/undeclared.ts', `import 'zod';`],
  ['no-deep-import', 'apps/cli/src/deep.ts', `import '../../../packages/protocol/src/ids.ts';`],
  [
    'no-deep-import-from-tests',
    'tests/journeys/deep.test.ts',
    `import '../../packages/protocol/src/ids.ts';`,
  ],
  ['apps-apart', 'apps/cli/src/other-app.ts', `import '@kuvert/server';`],
  ['packages-below-apps', 'packages/client-core/src/above.ts', `import '@kuvert/server';`],
  ['feature-door', 'apps/server/src/features/mailbox/window.ts', `import '../devices/collections.ts';`],
  ['feature-door-from-server', 'apps/server/src/http/inside.ts', `import '../features/devices/service.ts';`],
  ['rules-without-framework', 'apps/server/src/features/people/service.ts', `import type {} from 'fastify';`],
  ['rules-without-framework', 'apps/server/src/features/people/collections.ts', `import 'ws';`],
  ['rules-without-framework', 'apps/server/src/features/people/jobs.ts', `import 'pino';`],
  ['sqlcipher-home', 'apps/server/src/store/shortcut.ts', `import '@signalapp/sqlcipher';`],
  ['mongodb-home', 'apps/server/src/store/detour.ts', `import 'mongodb';`],
  ['ws-home', 'apps/server/src/http/socket.ts', `import 'ws';`],
  ['fastify-home', 'apps/server/src/channel/route.ts', `import 'fastify';`],
  ['libsignal-home', 'packages/client-core/src/ratchet.ts', `import '@signalapp/libsignal-client';`],
  ['server-cannot-open-messages', 'apps/server/src/keys/open.ts', `import '@kuvert/crypto/session';`],
  ['server-cannot-open-messages', 'apps/server/src/keys/far.ts', `import './open.ts';`],
  ['server-cannot-open-messages', 'apps/server/src/keys/client.ts', `import '@kuvert/client-core';`],
  ['protocol-runs-anywhere', 'packages/protocol/src/hash.ts', `import 'node:crypto';`],
  ['client-core-without-io', 'packages/client-core/src/disk.ts', `import 'node:fs';`],
  ['client-core-without-io', 'packages/client-core/src/adapter.ts', `import './node/index.ts';`],
  ['no-io-in-crypto', 'packages/crypto/src/identity/disk.ts', `import 'node:fs/promises';`],
  ['no-test-code-in-production', 'apps/cli/src/kit.ts', `import '@kuvert/testkit';`],
  ['no-test-code-in-production', 'apps/server/src/double.ts', `import '@kuvert/testkit/mongo-double';`],
  ['no-test-code-in-production', 'apps/server/src/store/probe.ts', `import './conformance/suite.ts';`],
  ['no-test-code-in-production', 'apps/server/src/store/assert.ts', `import 'vitest';`],
  [
    'no-test-code-in-production',
    'apps/server/src/store/borrowed.ts',
    `import './engine-sqlite/engine.test.ts';`,
  ],
];

interface Cruise {
  violations: { rule: { name: string }; from: string; to: string }[];
  totalCruised: number;
}

const folders: TemporaryFolder[] = [];
let innocent: Cruise;
let planted: Cruise;

beforeAll(async () => {
  [innocent, planted] = await Promise.all([
    cruise(INNOCENT),
    cruise({ ...INNOCENT, ...Object.fromEntries(PLANTED.map(([, path, text]) => [path, text])) }),
  ]);
});

afterAll(() => {
  for (const folder of folders) folder[Symbol.dispose]();
});

test('house the miniature repository breaks no rule before anything is planted', () => {
  expect(innocent.violations).toEqual([]);
  expect(innocent.totalCruised).toBeGreaterThan(Object.keys(INNOCENT).length);
});

test.each(PLANTED)('house the rule %s catches %s', (rule, path) => {
  // A cycle is reported at one of its files only.
  const found = planted.violations.filter(({ from, to }) => from === path || to === path);
  expect(found.map((violation) => violation.rule.name)).toContain(rule);
});

test('house every architecture rule has a planted violation', () => {
  const names = architecture.forbidden?.map(({ name }) => name);
  expect([...new Set(PLANTED.map(([rule]) => rule))].sort()).toEqual(names?.sort());
});

test('house the architecture check sees every TypeScript file of the repository', async () => {
  const { stdout } = await runTool(
    'depcruise',
    ['--config', '.dependency-cruiser.mjs', '--output-type', 'json', 'apps', 'packages', 'scripts', 'tests'],
    ROOT,
  );
  const seen = new Set((JSON.parse(stdout).modules as { source: string }[]).map(({ source }) => source));
  const files = globSync(['{apps,packages}/*/src/**/*.ts', 'tests/**/*.ts'], { cwd: ROOT });
  expect(files.filter((file) => !seen.has(file))).toEqual([]);
});

/** Writes a miniature repository and looks at it with the rules of the real one. */
async function cruise(files: Record<string, string>): Promise<Cruise> {
  const folder = plantTree({ ...stubs(), ...files });
  folders.push(folder);
  mkdirSync(join(folder.path, 'node_modules/@kuvert'), { recursive: true });
  for (const workspace of Object.keys(WORKSPACES)) {
    symlinkSync(join('../..', workspace), join(folder.path, 'node_modules', nameOf(workspace)));
  }
  const { stdout } = await runTool(
    'depcruise',
    ['--config', join(ROOT, '.dependency-cruiser.mjs'), '--output-type', 'json', 'apps', 'packages', 'tests'],
    folder.path,
  );
  return JSON.parse(stdout).summary as Cruise;
}

/** The package.json of each workspace, and drivers that consist of nothing but their name. */
function stubs(): Record<string, string> {
  const files: Record<string, string> = { 'package.json': JSON.stringify({ name: 'kuvert', private: true }) };
  for (const [workspace, exports] of Object.entries(WORKSPACES)) {
    const dependencies = Object.fromEntries(
      [...DRIVERS, ...Object.keys(WORKSPACES).map(nameOf)]
        .filter((name) => !(workspace === 'apps/cli' && name === 'zod'))
        .map((name) => [name, '*']),
    );
    const description = { name: nameOf(workspace), type: 'module', exports, dependencies };
    files[`${workspace}/package.json`] = JSON.stringify(description);
  }
  for (const driver of DRIVERS) {
    files[`node_modules/${driver}/package.json`] = JSON.stringify({ name: driver, main: 'index.js' });
    files[`node_modules/${driver}/index.js`] = '';
  }
  return files;
}

function nameOf(workspace: string): string {
  return workspace.replace(/^(apps|packages)\//, '@kuvert/');
}
