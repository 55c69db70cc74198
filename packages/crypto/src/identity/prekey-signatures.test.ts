import { IdentityKeyPair, KEMKeyPair, PrivateKey } from '@signalapp/libsignal-client';
import { expect, test } from 'vitest';
import { verifyPrekeys } from './index.ts';

const identity = IdentityKeyPair.generate();
const identityKey = identity.publicKey.serialize();

function ec(id: number, signer = identity.privateKey) {
  const publicKey = PrivateKey.generate().getPublicKey().serialize();
  return { id, publicKey, signature: signer.sign(publicKey) };
}

function kyber(id: number, signer = identity.privateKey) {
  const publicKey = KEMKeyPair.generate().getPublicKey().serialize();
  return { id, publicKey, signature: signer.sign(publicKey) };
}

const upload = { signed: ec(1), lastResort: kyber(3), oneTime: [ec(1), ec(2)], kyber: [kyber(1), kyber(2)] };
const refused = expect.objectContaining({ code: 'prekeys_invalid' });

test('B6 prekeys that the device has signed are accepted, whole or in part', () => {
  verifyPrekeys(identityKey, upload);
  verifyPrekeys(identityKey, {});
  expect(() => verifyPrekeys(identityKey, { kyber: upload.kyber, signed: undefined })).not.toThrow();
});

test('B6 prekeys of another signer, no keys at all and repeated ids are refused', () => {
  const stranger = PrivateKey.generate();
  const wrong = [
    { ...upload, signed: ec(1, stranger) },
    { ...upload, lastResort: kyber(3, stranger) },
    { ...upload, kyber: [kyber(1), kyber(2, stranger)] },
    { ...upload, signed: { ...upload.signed, publicKey: upload.lastResort.publicKey } },
    { ...upload, oneTime: [{ id: 1, publicKey: new Uint8Array(33) }] },
    { ...upload, oneTime: [ec(1), ec(1)] },
    { ...upload, kyber: [kyber(3)] },
    { ...upload, kyber: [{ ...kyber(1), publicKey: new Uint8Array(1569) }] },
    {
      ...upload,
      signed: { id: 1, publicKey: identityKey, signature: identity.privateKey.sign(identityKey) },
    },
  ];
  for (const [index, prekeys] of wrong.entries()) {
    expect(() => verifyPrekeys(identityKey, prekeys), `upload ${index}`).toThrow(refused);
  }
  expect(() => verifyPrekeys(new Uint8Array(33), upload)).toThrow(refused);
});
