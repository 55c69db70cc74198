import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { PERMISSIONS } from './permissions.ts';
import { permissionsPage } from './permissions-page.ts';
import { ADMIN_OPERATIONS } from './table.ts';

test('C3 docs/permissions.md says what the table says', () => {
  expect(readFileSync(new URL('../../../../docs/permissions.md', import.meta.url), 'utf8')).toBe(
    permissionsPage(),
  );
});

test('C3 every permission is asked for by an operation', () => {
  const asked = new Set(Object.values(ADMIN_OPERATIONS).map(({ access }) => access));
  expect(Object.keys(PERMISSIONS).filter((name) => !asked.has(name as never))).toEqual([]);
});
