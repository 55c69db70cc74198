import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DemoFolder, type DemoPerson } from './demo-folder.ts';
import type { DemoStory } from './play.ts';
import { howToScreen, PROJECT_ROOT, SCREEN, shellQuote, storyScreen } from './screen.ts';
import { demoWords } from './words.ts';

const people: DemoPerson[] = ['Anna', 'Ben', 'Cem'].map((name) => ({
  name,
  mail: `${name.toLowerCase()}@demo.test`,
  folder: name.toLowerCase(),
}));

function story(language: 'en' | 'de'): DemoStory {
  const [asker, answerer] = people as [DemoPerson, DemoPerson];
  const words = demoWords(language);
  const [question, answer] = [words.question(answerer.name), words.answer(asker.name)];
  return {
    asker,
    answerer,
    question,
    questionRead: question,
    answer,
    answerRead: answer,
    envelope: { sizeBytes: 2_345, hex: '0123456789abcdef'.repeat(40) },
    questionMs: 1_234,
    answerMs: 12_345,
    readable: false,
  };
}

test.each(['en', 'de'] as const)('A1 the demo fits on one screen (%s)', (language) => {
  const folder = new DemoFolder(join(PROJECT_ROOT, 'data'));
  const screen = storyScreen(story(language), people, folder, {
    words: demoWords(language),
    colour: false,
  });
  const lines = screen.split('\n');
  expect(lines.length).toBeLessThan(SCREEN.lines);
  // The line that names the project folder is as long as that is.
  for (const line of lines.filter((line) => !line.includes(PROJECT_ROOT))) {
    expect(line.length, line).toBeLessThanOrEqual(SCREEN.columns);
  }
});

test('A1 the demo colours nothing unless it may', () => {
  const folder = new DemoFolder('/x/data');
  const draw = (colour: boolean) =>
    storyScreen(story('en'), people, folder, { words: demoWords('en'), colour });
  expect(draw(false)).not.toContain('\u001b');
  expect(draw(true)).toContain('\u001b');
});

test('A1 the commands name profiles from the project root, quoted for a shell', () => {
  const options = { words: demoWords('en'), colour: false };
  const inside = howToScreen(people, new DemoFolder(join(PROJECT_ROOT, 'data')), options);
  expect(inside).toContain('--profile data-demo/anna ');
  const outside = howToScreen(people, new DemoFolder("/srv/it's here/data"), options);
  expect(outside).toContain("--secret-file '/srv/it'\\''s here/data-demo/ben.secret'");
});

test('A1 whatever a path is, a shell reads it back as it is', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (word) => {
      fc.pre(!word.includes('\0'));
      const out = execFileSync('/bin/sh', ['-c', `printf %s ${shellQuote(word)}`]);
      expect(out.toString()).toBe(word);
    }),
    { numRuns: 50 },
  );
});
