/** What the demo shows: one screen of at most 24 lines of 80 columns, and the commands to go on with. */
import { isAbsolute, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { showLine } from '../terminal-text.ts';
import type { DemoFolder, DemoPerson } from './demo-folder.ts';
import type { DemoStory } from './play.ts';
import type { DemoWords } from './words.ts';

const COLUMNS = 80;
const LABEL_COLUMNS = 18;
const BOX_COLUMNS = 17;
const HEX_BYTES_A_LINE = 18;
const HEX_LINES = 2;

/** The folder in which `./kuvert` is. */
export const PROJECT_ROOT = fileURLToPath(new URL('../../../..', import.meta.url)).replace(/\/$/, '');

/** How to draw. */
export interface ScreenOptions {
  readonly words: DemoWords;
  readonly colour: boolean;
}

/** The whole story, and how to go on. */
export function storyScreen(
  story: DemoStory,
  people: readonly DemoPerson[],
  folder: DemoFolder,
  options: ScreenOptions,
): string {
  const { words } = options;
  const { asker, answerer, envelope } = story;
  const verdict = story.readable ? words.somethingReadable : words.nothingReadable;
  return [
    bold(words.title(listNames(people, words)), options),
    '',
    ...picture(asker, answerer, words),
    '',
    row(words.wrote(asker.name), showLine(story.question)),
    row(words.serverHeld, words.envelope(envelope.sizeBytes, verdict)),
    ...hexLines(envelope.hex).map((line, index) =>
      row(index === 0 ? words.awayOf(answerer.name) : '', dim(line, options)),
    ),
    row(words.read(answerer.name), showLine(story.questionRead)),
    row(words.answered(answerer.name), showLine(story.answer)),
    row(words.read(asker.name), showLine(story.answerRead)),
    row(words.time, words.times(story.questionMs, story.answerMs)),
    '',
    ...howToLines(people, folder, options),
  ].join('\n');
}

/** Only how to go on, for later starts. */
export function howToScreen(
  people: readonly DemoPerson[],
  folder: DemoFolder,
  options: ScreenOptions,
): string {
  return howToLines(people, folder, options).join('\n');
}

/** How to begin where there is no demo. */
export function beginScreen(dataDir: string, { words }: ScreenOptions): string {
  const data = shellQuote(fromProjectRoot(dataDir));
  return [
    words.begin,
    `  ./kuvert operator tenant create --data ${data} --name Acme`,
    `  ./kuvert operator person add --data ${data} --tenant tn_… \\`,
    '    --name Anna --mail anna@acme.test',
    `  ./kuvert operator token create --data ${data} --person pe_…`,
    '  ./kuvert enrol --help',
  ].join('\n');
}

function howToLines(people: readonly DemoPerson[], folder: DemoFolder, options: ScreenOptions): string[] {
  const { words } = options;
  const [first, second, ...others] = people;
  if (first === undefined || second === undefined) return [];
  const identity = (person: DemoPerson): string[] => {
    const profile = `    --profile ${shellQuote(fromProjectRoot(folder.profile(person)))}`;
    const secret = `--secret-file ${shellQuote(fromProjectRoot(folder.secretFile(person)))}`;
    const both = `${profile} ${secret}`;
    return both.length <= COLUMNS ? [both] : [`${profile} \\`, `    ${secret}`];
  };
  return [
    bold(words.howTo(showLine(PROJECT_ROOT)), options),
    `  ./kuvert send --to ${second.mail} --text '${words.greeting} ${second.name}' \\`,
    ...identity(first),
    '  ./kuvert inbox \\',
    ...identity(second),
    words.others(
      first.folder,
      [second, ...others].map((person) => person.folder),
    ),
  ];
}

function picture(asker: DemoPerson, answerer: DemoPerson, words: DemoWords): string[] {
  const edge = `+${'-'.repeat(BOX_COLUMNS - 2)}+`;
  const box = (text: string): string => `|${centre(text, BOX_COLUMNS - 2)}|`;
  const titles = [words.deviceOf(asker.name), words.server, words.deviceOf(answerer.name)];
  return [
    `  ${titles.map((title) => centre(title, BOX_COLUMNS)).join(' '.repeat(9))}`.trimEnd(),
    `  ${[edge, edge, edge].join(' '.repeat(9))}`,
    `  ${[box(words.seals), box(words.holds), box(words.opens)].join('  ---->  ')}`,
    `  ${[edge, edge, edge].join(' '.repeat(9))}`,
  ];
}

function centre(text: string, columns: number): string {
  const left = Math.max(0, Math.floor((columns - text.length) / 2));
  return `${' '.repeat(left)}${text}`.padEnd(columns);
}

function row(label: string, text: string): string {
  return `  ${label.padEnd(LABEL_COLUMNS)} ${text}`;
}

function hexLines(hex: string): string[] {
  const bytes = hex.match(/../g) ?? [];
  const lines = [];
  for (let line = 0; line < HEX_LINES; line += 1) {
    const part = bytes.slice(line * HEX_BYTES_A_LINE, (line + 1) * HEX_BYTES_A_LINE);
    lines.push(part.join(' '));
  }
  return lines;
}

function listNames(people: readonly DemoPerson[], words: DemoWords): string {
  const names = people.map((person) => person.name);
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} ${words.and} ${names.at(-1)}`;
}

/** Paths inside the project are shown from its root, where the commands are to be typed. */
function fromProjectRoot(path: string): string {
  const short = relative(PROJECT_ROOT, path);
  return short !== '' && !short.startsWith('..') && !isAbsolute(short) ? short : path;
}

/** A word that a POSIX shell reads back as it is. */
export function shellQuote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function bold(text: string, { colour }: ScreenOptions): string {
  return colour ? `\u001b[1m${text}\u001b[0m` : text;
}

function dim(text: string, { colour }: ScreenOptions): string {
  return colour ? `\u001b[2m${text}\u001b[0m` : text;
}

/** Exported for the test that holds the screen to its size. */
export const SCREEN = { lines: 24, columns: COLUMNS } as const;
