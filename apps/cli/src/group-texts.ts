/** What the commands about groups say, in both languages. */
import type { GroupLogLine } from '@kuvert/client-core';
import type { GroupRole } from '@kuvert/protocol';
import type { Language } from './config.ts';

/** Sentences by name. Values have been made safe for a terminal by the caller. */
export interface GroupTexts {
  created(title: string, groupId: string, members: number): string;
  changed(title: string, members: number): string;
  left(title: string): string;
  dissolved(title: string): string;
  members(count: number): string;
  role(role: GroupRole): string;
  notMember(): string;
  isDissolved(): string;
  none(): string;
  untitled(): string;
  noPicture(): string;
  pictureSaved(path: string): string;
  hasPicture(width: number, height: number): string;
  someone(): string;
  you(): string;
  /** One's own place in a group. */
  ownRole(role: GroupRole): string;
  /** One line of a log, and of a conversation. */
  change(action: GroupLogLine['action'], parts: ChangeParts): string;
  /** What a change that one has made comes to, where members are not what it is about. */
  titled(title: string): string;
  pictureChanged(title: string, isThere: boolean): string;
  /** Of the last one who administers a group. */
  roleKept(): string;
  roleSet(people: string, role: GroupRole, title: string): string;
}

/** What a sentence about a change names. */
export interface ChangeParts {
  /** Undefined: oneself. */
  readonly by: string | undefined;
  /** It was done to nobody but whoever did it. */
  readonly isOfOneself?: boolean | undefined;
  /** To whom it was done; undefined: oneself. */
  readonly people: readonly (string | undefined)[];
  readonly role: GroupRole | undefined;
  readonly part?: 'title' | 'picture' | undefined;
  readonly newTitle?: string | undefined;
  /** Who administers the group now, because nobody else does; no name: oneself. */
  readonly successor?: { readonly name: string | undefined } | undefined;
}

/** Names as they are said, many of them cut short. */
function joined(
  names: readonly string[],
  { and, more }: { and: string; more: (count: number) => string },
): string {
  const shown = names.length > PEOPLE_NAMED_MAX + 1 ? names.slice(0, PEOPLE_NAMED_MAX) : names;
  const said = shown.length < names.length ? [...shown, more(names.length - shown.length)] : shown;
  return said.length < 2 ? said.join('') : `${said.slice(0, -1).join(', ')} ${and} ${said.at(-1)}`;
}

/** People whom a sentence names, before it says how many more there are. */
const PEOPLE_NAMED_MAX = 12;

const en: GroupTexts = {
  created: (title, groupId, members) => `Group “${title}” is there with ${en.members(members)}: ${groupId}`,
  changed: (title, members) => `Group “${title}” now has ${en.members(members)}.`,
  left: (title) => `You have left “${title}”. What you received stays here; nothing new will come.`,
  dissolved: (title) => `“${title}” is dissolved: nobody can write to it any more.`,
  members: (count) => (count === 1 ? '1 person' : `${count} people`),
  role: (role) => (role === 'admin' ? 'administers the group' : 'member'),
  notMember: () => 'no longer a member',
  isDissolved: () => 'dissolved',
  none: () => 'You are in no group yet. Make one: kuvert group create TITLE --with MAIL',
  untitled: () => 'group without a title',
  noPicture: () => 'The group has no picture.',
  pictureSaved: (path) => `Saved: ${path}`,
  hasPicture: (width, height) => `picture of ${width} × ${height}`,
  someone: () => 'somebody',
  you: () => 'You',
  ownRole: (role) => (role === 'admin' ? 'you administer it' : 'you are a member'),
  change: (action, { by = 'You', isOfOneself, people, role, part, newTitle, successor }) => {
    const names = joined(
      people.map((name) => name ?? 'you'),
      { and: 'and', more: (count) => `${count} more` },
    );
    const quoted = newTitle === undefined ? '' : ` “${newTitle}”`;
    const then =
      successor === undefined
        ? ''
        : successor.name === undefined
          ? '; you administer it now'
          : `; ${successor.name} administers it now`;
    const sentence = {
      create: `${by} made the group${quoted}${names === '' ? '' : ` with ${names}`}`,
      add: `${by} added ${names}`,
      remove: `${by} removed ${names}`,
      leave: `${by} left`,
      role:
        role === 'admin'
          ? `${by} gave ${names} the administration of the group`
          : isOfOneself
            ? `${by} gave up the administration of the group`
            : `${by} took the administration of the group from ${names}`,
      profile: `${by} changed ${part === undefined ? 'the title or the picture' : `the ${part}`}${quoted === '' ? '' : ` to${quoted}`}`,
      rekey: `${by} renewed the group’s key`,
      dissolve: `${by} dissolved the group`,
    }[action];
    return `${sentence}${then}`;
  },
  titled: (title) => `The group is called “${title}” now.`,
  pictureChanged: (title, isThere) =>
    isThere ? `“${title}” has a new picture.` : `“${title}” has no picture any more.`,
  roleKept: () =>
    'Somebody has to administer the group: the one who has been in it longest does, until somebody else is let.',
  roleSet: (people, role, title) =>
    role === 'admin'
      ? `${people}: administers “${title}” now.`
      : `${people}: a member of “${title}” now, who does not administer it.`,
};

const de: GroupTexts = {
  created: (title, groupId, members) => `Gruppe „${title}“ ist da, mit ${de.members(members)}: ${groupId}`,
  changed: (title, members) => `Gruppe „${title}“ hat jetzt ${de.members(members)}.`,
  left: (title) =>
    `Sie haben „${title}“ verlassen. Was Sie erhalten haben, bleibt hier; Neues kommt nicht mehr.`,
  dissolved: (title) => `„${title}“ ist aufgelöst: Niemand kann mehr hineinschreiben.`,
  members: (count) => (count === 1 ? '1 Person' : `${count} Personen`),
  role: (role) => (role === 'admin' ? 'verwaltet die Gruppe' : 'Mitglied'),
  notMember: () => 'nicht mehr Mitglied',
  isDissolved: () => 'aufgelöst',
  none: () => 'Sie sind noch in keiner Gruppe. Eine anlegen: kuvert group create TITEL --with MAIL',
  untitled: () => 'Gruppe ohne Titel',
  noPicture: () => 'Die Gruppe hat kein Bild.',
  pictureSaved: (path) => `Gespeichert: ${path}`,
  hasPicture: (width, height) => `Bild mit ${width} × ${height}`,
  someone: () => 'jemand',
  you: () => 'Sie',
  ownRole: (role) => (role === 'admin' ? 'Sie verwalten sie' : 'Sie sind Mitglied'),
  change: (action, { by, isOfOneself, people, role, part, newTitle, successor }) => {
    const names = joined(
      people.map((name) => name ?? (action === 'create' ? 'Ihnen' : 'Sie')),
      { and: 'und', more: (count) => `${count} weitere` },
    );
    const who = by === undefined ? 'Sie haben' : `${by} hat`;
    const quoted = newTitle === undefined ? '' : ` „${newTitle}“`;
    const what = part === undefined ? 'Titel oder Bild' : part === 'title' ? 'den Titel' : 'das Bild';
    const then =
      successor === undefined
        ? ''
        : successor.name === undefined
          ? '; Sie verwalten sie jetzt'
          : `; ${successor.name} verwaltet sie jetzt`;
    const sentence = {
      create: `${who} die Gruppe${quoted}${names === '' ? '' : ` mit ${names}`} angelegt`,
      add: `${who} ${names} hinzugefügt`,
      remove: `${who} ${names} entfernt`,
      leave: `${who} die Gruppe verlassen`,
      role:
        role === 'admin'
          ? `${who} ${names} zur Verwaltung der Gruppe bestellt`
          : isOfOneself
            ? `${who} die Verwaltung der Gruppe abgegeben`
            : `${who} ${names} von der Verwaltung der Gruppe entbunden`,
      profile: `${who} ${what}${quoted === '' ? ' geändert' : ` in${quoted} geändert`}`,
      rekey: `${who} den Schlüssel der Gruppe erneuert`,
      dissolve: `${who} die Gruppe aufgelöst`,
    }[action];
    return `${sentence}${then}`;
  },
  titled: (title) => `Die Gruppe heißt jetzt „${title}“.`,
  pictureChanged: (title, isThere) =>
    isThere ? `„${title}“ hat ein neues Bild.` : `„${title}“ hat kein Bild mehr.`,
  roleKept: () =>
    'Jemand muss die Gruppe verwalten: Wer am längsten in ihr ist, tut es, bis jemand anderes dazu bestellt ist.',
  roleSet: (people, role, title) =>
    role === 'admin'
      ? `${people}: verwaltet jetzt „${title}“.`
      : `${people}: jetzt Mitglied von „${title}“, ohne Verwaltung.`,
};

/** @see GroupTexts */
export function groupTextsIn(language: Language): GroupTexts {
  return language === 'de' ? de : en;
}

/** How many are in a group, and whether it is still open to oneself. */
export function groupFacts(
  { members, isOpen, isDissolved }: { members: number; isOpen: boolean; isDissolved: boolean },
  texts: GroupTexts,
): string[] {
  return [
    texts.members(members),
    ...(isDissolved ? [texts.isDissolved()] : isOpen ? [] : [texts.notMember()]),
  ];
}
