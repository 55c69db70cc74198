import { readFile } from 'node:fs/promises';
import { ERRORS, type ErrorCode } from '@kuvert/protocol';
import { expect, test } from 'vitest';
import { exitCodeFor } from './exit-codes.ts';

test('A1 docs/cli.md says which exit code each error has', async () => {
  const page = await readFile(new URL('../../../docs/cli.md', import.meta.url), 'utf8');
  const documented = new Map<string, number>();
  for (const [, exit, , codes = ''] of page.matchAll(/^\| (\d) \|([^|]*)\|([^|]*)\|$/gm)) {
    for (const [, code = ''] of codes.matchAll(/`(\w+)`/g)) documented.set(code, Number(exit));
  }
  expect(documented.size).toBeGreaterThan(20);
  for (const code of Object.keys(ERRORS) as ErrorCode[]) {
    expect({ code, exit: exitCodeFor(code) }).toEqual({ code, exit: documented.get(code) ?? 3 });
  }
});
