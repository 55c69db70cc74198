/**
 * The byte-exact examples in `vectors/`: another client's author tests against the same files. Bytes are
 * hexadecimal, ids are in text form. What is computed from `input` must equal the rest, byte for byte; a
 * change here is a change of format.
 */
import { readFileSync } from 'node:fs';
import { CLASSES } from '@kuvert/protocol';
import { PrivateKey } from '@signalapp/libsignal-client';
import { expect, test } from 'vitest';
import { advanceChain, type ChainHead, nextChainEntry, startChain } from './chain.ts';
import { buildFrame, conversationIdFor, type FrameHeader, parseFrame } from './frame.ts';
import { encodeHeader } from './header.ts';
import { openLeg } from './leg.ts';
import { packFrame, unpackFrame } from './shared-body.ts';

// biome-ignore lint/suspicious/noExplicitAny: examples are checked by comparing them, not by their type.
type Example = any;

function examples(name: string): Example {
  return JSON.parse(readFileSync(new URL(`./vectors/${name}.json`, import.meta.url), 'utf8'));
}

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));
const hex = (value: Uint8Array) => Buffer.from(value).toString('hex');

function headerOf(json: Example): FrameHeader {
  const { chain, lists, policyHash, ...rest } = json;
  const head = (each: Example) => ({ version: each.version, hash: bytes(each.hash) });
  return {
    ...rest,
    ...(chain ? { chain: { ...chain, link: bytes(chain.link) } } : {}),
    lists: { own: head(lists.own), peer: head(lists.peer) },
    ...(policyHash ? { policyHash: bytes(policyHash) } : {}),
  };
}

test('B8 frames, headers and commitments are those of vectors/frames.json', () => {
  for (const { name, input, headerBytes, frame, commitment } of examples('frames').accepted) {
    const header = headerOf(input.header);
    const parts = { frankingKey: bytes(input.frankingKey), header, body: bytes(input.body) };
    expect(hex(encodeHeader(header)), name).toBe(headerBytes);
    const built = buildFrame(parts);
    expect({ frame: hex(built.bytes), commitment: hex(built.commitment) }, name).toEqual({
      frame,
      commitment,
    });
    expect(parseFrame(bytes(frame)), name).toEqual({ ...parts, commitment: bytes(commitment) });
  }
});

test('B8 the frames that vectors/frames.json refuses are refused for the same reason', () => {
  for (const { name, frame, reason } of examples('frames').refused) {
    expect(() => parseFrame(bytes(frame)), name).toThrow(expect.objectContaining({ reason }));
  }
});

test('B8 conversation ids and chain links are those of vectors/chain.json', () => {
  const { conversations, chain } = examples('chain');
  for (const { tenant, people, conversation } of conversations) {
    expect(conversationIdFor(tenant, people[0], people[1])).toBe(conversation);
  }
  let head: ChainHead = startChain(chain.input);
  expect(hex(head.link)).toBe(chain.startLink);
  for (const { seq, commitment, linkBefore, linkAfter } of chain.messages) {
    expect(nextChainEntry(head)).toEqual({ id: chain.input.id, seq, link: bytes(linkBefore) });
    head = advanceChain(head, bytes(commitment));
    expect(hex(head.link)).toBe(linkAfter);
  }
});

test('B1 plaintexts and shared bodies are those of vectors/shared-body.json', () => {
  for (const { name, input, plaintext, body } of examples('shared-body').packed) {
    const packed = packFrame(bytes(input.frame), bytes(input.oneTimeKey));
    expect(hex(packed.plaintext), name).toBe(plaintext);
    expect(packed.body && hex(packed.body), name).toBe(body);
    expect(hex(unpackFrame(bytes(plaintext), body && bytes(body))), name).toBe(input.frame);
  }
});

test('B1 the leg of vectors/leg.json opens to what it says', () => {
  const { input, type, senderDevice, ciphertext } = examples('leg');
  const address = { tenantId: input.tenant, recipientDevice: input.recipientDevice, class: CLASSES.message };
  const key = PrivateKey.deserialize(bytes(input.recipientIdentityPrivateKey));
  expect(openLeg(address, key, bytes(input.leg))).toEqual({
    type,
    senderDevice,
    ciphertext: bytes(ciphertext),
  });
});
