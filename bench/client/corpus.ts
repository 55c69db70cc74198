/**
 * What people in an office might write in some years: words whose frequencies fall as those of a language do (Zipf), mostly short messages and a
 * few long ones, with umlauts, emoji and some Japanese in between. The same seed gives the same texts.
 */
import type { PastMessage } from '@kuvert/client-core/filling';
import { makeId, type Person } from '@kuvert/protocol';

const VOCABULARY = 30_000;
const SYLLABLES =
  'ab an auf be bei da der die ein er ge haus ho in kei kla la lie ma mit na nen ni o per pro rech re ru sa schlü se sor stra ta te über um un ver vor wei wie zu zür grö mö ßen'.split(
    ' ',
  );
const EMOJI = ['👍', '👍🏽', '❤️', '😂', '🎉', '👩‍💻', '🇩🇪', '☕', '🙈'];
const JAPANESE = ['明日の会議は三時です', '資料を送ります', '了解しました'];

/** Words that stand in a known number of messages, so that what is found can be counted. */
export const PROBES = {
  /** In one message. */
  once: 'Quetschkommode',
  /** In one of a thousand. */
  seldom: 'Rückfahrkarte',
  /** In every second message. */
  often: 'und',
  /** Two words in a row in one of a hundred. */
  phrase: 'offene Rechnung',
  emoji: '🦔',
  /** At the end of messages as long as they may be, one in two thousand. */
  afterMuch: 'Nachtrag',
} as const;

const LONG_CHARACTERS = 59_000;

/** People with whom all of it was written. */
export function makePeople(count: number): Person[] {
  return Array.from({ length: count }, (_, i) => {
    const bytes = new Uint8Array(16);
    bytes.set([0x70, i >> 8, i & 0xff]);
    const name = `${capital(wordOf(i + 17))} ${capital(wordOf(i * 31 + 400))}`;
    return { personId: makeId('person', bytes), name, mail: `colleague${i}@bench.test` };
  });
}

/** A past that ends at `endMs`; a message every ten minutes, by day and night. */
export function* pastMessages(options: {
  readonly count: number;
  readonly people: readonly Person[];
  readonly endMs: number;
}): Generator<PastMessage> {
  const { count, people, endMs } = options;
  const random = randomFrom(20261121);
  const zipf = zipfOver(VOCABULARY, random);
  for (let i = 0; i < count; i++) {
    // Few people are written with much, most a little.
    const person = people[Math.floor(random() ** 3 * people.length)];
    if (person === undefined) throw new Error('there are no people');
    const length = Math.max(1, Math.round(Math.exp(1.9 + 0.8 * gauss(random))));
    const words = Array.from({ length }, () => wordOf(zipf()));
    if (random() < 0.1) words.push(pick(EMOJI, random));
    if (random() < 0.01) words.push(pick(JAPANESE, random));
    if (i % 2 === 0) words.splice(words.length >> 1, 0, PROBES.often);
    if (i % 100 === 7) words.push(PROBES.phrase);
    if (i % 1_000 === 13) words.push(PROBES.seldom);
    if (i % 500 === 21) words.push(PROBES.emoji);
    if (i === Math.floor(count / 3)) words.push(PROBES.once);
    if (i % 2_000 === 33) {
      let long = '';
      while (long.length < LONG_CHARACTERS) long += `${wordOf(zipf())} `;
      words.push(long, PROBES.afterMuch);
    }
    const direction = random() < 0.45 ? 'out' : 'in';
    yield { person, direction, text: capital(words.join(' ')), atMs: endMs - (count - i) * 600_000 };
  }
}

/** The word of a rank: a number written in syllables, short for the frequent ones. */
export function wordOf(rank: number): string {
  let word = '';
  for (let rest = rank + 1; rest > 0; rest = Math.floor(rest / SYLLABLES.length)) {
    word += SYLLABLES[rest % SYLLABLES.length];
  }
  return word;
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

function pick<T>(from: readonly T[], random: () => number): T {
  return from[Math.floor(random() * from.length)] as T;
}

function zipfOver(size: number, random: () => number): () => number {
  const sums = new Float64Array(size);
  let sum = 0;
  for (let rank = 0; rank < size; rank++) sums[rank] = sum += 1 / (rank + 3);
  return () => {
    const wanted = random() * sum;
    let [low, high] = [0, size - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] ?? 0) < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

/** Sum of uniforms, near enough to a normal distribution. */
function gauss(random: () => number): number {
  let sum = -6;
  for (let i = 0; i < 12; i++) sum += random();
  return sum;
}

/** Mulberry32. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
