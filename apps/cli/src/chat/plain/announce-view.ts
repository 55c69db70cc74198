/** What plain mode says when a view has opened, or has got what it was waiting for. */
import { showLine } from '../../terminal-text.ts';
import { dayAndTime } from '../render/times.ts';
import type { ChatState, View } from '../state.ts';
import { commandHelp } from '../update/command-help.ts';
import { peopleLike } from '../update/views.ts';

/** People read out at once; more are found by name. */
const PEOPLE_READ_MAX = 50;

/** Sentences of the view, when it is another than before. */
export function announceView(before: ChatState, after: ChatState): string[] {
  const { view } = after;
  if (view === before.view && !(view.kind === 'people' && before.people !== after.people)) return [];
  return sentencesOf(view, before.view, after);
}

function sentencesOf(view: View, old: View, state: ChatState): string[] {
  const { texts, language } = state;
  switch (view.kind) {
    case 'none':
      return [];
    case 'help':
      return [
        texts.helpCommands(),
        ...commandHelp(language).map(({ written, help }) => `${written}: ${help}.`),
      ];
    case 'sheet':
      return [view.title, ...view.lines].filter((line) => line !== '').map(showLine);
    case 'people': {
      if (view.isLoading) return [texts.reading()];
      const people = peopleLike(state);
      if (people.length === 0) return [texts.noPeople()];
      const said = people
        .slice(0, PEOPLE_READ_MAX)
        .map(({ name, mail }, index) => texts.plainPerson(index + 1, showLine(name), showLine(mail)));
      return [...said, texts.plainChoose()];
    }
    case 'search': {
      if (view.asked === undefined) return old.kind === 'search' ? [] : [texts.searchHint()];
      if (view.hits.length === 0) return [texts.nothingFound(showLine(view.asked))];
      const said = view.hits.slice(0, PEOPLE_READ_MAX).map((hit, index) =>
        texts.plainHit({
          number: index + 1,
          who: hit.isOwn ? texts.you() : showLine(hit.author),
          name: showLine(hit.name),
          when: dayAndTime(hit.atMs, language),
          text: showLine(hit.text),
        }),
      );
      return [texts.foundCount(view.hits.length), ...said, texts.plainChoose()];
    }
    case 'date':
      return [view.isWrong ? texts.dateWrong() : texts.dateHint()];
    case 'devices':
      return view.devices === undefined
        ? []
        : view.devices.map(({ label, isThis, canApprove }, index) =>
            texts.plainDevice({ number: index + 1, label: showLine(label), isThis, canApprove }),
          );
    case 'label':
      return [];
    case 'safety': {
      const { safety } = view;
      if (safety === undefined) return [];
      const number = safety.number.replaceAll(/\s/g, '').replaceAll(/(\d{5})(?=\d)/g, '$1 ');
      const verdict = texts.verification(safety.verification);
      const name = showLine(safety.name);
      return [texts.plainSafety({ name, number, state: verdict }), texts.safetyHow(name)];
    }
    case 'settings':
      if (view.settings === undefined) return [];
      return [
        ...view.settings.map(({ label, value: set, values, isFixed }, index) => {
          const word = values.find((one) => one.value === set)?.label ?? set;
          const value = `${word}${isFixed ? `, ${texts.setByOrganisation()}` : ''}`;
          return texts.plainSetting({ number: index + 1, label, state: value });
        }),
        texts.plainChoose(),
      ];
    case 'link':
      if (view.offer === undefined) return view.query.text === '' ? [...texts.linkHow()] : [texts.reading()];
      return view === old ? [] : [texts.linkCheck()];
    case 'confirm':
      return [view.question, texts.plainYesNo()];
    case 'menu':
      return [
        view.title,
        ...view.choices.map(({ label }, index) => texts.plainChoice(index + 1, label)),
        texts.plainChoose(),
      ];
  }
}
