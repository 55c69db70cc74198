import { expect, test } from 'vitest';
import { qrPicture } from './qr-picture.ts';

test('A4 a QR code brings its own ground where colours are allowed, and no control characters elsewhere', () => {
  const plain = qrPicture('https://kuvert.example', { colour: false });
  const lines = plain.split('\n');
  expect(new Set(lines.map((line) => line.length)).size).toBe(1);
  expect(plain).toMatch(/^[ █▀▄\n]+$/);
  expect(lines[0]).toMatch(/^█+$/);
  const coloured = qrPicture('https://kuvert.example', { colour: true }).split('\n');
  expect(coloured).toEqual(lines.map((line) => `\x1b[97;40m${line}\x1b[0m`));
});
