import { makeId, type Signed } from '@kuvert/protocol';
import { describe, expect, test } from 'vitest';
import {
  certifyNextAccount,
  followKeyChanges,
  generateSigningKey,
  type KeyChangeKind,
  type SigningKey,
  signSuccession,
} from './index.ts';

const tenantId = makeId('tenant', new Uint8Array(16).fill(1));
const personId = makeId('person', new Uint8Array(16).fill(2));
const name = { tenantId, personId };
const authority = generateSigningKey();
const [first, second, third] = [generateSigningKey(), generateSigningKey(), generateSigningKey()] as const;

function certificate(kind: KeyChangeKind, from: SigningKey, to: SigningKey, by = authority): Signed {
  const keys = { from: from.publicKey, to: to.publicKey };
  return certifyNextAccount(by.privateKey, { ...name, kind, ...keys, nowMs: 1 });
}

function succession(from: SigningKey, to: SigningKey, by = from) {
  const keys = { from: from.publicKey, to: to.publicKey };
  return {
    certificate: certificate('succession', from, to),
    succession: signSuccession(by.privateKey, { ...name, ...keys, nowMs: 1 }),
  };
}

const reset = (from: SigningKey, to: SigningKey) => ({ certificate: certificate('reset', from, to) });

function follow(changes: Parameters<typeof followKeyChanges>[0], from: SigningKey, to: SigningKey) {
  const ends = { authorityKey: authority.publicKey, from: from.publicKey, to: to.publicKey };
  return followKeyChanges(changes, { ...name, ...ends });
}

describe('B6 N5 a key that follows another', () => {
  test('is a succession while each key vouches for the next, and a reset once the authority alone does', () => {
    const both = [succession(first, second), succession(second, third)];
    expect(follow(both, first, third)).toBe('succession');
    expect(follow(both, second, third)).toBe('succession');
    expect(follow([succession(first, second), reset(second, third)], first, third)).toBe('reset');
    expect(follow([reset(first, second), succession(second, third)], first, third)).toBe('reset');
  });

  test('is followed by nobody whom a step is missing, or who looks back', () => {
    const both = [succession(first, second), succession(second, third)];
    expect(follow(both.slice(1), first, third)).toBeUndefined();
    expect(follow(both, third, first)).toBeUndefined();
    expect(follow([], first, second)).toBeUndefined();
  });

  test('is believed neither without the old key, nor without the authority, nor for somebody else', () => {
    const honest = succession(first, second);
    expect(follow([{ certificate: honest.certificate }], first, second)).toBeUndefined();
    expect(follow([succession(first, second, third)], first, second)).toBeUndefined();
    const forged = certificate('reset', first, second, third);
    expect(follow([{ certificate: forged }], first, second)).toBeUndefined();
    const other = { ...name, personId: makeId('person', new Uint8Array(16).fill(3)) };
    const keys = { from: first.publicKey, to: second.publicKey };
    const foreign = certifyNextAccount(authority.privateKey, { ...other, kind: 'reset', ...keys, nowMs: 1 });
    expect(follow([{ certificate: foreign }], first, second)).toBeUndefined();
    // A statement of the old key for another new one does not fit either.
    const mixed = { ...honest, succession: succession(first, third).succession };
    expect(follow([mixed], first, second)).toBeUndefined();
  });
});
