/** What lies over the conversation: help, people, search, devices, safety number, settings, questions. */
import { showLine } from '../../terminal-text.ts';
import type { SearchHit } from '../model.ts';
import type { ChatState, View } from '../state.ts';
import { pad, widthOf, wrapText } from '../text/cells.ts';
import { type Editor, layoutEditor } from '../text/editor.ts';
import { commandHelp } from '../update/command-help.ts';
import { KEY_BINDINGS } from '../update/keys.ts';
import { peopleLike } from '../update/views.ts';
import { keyName } from './key-names.ts';
import { fillLine, type Line, plain, type Span, spread } from './line.ts';
import { oneLine } from './list.ts';
import { pictureLines } from './picture.ts';
import { safetyView } from './safety-view.ts';
import { dayAndTime } from './times.ts';
import { type Area, boxed, type DrawnView, scrolled, sentence } from './view-parts.ts';

/** @returns undefined when nothing lies over the conversation */
export function drawView(state: ChatState, area: Area): DrawnView | undefined {
  const { view, texts } = state;
  switch (view.kind) {
    case 'none':
      return undefined;
    case 'help':
      return scrolled(texts.helpTitle(), helpLines(state, area.width), view.scroll, area);
    case 'sheet':
      return scrolled(view.title, sheetLines(state, view, area), view.scroll, area);
    case 'people':
      return peopleView(state, view, area);
    case 'search':
      return searchView(state, view, area);
    case 'date': {
      const hint = view.isWrong ? texts.dateWrong() : texts.dateHint();
      const below = sentence(hint, area, view.isWrong ? 'error' : 'dim');
      return withQuery(texts.dateTitle(), { label: texts.dateQuery(), editor: view.query }, below, area);
    }
    case 'label':
      return withQuery(texts.labelTitle(), { label: texts.labelQuery(), editor: view.query }, [], area);
    case 'devices':
      return devicesView(state, view, area);
    case 'safety':
      return safetyView(state, view, area);
    case 'settings':
      return settingsView(state, view, area);
    case 'link':
      return linkView(state, view, area);
    case 'confirm':
      return boxed(texts.confirmTitle(), [[], ...sentence(view.question, area, 'strong')], area);
    case 'menu':
      return chooser(
        view.title,
        view.choices.map(({ label }) =>
          wrapText(label, Math.max(2, area.width - 3)).map((row) => plain(row)),
        ),
        view.selected,
        [],
        area,
      );
  }
}

type Of<K extends View['kind']> = Extract<View, { kind: K }>;

/** Rows of choices, of which the chosen one is seen; each may have several lines. */
function chooser(
  title: string,
  choices: readonly (readonly Line[])[],
  selected: number,
  above: readonly Line[],
  area: Area,
): DrawnView {
  const fits = Math.max(1, area.rows - 1 - above.length);
  const each = Math.max(1, choices[0]?.length ?? 1);
  const count = Math.max(1, Math.floor(fits / each));
  const first = Math.min(Math.max(0, choices.length - count), Math.max(0, selected - Math.floor(count / 2)));
  const lines = choices.slice(first, first + count).flatMap((choice, index) => {
    const isSelected = first + index === selected;
    return choice.map((line, row) => {
      const marked: Line = [{ text: isSelected && row === 0 ? '> ' : '  ' }, ...line];
      if (!isSelected) return fillLine(marked, area.width);
      const text = pad(marked.map((span) => span.text).join(''), area.width);
      return plain(text, 'selected');
    });
  });
  return boxed(title, [...above, ...lines], area);
}

function withQuery(
  title: string,
  query: { label: string; editor: Editor },
  below: readonly Line[],
  area: Area,
  choices: readonly (readonly Line[])[] = [],
  selected = -1,
): DrawnView {
  const label = `  ${query.label}: `;
  const room = Math.max(4, area.width - widthOf(label) - 2);
  const { rows, cursorRow, cursorColumn } = layoutEditor(query.editor, room);
  const row = rows[cursorRow] ?? '';
  const before = endOf(rows[cursorRow - 1] ?? '', room - widthOf(row));
  const line: Line = [{ text: label, style: 'accent' }, { text: before + row }];
  const { lines } = chooser(title, choices, selected, [line, ...below], area);
  return { lines, cursor: { row: 1, column: widthOf(label) + widthOf(before) + cursorColumn } };
}

/** The end of a row above, so that of a long text more is seen than the few letters of its last row. */
function endOf(row: string, room: number): string {
  // Wide letters are rare in what is longer than a row, such as a code.
  const isPlain = widthOf(row) === row.length;
  return row === '' || room < 2 || !isPlain ? '' : `…${row.slice(-(room - 1))}`;
}

function sheetLines(state: ChatState, { lines, picture }: Of<'sheet'>, { width }: Area): Line[] {
  const isDrawn = picture !== undefined && state.hasPictures && state.theme !== 'none';
  const drawn = isDrawn ? pictureLines(picture, Math.max(2, width - 4)) : [];
  return [
    [],
    ...drawn.map((line): Line => [{ text: '  ' }, ...line]),
    ...(isDrawn ? [[]] : []),
    ...lines.flatMap((line) => wrapText(line, Math.max(2, width - 4)).map((row) => plain(`  ${row}`))),
  ];
}

/** Keys and commands, beside each other where there is room. */
function helpLines(state: ChatState, width: number): Line[] {
  const { texts, language } = state;
  const isWide = width >= 120;
  const half = isWide ? Math.floor(width / 2) : width;
  const column = Math.min(30, Math.floor(half * 0.4));
  // A name that is longer than its column has lines of its own, so that none of it is cut off.
  const row = (name: string, text: string, nameWidth = column): Line[] => {
    const isLong = widthOf(name) > nameWidth;
    const above = isLong ? wrapText(name, Math.max(10, half - 3)) : [];
    const beside = wrapText(text, Math.max(10, half - nameWidth - 3));
    return [
      ...above.map((part): Line => [{ text: `  ${part}`, style: 'accent' }]),
      ...beside.map(
        (part, index): Line => [
          { text: `  ${pad(index === 0 && !isLong ? name : '', nameWidth)} `, style: 'accent' },
          { text: part },
        ],
      ),
    ];
  };
  const names = (keys: readonly string[]): string =>
    keys
      .slice(0, 2)
      .map((key) => keyName(key, language))
      .join(', ');
  const keys: Line[] = [
    plain(`  ${texts.helpKeys()}`, 'strong'),
    ...KEY_BINDINGS.flatMap((binding) => row(names(binding.keys), binding.help[language])),
  ];
  const commands: Line[] = [
    plain(`  ${texts.helpCommands()}`, 'strong'),
    ...commandHelp(language).flatMap(({ written, help }) => row(written, help)),
  ];
  const signs: Line[] = [
    plain(`  ${texts.helpSignsTitle()}`, 'strong'),
    ...texts.helpSigns().flatMap(([sign, meaning]) => row(sign, meaning, Math.min(column, 12))),
  ];
  if (!isWide) return [[], ...keys, [], ...commands, [], ...signs];
  const right = [...commands, [], ...signs];
  const rows = Math.max(keys.length, right.length);
  return [
    [],
    ...Array.from({ length: rows }, (_, index) => [
      ...fillLine(keys[index] ?? [], half),
      ...(right[index] ?? []),
    ]),
  ];
}

function peopleView(state: ChatState, view: Of<'people'>, area: Area): DrawnView {
  const { texts } = state;
  const people = peopleLike(state);
  const typed = view.query.text.trim();
  const words =
    people.length > 0
      ? ''
      : view.isLoading
        ? texts.reading()
        : typed === ''
          ? texts.noPeople()
          : texts.nobodyLike(typed);
  const below: Line[] = words === '' ? [[]] : [[], ...sentence(words, area, 'dim')];
  const choices = people.map(({ name, mail }) => [
    [
      { text: pad(oneLine(name), Math.min(32, Math.floor(area.width * 0.4))) },
      { text: ` ${oneLine(mail)}`, style: 'dim' as const },
    ],
  ]);
  const query = { label: texts.peopleQuery(), editor: view.query };
  return withQuery(texts.peopleTitle(), query, below, area, choices, view.selected);
}

function searchView(state: ChatState, view: Of<'search'>, area: Area): DrawnView {
  const { texts, language } = state;
  const isAsked = view.asked !== undefined && view.asked === view.query.text.trim();
  const words = !isAsked
    ? texts.searchHint()
    : view.hits.length === 0
      ? texts.nothingFound(view.asked ?? '')
      : texts.foundCount(view.hits.length);
  const choices = view.hits.map((hit): Line[] => [
    spread(
      [{ text: whoOf(hit, texts), style: 'strong' }],
      [{ text: ` ${dayAndTime(hit.atMs, language)} `, style: 'dim' }],
      area.width - 2,
    ),
    [{ text: '  ' }, ...markedText(hit, area.width - 5)],
  ]);
  const query = { label: texts.searchQuery(), editor: view.query };
  return withQuery(
    texts.searchTitle(),
    query,
    [...sentence(words, area, 'dim'), []],
    area,
    choices,
    view.selected,
  );
}

/** Who has written it, and where, if that is not the same. */
function whoOf({ isOwn, author, name }: SearchHit, texts: ChatState['texts']): string {
  if (isOwn) return `${texts.you()} → ${oneLine(name)}`;
  return author === name ? oneLine(name) : `${oneLine(author)} · ${oneLine(name)}`;
}

/** The part of a text around the first place that was found, with the places marked. */
function markedText({ text, matches }: SearchHit, width: number): Line {
  const first = matches[0]?.[0] ?? 0;
  // Some words before it are shown, so that a long text is not cut off before what was looked for.
  const from =
    first > width * 0.6 ? text.lastIndexOf(' ', Math.max(0, first - Math.floor(width / 3))) + 1 : 0;
  const spans: Span[] = [{ text: from === 0 ? '' : '…' }];
  let at = from;
  for (const [start, end] of matches) {
    if (start < at) continue;
    spans.push(
      { text: oneSpace(text.slice(at, start)) },
      { text: oneSpace(text.slice(start, end)), style: 'match' },
    );
    at = end;
  }
  spans.push({ text: oneSpace(text.slice(at, at + 4 * width)) });
  return fillLine(spans, width);
}

/** Line ends and tabs as spaces; other control characters visible. */
function oneSpace(text: string): string {
  return showLine(text.toWellFormed().replaceAll(/[\r\n\t]+/g, ' '));
}

function devicesView(state: ChatState, view: Of<'devices'>, area: Area): DrawnView {
  const { texts, language } = state;
  if (view.devices === undefined)
    return boxed(texts.devicesTitle(), sentence(texts.reading(), area, 'dim'), area);
  const choices = view.devices.map((device): Line[] => {
    const facts = [
      ...(device.isThis ? [texts.thisDevice()] : []),
      ...(device.canApprove ? [texts.canApprove()] : []),
      ...(device.isActive ? [] : [texts.isInactive()]),
      ...(device.addedAtMs === undefined ? [] : [texts.addedAt(dayAndTime(device.addedAtMs, language))]),
    ];
    return [
      [{ text: oneLine(device.label), style: 'strong' }],
      ...wrapText(facts.join(' · '), Math.max(2, area.width - 5)).map(
        (row): Line => [{ text: `  ${row}`, style: 'dim' }],
      ),
    ];
  });
  return chooser(texts.devicesTitle(), choices, view.selected, [[]], area);
}

function settingsView(state: ChatState, view: Of<'settings'>, area: Area): DrawnView {
  const { texts } = state;
  if (view.settings === undefined)
    return boxed(texts.settingsTitle(), sentence(texts.reading(), area, 'dim'), area);
  const choices = view.settings.map(({ label, help, value: set, values, isFixed }): Line[] => {
    const word = values.find(({ value }) => value === set)?.label ?? set;
    const value = `${word}${isFixed ? ` (${texts.setByOrganisation()})` : ''}`;
    return [
      spread([{ text: label }], [{ text: ` ${value} `, style: 'accent' }], Math.min(70, area.width - 2)),
      [{ text: `  ${help}`, style: 'dim' }],
    ];
  });
  return chooser(texts.settingsTitle(), choices, view.selected, [[]], area);
}

function linkView(state: ChatState, view: Of<'link'>, area: Area): DrawnView {
  const { texts } = state;
  if (view.offer === undefined) {
    const below = [[], ...texts.linkHow().flatMap((line) => sentence(line, area, 'dim'))];
    return withQuery(texts.linkTitle(), { label: texts.linkQuery(), editor: view.query }, below, area);
  }
  // The numbers themselves are not shown: whoever types them must have looked at the new device.
  const below: Line[] = [[], ...sentence(texts.linkCheck(), area)];
  return withQuery(texts.linkTitle(), { label: texts.linkNumbers(), editor: view.query }, below, area);
}
