import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { TemporaryFolder } from '@kuvert/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { completePath } from './complete-path.ts';

const folder = new TemporaryFolder();
const at = (path: string) => `${folder.at()}/${path}`;
beforeAll(() => {
  mkdirSync(at('Pläne'));
  for (const name of ['plan.pdf', 'plan b.pdf', '.hidden', 'Übersicht.txt', 'bad\nname']) {
    writeFileSync(at(name), '');
  }
  symlinkSync(at('Pläne'), at('link'));
});
afterAll(() => folder[Symbol.dispose]());

test('A1 a path is completed as far as it is the same for all, and the rest is named', async () => {
  expect(await completePath(at('pl'))).toEqual({ path: at('plan'), names: ['plan b.pdf', 'plan.pdf'] });
  expect(await completePath(at('plan.'))).toEqual({ path: at('plan.pdf'), names: [] });
  expect(await completePath(`"${at('plan ')}`)).toEqual({ path: `"${at('plan b.pdf')}`, names: [] });
  expect(await completePath(at('PLÄ'))).toEqual({ path: at('Pläne/'), names: [] });
  expect(await completePath(at('übe'))).toEqual({ path: at('Übersicht.txt'), names: [] });
});

test('A1 folders end in a slash, hidden files are for who asks, and nothing is made up', async () => {
  expect(await completePath(at('li'))).toEqual({ path: at('link/'), names: [] });
  expect(await completePath(at('.h'))).toEqual({ path: at('.hidden'), names: [] });
  expect((await completePath(at('')))?.names).toEqual([
    'link/',
    'plan b.pdf',
    'plan.pdf',
    'Pläne/',
    'Übersicht.txt',
  ]);
  expect(await completePath(at('plan'), { isFolder: true })).toBeUndefined();
  expect(await completePath(at('missing/x'))).toBeUndefined();
  expect(await completePath('~')).toEqual({ path: '~/', names: [] });
});
