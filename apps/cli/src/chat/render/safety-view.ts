/** The safety number as it is drawn. */
import { encode as encodeQr } from 'uqr';
import type { ChatState, View } from '../state.ts';
import { widthOf } from '../text/cells.ts';
import { fillLine, type Line, plain } from './line.ts';
import { oneLine } from './list.ts';
import { type Area, boxed, type DrawnView, scrolled, sentence } from './view-parts.ts';

/** What two people compare: digits to read out, and a code to scan. */
export function safetyView(state: ChatState, view: Extract<View, { kind: 'safety' }>, area: Area): DrawnView {
  const { texts } = state;
  const { safety } = view;
  if (safety === undefined)
    return boxed(texts.safetyTitle('…'), sentence(texts.reading(), area, 'dim'), area);
  const isBad = safety.verification === 'changed';
  const verdict = sentence(texts.verification(safety.verification), area, isBad ? 'error' : 'good');
  const digits = numberLines(safety.number).map((line) => plain(`    ${line}`, 'strong'));
  const qr = safety.qr === undefined ? [] : qrLines(safety.qr);
  const qrWidth = qr[0] === undefined ? 0 : widthOf(qr[0].map(({ text }) => text).join(''));
  const how = (width: number): Line[] =>
    sentence(texts.safetyHow(oneLine(safety.name)), { ...area, width }, 'dim');
  const title = texts.safetyTitle(oneLine(safety.name));
  // Beside each other where there is room, so that number and picture are seen at once.
  if (qrWidth > 0 && area.width >= qrWidth + 36) {
    const left = [[], ...verdict, [], ...digits, [], ...how(area.width - qrWidth - 4)];
    const rows = Math.max(left.length, qr.length);
    const lines = Array.from(
      { length: rows },
      (_, row): Line => [...fillLine(left[row] ?? [], area.width - qrWidth - 2), ...(qr[row] ?? [])],
    );
    return scrolled(title, lines, view.scroll, area);
  }
  return scrolled(
    title,
    [
      [],
      ...verdict,
      [],
      ...digits,
      [],
      ...how(area.width),
      [],
      ...qr.map((line) => [{ text: '  ' }, ...line]),
    ],
    view.scroll,
    area,
  );
}

/** Groups of five digits, four in a row. */
function numberLines(number: string): string[] {
  const groups = number.replaceAll(/\s/g, '').match(/.{1,5}/g) ?? [];
  const lines: string[] = [];
  for (let index = 0; index < groups.length; index += 4)
    lines.push(groups.slice(index, index + 4).join('  '));
  return lines;
}

/** A QR code of half blocks, dark on light whatever the theme: readers expect it so. */
function qrLines(text: string): Line[] {
  const { data: modules } = encodeQr(text, { ecc: 'L', border: 2 });
  const lines: Line[] = [];
  for (let row = 0; row < modules.length; row += 2) {
    const upper = modules[row] ?? [];
    const lower = modules[row + 1] ?? [];
    const cells = upper.map((isDark, column) =>
      isDark ? (lower[column] ? '█' : '▀') : lower[column] ? '▄' : ' ',
    );
    lines.push(plain(cells.join(''), 'qr'));
  }
  return lines;
}
