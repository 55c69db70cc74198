import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { type Frame, plain } from '../render/line.ts';
import { Painter } from './painter.ts';
import { themeOf, themeOfBackground, themeOfEnvironment } from './theme.ts';

/** A terminal that takes each write only when it is told to. */
class SlowTerminal extends Writable {
  readonly written: string[] = [];
  #taken: (() => void) | undefined;

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written.push(chunk.toString());
    this.#taken = done;
  }
  take(): void {
    this.#taken?.();
  }
}

const theme = themeOf('none', 24);
const frame = (...lines: string[]): Frame => ({
  lines: lines.map((line) => plain(line)),
  cursor: { row: 0, column: 1 },
});
const soon = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

test('A1 a slow terminal gets the newest screen and none of those in between', async () => {
  const terminal = new SlowTerminal();
  const painter = new Painter(terminal);
  for (let number = 1; number <= 100; number += 1) {
    painter.request(() => ({ frame: frame(`screen ${number}`), theme }));
    await soon();
  }
  expect(terminal.written).toHaveLength(1);
  expect(terminal.written[0]).toContain('screen 1');
  terminal.take();
  await soon();
  expect(terminal.written).toHaveLength(2);
  expect(terminal.written[1]).toContain('screen 100');
});

test('A1 only lines that changed are written', async () => {
  const terminal = new SlowTerminal();
  const painter = new Painter(terminal);
  painter.request(() => ({ frame: frame('one', 'two', 'three'), theme }));
  await soon();
  terminal.take();
  painter.request(() => ({ frame: frame('one', 'TWO', 'three'), theme }));
  await soon();
  expect(terminal.written[1]).toContain('TWO');
  expect(terminal.written[1]).not.toMatch(/one|three/);
  terminal.take();
  painter.request(() => ({ frame: frame('one', 'TWO', 'three'), theme }));
  await soon();
  expect(terminal.written).toHaveLength(2);
});

test('A1 whoever was put aside draws nothing, and everything when they are back', async () => {
  const terminal = new SlowTerminal();
  const painter = new Painter(terminal);
  painter.request(() => ({ frame: frame('before'), theme }));
  await soon();
  terminal.take();
  painter.pause();
  painter.request(() => ({ frame: frame('before'), theme }));
  await soon();
  expect(terminal.written).toHaveLength(1);
  painter.resume();
  await soon();
  expect(terminal.written[1]).toContain('before');
});

test('A1 dark or light is taken from what the terminal says of its ground', () => {
  expect(themeOfBackground('rgb:1e1e/1e1e/1e1e')).toBe('dark');
  expect(themeOfBackground('rgb:ff/ff/ee')).toBe('light');
  expect(themeOfBackground('nonsense')).toBeUndefined();
  expect(['0;15', '15;0', '12;8', ''].map(themeOfEnvironment)).toEqual(['light', 'dark', 'dark', undefined]);
});
