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
  /** Oneself as somebody to whom something was done. */
  youToo(): string;
  /** One line of a log, and of a conversation. */
  change(
    action: GroupLogLine['action'],
    parts: {
      readonly by: string;
      readonly people: string;
      readonly role: string;
      readonly part?: 'title' | 'picture' | undefined;
    },
  ): string;
}

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
  youToo: () => 'you',
  change: (action, { by, people, role, part }) =>
    ({
      create: `${by} made the group`,
      add: `${by} added ${people}`,
      remove: `${by} removed ${people}`,
      leave: `${by} left`,
      role: `${by} changed the role of ${people}: ${role}`,
      profile: `${by} changed ${part === undefined ? 'the title or the picture' : `the ${part}`}`,
      rekey: `${by} renewed the group’s key`,
      dissolve: `${by} dissolved the group`,
    })[action],
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
  youToo: () => 'Sie',
  change: (action, { by, people, role, part }) =>
    ({
      create: `Gruppe angelegt: ${by}`,
      add: `${by}: ${people} hinzugefügt`,
      remove: `${by}: ${people} entfernt`,
      leave: `Gruppe verlassen: ${by}`,
      role: `${by}: Rolle geändert (${people}: ${role})`,
      profile: `${part === undefined ? 'Titel oder Bild' : part === 'title' ? 'Titel' : 'Bild'} geändert: ${by}`,
      rekey: `Schlüssel der Gruppe erneuert: ${by}`,
      dissolve: `Gruppe aufgelöst: ${by}`,
    })[action],
};

/** @see GroupTexts */
export function groupTextsIn(language: Language): GroupTexts {
  return language === 'de' ? de : en;
}
