/**
 * Random conversations between two and three devices over staged stores: any interleaving of sends,
 * deliveries, drops, repeated deliveries, late deliveries and crashes before the commit. libsignal keeps five
 * receiving chains, so nothing is delivered later than four sends of the same direction after it was sent.
 */
import { CLASSES, makeId, utf8 } from '@kuvert/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type MemoryDevice, makeDevice, START_MS } from './in-memory-device.ts';

const tenant = makeId('tenant', new Uint8Array(16).fill(1));
const AGE_MAX = 4;

interface Letter {
  readonly from: MemoryDevice;
  readonly to: MemoryDevice;
  readonly leg: Uint8Array;
  readonly text: string;
  readonly no: number;
}

interface Step {
  readonly what: 'send' | 'deliver' | 'drop' | 'repeat';
  readonly from: number;
  readonly to: number;
  readonly pick: number;
  readonly isCrash: boolean;
}

class Post {
  readonly #devices: readonly MemoryDevice[];
  readonly #underWay: Letter[] = [];
  readonly #delivered: Letter[] = [];
  #sent = 0;

  constructor(count: number) {
    this.#devices = Array.from({ length: count }, (_, index) => makeDevice(tenant, index));
  }

  async run(step: Step): Promise<void> {
    const from = this.#devices[step.from % this.#devices.length];
    const to = this.#devices[step.to % this.#devices.length];
    if (step.what === 'send' && from && to && from !== to) return this.#send(from, to, step.isCrash);
    if (step.what === 'repeat') return this.#repeat(this.#delivered[step.pick % this.#delivered.length]);
    const [letter] = this.#underWay.splice(step.pick % Math.max(1, this.#underWay.length), 1);
    if (letter && step.what === 'deliver') return this.#deliver(letter, step.isCrash);
  }

  async settle(): Promise<void> {
    for (const letter of this.#underWay.splice(0)) await this.#deliver(letter, false);
  }

  async #send(from: MemoryDevice, to: MemoryDevice, isCrash: boolean): Promise<void> {
    const no = ++this.#sent;
    const text = `message ${no}`;
    const bundle = from.cipher.hasSession(to.id, START_MS) ? undefined : to.takeBundle();
    const { leg, writes } = await from.cipher.encrypt({
      peer: to.listed,
      plaintext: utf8(text),
      class: CLASSES.message,
      nowMs: START_MS,
      bundle,
    });
    if (isCrash) return;
    from.records.commit(writes);
    this.#underWay.push({ from, to, leg, text, no });
    const sameWay = this.#underWay.filter((letter) => letter.from === from && letter.to === to);
    const tooOld = sameWay.filter((letter) => no - letter.no > AGE_MAX);
    for (const letter of tooOld) this.#underWay.splice(this.#underWay.indexOf(letter), 1);
  }

  async #deliver(letter: Letter, isCrash: boolean): Promise<void> {
    const { to, from, leg, text } = letter;
    if (isCrash) await to.cipher.decrypt(to.cipher.openLeg(leg, CLASSES.message), from.listed);
    const opened = to.cipher.openLeg(leg, CLASSES.message);
    const { plaintext, writes } = await to.cipher.decrypt(opened, from.listed);
    to.records.commit(writes);
    expect(new TextDecoder().decode(plaintext)).toBe(text);
    this.#delivered.push(letter);
  }

  async #repeat(letter: Letter | undefined): Promise<void> {
    if (letter === undefined) return;
    const opened = letter.to.cipher.openLeg(letter.leg, CLASSES.message);
    const attempt = letter.to.cipher.decrypt(opened, letter.from.listed);
    await expect(attempt).rejects.toMatchObject({ name: 'SessionError' });
    const reason = await attempt.catch((error) => error.reason);
    // Beyond libsignal's five chains it no longer knows the message; it is refused all the same.
    const isRecent = this.#sent - letter.no <= AGE_MAX;
    expect(isRecent ? ['duplicate'] : ['duplicate', 'undecryptable']).toContain(reason);
  }
}

const step: fc.Arbitrary<Step> = fc.record({
  what: fc.constantFrom('send', 'send', 'deliver', 'deliver', 'deliver', 'drop', 'repeat'),
  from: fc.nat(2),
  to: fc.nat(2),
  pick: fc.nat(),
  isCrash: fc.boolean(),
});

for (const count of [2, 3]) {
  test(`C1 ${count} devices read each other's messages once each, whatever is lost, late, repeated or interrupted`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 80 }), async (steps) => {
        const post = new Post(count);
        for (const each of steps) await post.run(each);
        await post.settle();
      }),
      { numRuns: 60 },
    );
  });
}
