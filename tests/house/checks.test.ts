import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { plantTree, ROOT, runTool } from './planted-tree.ts';

test('house the dead-code check catches an export that nothing uses, and a file that nothing imports', async () => {
  using tree = plantTree({
    'package.json': JSON.stringify({ name: 'kuvert', private: true, workspaces: ['packages/*'] }),
    'knip.json': readRoot('knip.json'),
    'packages/small/package.json': JSON.stringify({
      name: 'small',
      type: 'module',
      exports: './src/index.ts',
    }),
    'packages/small/src/index.ts': `import { used } from './inner.ts';\nexport const total = used + 1;\n`,
    'packages/small/src/inner.ts': 'export const used = 1;\nexport const plantedExport = 2;\n',
    'packages/small/src/planted-file.ts': 'export const alone = 3;\n',
  });
  const { code, stdout } = await runTool('knip', ['--no-progress', '--reporter', 'json'], tree.path);
  const issues = JSON.parse(stdout).issues as {
    file: string;
    files: object[];
    exports: { name: string }[];
  }[];
  expect(code).toBe(1);
  expect(issues.filter(({ files }) => files.length > 0).map(({ file }) => file)).toEqual([
    'packages/small/src/planted-file.ts',
  ]);
  expect(issues.flatMap(({ exports }) => exports.map(({ name }) => name))).toEqual(['plantedExport']);
});

test('house the lint catches whoever reads the environment outside of config.ts', async () => {
  const reads = 'export const home = process.env.HOME;\n';
  const configuration = JSON.parse(readRoot('biome.json'));
  using tree = plantTree({
    'biome.json': JSON.stringify({ ...configuration, vcs: { enabled: false } }),
    'apps/server/src/config.ts': reads,
    'apps/cli/src/config.ts': reads,
    'apps/server/src/planted.ts': reads,
    'apps/server/src/features/config.ts':
      "import { env } from 'node:process';\n\nexport const home = env.HOME;\n",
    'packages/crypto/src/planted.ts': reads,
  });
  const { code, stdout } = await runTool('biome', ['lint', '--reporter=json', '.'], tree.path);
  const found = JSON.parse(stdout).diagnostics as { category: string; location: { path: string | object } }[];
  expect(code).toBe(1);
  expect(
    found
      .filter(({ category }) => category === 'lint/style/noProcessEnv')
      .map(({ location }) => JSON.stringify(location.path).match(/(apps|packages)[^"]*/)?.[0])
      .sort(),
  ).toEqual([
    'apps/server/src/features/config.ts',
    'apps/server/src/planted.ts',
    'packages/crypto/src/planted.ts',
  ]);
});

test('house the type check catches a wrong type, an enum and an undeclared undefined', async () => {
  const configuration = JSON.parse(readRoot('tsconfig.json'));
  using tree = plantTree({
    'package.json': JSON.stringify({ type: 'module' }),
    'tsconfig.json': JSON.stringify({
      compilerOptions: { ...configuration.compilerOptions, types: [] },
      include: configuration.include,
    }),
    'packages/small/src/wrong.ts': `export const count: number = 'one';\n`,
    'packages/small/src/enum.ts': 'export enum Colour {\n  Red,\n}\n',
    'packages/small/src/index.ts': 'export const first: number = [1][0];\n',
    'packages/small/src/right.ts': 'export const right: number = 1;\n',
  });
  const { code, stdout } = await runTool('tsc', ['--noEmit'], tree.path);
  expect(code).not.toBe(0);
  expect(stdout.match(/^packages\S+\.ts(?=\()|TS\d+/gm)).toEqual([
    ...['packages/small/src/enum.ts', 'TS1294'],
    ...['packages/small/src/index.ts', 'TS2322'],
    ...['packages/small/src/wrong.ts', 'TS2322'],
  ]);
});

function readRoot(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}
