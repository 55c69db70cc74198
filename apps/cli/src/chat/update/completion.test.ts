import { expect, test } from 'vitest';
import { conversation, messages, Stage } from '../stage.ts';

const ben = conversation('Ben');
function stageWith(entries = messages(3)): Stage {
  const stage = new Stage();
  stage.open([ben], entries);
  stage.send({
    kind: 'people',
    people: [
      { id: 'pe_1', name: 'Ben Beck', mail: 'ben@acme.test' },
      { id: 'pe_2', name: 'Cem Demir', mail: 'cem@acme.test' },
      { id: 'pe_3', name: 'Cem Other', mail: 'other@acme.test' },
    ],
  });
  return stage;
}
function tab(stage: Stage, text: string) {
  stage.press('ctrl-u');
  stage.type(text);
  return stage.press('tab');
}

test('A1 Tab completes the path of a file, and an answer that comes too late changes nothing', () => {
  const stage = stageWith();
  expect(tab(stage, '/file ~/pl')).toEqual([
    { do: 'complete', line: '/file ~/pl', before: '/file ', typed: '~/pl', isFolder: false },
  ]);
  stage.send({ kind: 'completed', line: '/file ~/pl', to: '/file ~/plan.pdf' });
  expect(stage.state.editor.text).toBe('/file ~/plan.pdf');
  stage.send({ kind: 'completed', line: '/file ~/pl', to: '/file ~/other' });
  expect(stage.state.editor.text).toBe('/file ~/plan.pdf');
  expect(tab(stage, '/save #2 Down')).toMatchObject([{ before: '/save #2 ', typed: 'Down', isFolder: true }]);
});

test('A1 Tab completes people in commands and after an @, and names those who may be meant', () => {
  const stage = stageWith();
  tab(stage, '/group add Ben Beck, cem d');
  expect(stage.state.editor.text).toBe('/group add Ben Beck, Cem Demir');
  tab(stage, '/group create Trip with be');
  expect(stage.state.editor.text).toBe('/group create Trip with Ben Beck');
  tab(stage, 'Please look, @ben');
  expect(stage.state.editor.text).toBe('Please look, @Ben Beck ');
  tab(stage, '@cem');
  expect(stage.screen()).toContain('Cem Demir   Cem Other');
  // Elsewhere Tab goes on to the next part of the screen.
  tab(stage, 'hello');
  expect(stage.state.focus).not.toBe('input');
});

test('A1 every kind of content has a command', () => {
  const stage = stageWith();
  const run = (line: string) => {
    stage.type(line);
    return stage.press('enter');
  };
  for (const [line, kind, text] of [
    ['/file a.pdf | As promised', 'file', 'a.pdf | As promised'],
    ['/voice memo.opus', 'voice', 'memo.opus'],
    ['/place 48.1,11.5,Home', 'place', '48.1,11.5,Home'],
    ['/contact cem', 'contact', 'cem'],
    ['/poll Where? | Here | There', 'poll', 'Where? | Here | There'],
    ['/poll * Who? | A | B', 'pollMultiple', 'Who? | A | B'],
    ['/web https://acme.test Look', 'web', 'https://acme.test Look'],
  ]) {
    expect(run(line ?? '')).toEqual([{ do: 'compose', id: ben.id, kind, text }]);
  }
  expect(run('/poll Where?')).toEqual([]);
  expect(stage.screen()).toContain('Write it like this: /poll');
});

test('A1 a file on its way has a bar, a picture is drawn where there are colours, and its message offers what can be done', () => {
  const [first, ...others] = messages(2);
  const picture = { width: 2, height: 2, points: [0xff0000, 0x00ff00, 0x0000ff, 0xffffff] };
  const file = {
    ...first,
    text: '[Picture] sun.jpg',
    file: 'at_1',
    picture,
    can: ['save'],
    said: '',
  } as const;
  const stage = stageWith([file as never, ...others]);
  stage.send({ kind: 'transfer', file: 'at_1', direction: 'down', doneBytes: 50, totalBytes: 100 });
  expect(stage.screen()).toContain('██████████░░░░░░░░░░ downloading: 50 %');
  stage.send({ kind: 'transfer', file: 'at_1', direction: 'down', doneBytes: 100, totalBytes: 100 });
  expect(stage.screen()).not.toContain('downloading');
  expect(stage.screen()).not.toContain('▀');
  stage.state = { ...stage.state, hasPictures: true };
  expect(stage.screen()).toContain('▀▀');
  stage.state = { ...stage.state, theme: 'none' };
  expect(stage.screen()).not.toContain('▀');
  stage.press('shift-tab', 'up', 'enter');
  expect(stage.screen()).toContain('Save the file in this folder');
  stage.press('enter');
  expect(stage.state.editor.text).toBe('/reply ');
  stage.type('Thanks');
  expect(stage.press('enter')).toEqual([
    { do: 'act', id: ben.id, key: '1', action: 'reply', text: 'Thanks' },
  ]);
});
