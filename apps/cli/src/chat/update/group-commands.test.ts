import { expect, test } from 'vitest';
import type { Effect } from '../model.ts';
import { conversation, messages, Stage } from '../stage.ts';

const team = conversation('Team', { group: { members: 3, isOpen: true, isDissolved: false } });
const ben = conversation('Ben');

function stageWith(item = team, language: 'en' | 'de' = 'en'): Stage {
  const stage = new Stage({ language });
  stage.open([item], messages(1));
  return stage;
}
function run(stage: Stage, line: string): readonly Effect[] {
  stage.type(line);
  return stage.press('enter');
}

test('A1 a group is made with a title that may have any words, and people by name or address', () => {
  const stage = stageWith(ben);
  expect(run(stage, '/group create Working with Ben with cem@acme.test ben@acme.test')).toEqual([
    {
      do: 'group',
      id: undefined,
      request: { verb: 'create', title: 'Working with Ben', names: ['cem@acme.test', 'ben@acme.test'] },
    },
  ]);
  expect(run(stageWith(ben, 'de'), '/gruppe anlegen „Umzug“ mit Cem Demir, Ben')).toMatchObject([
    { request: { verb: 'create', title: 'Umzug', names: ['Cem Demir', 'Ben'] } },
  ]);
  expect(run(stage, '/group create Nobody')).toEqual([]);
  expect(stage.screen()).toContain('Write it like this: /group create TITLE with NAME, NAME');
});

test('A1 what takes something away from people is asked before it is done', () => {
  const stage = stageWith();
  for (const [line, question, request] of [
    ['/group leave', 'Leave “Team”?', { verb: 'leave' }],
    ['/group dissolve', 'Dissolve “Team”?', { verb: 'dissolve' }],
  ] as const) {
    expect(run(stage, line)).toEqual([]);
    expect(stage.screen()).toContain(question);
    expect(stage.type('n')).toEqual([]);
    run(stage, line);
    expect(stage.type('y')).toEqual([{ do: 'group', id: team.id, request }]);
  }
});

test('A1 who is taken out of a group is found first, so that the question names them', () => {
  const stage = stageWith();
  const request = { verb: 'remove', names: ['cem@acme.test'], isSure: true } as const;
  expect(run(stage, '/group remove cem')).toMatchObject([{ request: { verb: 'remove', names: ['cem'] } }]);
  const effects = [{ do: 'group', id: team.id, request }] as const;
  stage.send({ kind: 'ask', question: 'Take Cem Demir out of “Team”?', effects });
  expect(stage.screen()).toContain('Take Cem Demir out of “Team”?');
  expect(stage.type('y')).toEqual(effects);
});

test('A1 in a group everybody is named who writes after somebody else, in the list too', () => {
  const stage = new Stage();
  const [first, second] = messages(2, { author: 'Anna' });
  const last = { ...second, author: 'Ben' } as NonNullable<typeof second>;
  stage.open([{ ...team, last }], [first as NonNullable<typeof first>, last]);
  expect(stage.screen()).toMatch(/Anna\s+\n.*message 1[\s\S]*Ben\s+\n.*message 2/);
  expect(stage.screen()).toContain('Ben: message 2');
});

test('A1 a group that one is not in any more, or that is dissolved, says so where one would write', () => {
  const closed = { ...team, group: { members: 2, isOpen: false, isDissolved: false } };
  expect(stageWith(closed).screen()).toContain('You cannot write here any more');
});

test('A1 the help tells every command whole, and each thing that can be done with a group', () => {
  const stage = stageWith();
  stage.press('f1');
  const seen = new Set<string>();
  for (let page = 0; page < 12; page++) {
    for (const line of stage.lines()) seen.add(line.trimEnd());
    stage.press('pagedown');
  }
  const help = [...seen].join('\n');
  expect(help).not.toContain('…  ');
  expect(help).toMatch(/^ {2}\/group create TITLE with NAME, NAME\n {33}make a group/m);
  expect(help).toMatch(/\/group role admin \| member NAME/);
  expect(help).toMatch(/^ {2}\/contact MAIL, or NAME \| MAIL.*\| .*$/m);
});

test('A1 roles, titles, members and the log of the open group, also cut short and in German', () => {
  const stage = stageWith();
  expect(run(stage, '/group')).toMatchObject([{ id: team.id, request: { verb: 'members' } }]);
  expect(run(stage, '/group role admin Ben, me')).toMatchObject([
    { request: { verb: 'role', role: 'admin', names: ['Ben', 'me'] } },
  ]);
  expect(run(stage, '/group ti Another title')).toMatchObject([
    { request: { verb: 'title', title: 'Another title' } },
  ]);
  expect(run(stage, '/gruppe hinzufugen Cem')).toMatchObject([{ request: { verb: 'add', names: ['Cem'] } }]);
  expect(run(stage, '/group log')).toMatchObject([{ request: { verb: 'log' } }]);
  stage.send({ kind: 'sheet', title: 'What was done', lines: ['1  You made the group'] });
  expect(stage.screen()).toContain('1  You made the group');
  stage.press('escape');
  expect(run(stage, '/group role boss Ben')).toEqual([]);
});

test('A1 a conversation with one person is no group, and a group has no safety number', () => {
  const direct = stageWith(ben);
  expect(run(direct, '/group leave')).toEqual([]);
  expect(direct.screen()).toContain('Open a group first');
  const stage = stageWith();
  expect(run(stage, '/safety')).toEqual([]);
  expect(stage.screen()).toContain('A group has no safety number');
  expect(run(stage, '/verify 12345')).toEqual([]);
});

test('A1 Tab completes what can be done with a group', () => {
  const stage = stageWith();
  stage.type('/group di');
  stage.press('tab');
  expect(stage.state.editor.text).toBe('/group dissolve ');
});
