import { expect, test } from 'vitest';
import { checkHello, checkVersion, UnsafeDatabaseError } from './server-checks.ts';

const reasonOf = (work: () => void): string | undefined => {
  try {
    work();
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(UnsafeDatabaseError);
    expect(error).toMatchObject({ code: 'store_unsafe' });
    return (error as UnsafeDatabaseError).reason;
  }
};

test.for([
  ['6.0.30', 'too old'],
  ['4.4.30', 'too old'],
  ['7.0.27', '7.0.28'],
  ['7.0.28', undefined],
  ['7.0.100', undefined],
  ['7.1.3', 'CVE-2025-14847'],
  ['7.3.9', 'CVE-2025-14847'],
  ['8.0.0', '8.0.17'],
  ['8.0.16', '8.0.17'],
  ['8.0.17', undefined],
  ['8.0.17-rc0', undefined],
  ['8.1.9', 'CVE-2025-14847'],
  ['8.2.2', '8.2.3'],
  ['8.2.3', undefined],
  ['8.3.0', undefined],
  ['9.0.0', undefined],
  ['', 'too old'],
  ['nonsense', 'too old'],
] as const)('H2 version %s is taken or refused with what to do: %s', ([version, what]) => {
  const reason = reasonOf(() => checkVersion({ version }));
  if (what === undefined) expect(reason).toBeUndefined();
  else expect(reason).toContain(what);
});

test('H2 only members of a replica set and routers of a cluster are taken', () => {
  expect(reasonOf(() => checkHello({ setName: 'rs0' }))).toBeUndefined();
  expect(reasonOf(() => checkHello({ msg: 'isdbgrid' }))).toBeUndefined();
  expect(reasonOf(() => checkHello({ isWritablePrimary: true }))).toContain('--replSet');
  expect(reasonOf(() => checkVersion({ version: '7.0.77', ferretdb: {} }))).toContain('FerretDB');
});
