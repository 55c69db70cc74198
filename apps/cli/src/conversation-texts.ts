/** What the commands about conversations say, in both languages. */
import type { Language } from './config.ts';

/** Sentences by name. Values have been made safe for a terminal by the caller. */
export interface ConversationTexts {
  unread(count: number): string;
  pinned(): string;
  muted(until: string | undefined): string;
  timer(duration: string): string;
  draft(text: string): string;
  problem(): string;
  noConversations(): string;
  nothingUnread(): string;
  nothingFound(): string;
  noDraft(): string;
  /** In these, `who` is an address or the title of a group. */
  draftKept(who: string): string;
  draftGone(who: string): string;
  pinSet(who: string, isOn: boolean): string;
  muteSet(who: string, until: string | undefined | false): string;
  /** `where` is one of the next two. */
  timerSet(where: string, duration: string | undefined): string;
  withPerson(mail: string): string;
  inGroup(title: string): string;
  /** Behind the name of whoever has set the timer. */
  timerNow(duration: string | undefined): string;
  deleted(count: number, scope: 'here' | 'own-devices' | 'everywhere'): string;
  exported(count: number, folder: string): string;
  historyProgress(messages: number, total: number): string;
  historyComplete(messages: number): string;
  historyWaiting(): string;
}

const en: ConversationTexts = {
  unread: (count) => `${count} unread`,
  pinned: () => 'pinned',
  muted: (until) => (until === undefined ? 'muted' : `muted until ${until}`),
  timer: (duration) => `messages disappear after ${duration}`,
  draft: (text) => `draft: ${text}`,
  problem: () => 'a message waits, see history',
  noConversations: () => 'No conversations yet. Begin one with: kuvert send --to MAIL --text TEXT',
  nothingUnread: () => 'Nothing unread.',
  nothingFound: () => 'Nothing found.',
  noDraft: () => 'There is no draft.',
  draftKept: (who) => `The draft to ${who} is kept.`,
  draftGone: (who) => `The draft to ${who} is gone.`,
  pinSet: (who, isOn) => (isOn ? `${who} is pinned.` : `${who} is not pinned any more.`),
  muteSet: (who, until) => {
    if (until === false) return `${who} is not muted any more.`;
    return until === undefined ? `${who} is muted.` : `${who} is muted until ${until}.`;
  },
  timerSet: (where, duration) =>
    duration === undefined
      ? `New messages ${where} stay.`
      : `New messages ${where} disappear: what you send ${duration} after it was sent, what you get ${duration} after you have read it.`,
  withPerson: (mail) => `with ${mail}`,
  inGroup: (title) => `in ${title}`,
  timerNow: (duration) =>
    duration === undefined ? 'new messages stay.' : `new messages disappear after ${duration}.`,
  deleted: (count, scope) => {
    const what = count === 1 ? '1 message is deleted' : `${count} messages are deleted`;
    if (scope === 'everywhere') return `${what} for everybody.`;
    return scope === 'here' ? `${what} on this device.` : `${what} on all your devices.`;
  },
  exported: (count, folder) =>
    `${count === 1 ? '1 message was' : `${count} messages were`} written to ${folder}. Whoever has this folder can read them.`,
  historyProgress: (messages, total) => `${messages} of ${total} messages are here …`,
  historyComplete: (messages) => `Your other device has given all it has: ${messages} messages.`,
  historyWaiting: () =>
    'Your other device was asked for the history; it comes when that device is connected (for example with kuvert chat) and this one is.',
};

const de: ConversationTexts = {
  unread: (count) => `${count} ungelesen`,
  pinned: () => 'angeheftet',
  muted: (until) => (until === undefined ? 'stumm' : `stumm bis ${until}`),
  timer: (duration) => `Nachrichten verschwinden nach ${duration}`,
  draft: (text) => `Entwurf: ${text}`,
  problem: () => 'eine Nachricht wartet, siehe history',
  noConversations: () => 'Noch keine Unterhaltungen. Eine beginnen mit: kuvert send --to MAIL --text TEXT',
  nothingUnread: () => 'Nichts ungelesen.',
  nothingFound: () => 'Nichts gefunden.',
  noDraft: () => 'Es gibt keinen Entwurf.',
  draftKept: (who) => `Der Entwurf an ${who} ist gemerkt.`,
  draftGone: (who) => `Der Entwurf an ${who} ist weg.`,
  pinSet: (who, isOn) => (isOn ? `${who} ist angeheftet.` : `${who} ist nicht mehr angeheftet.`),
  muteSet: (who, until) => {
    if (until === false) return `${who} ist nicht mehr stumm.`;
    return until === undefined ? `${who} ist stumm.` : `${who} ist stumm bis ${until}.`;
  },
  timerSet: (where, duration) =>
    duration === undefined
      ? `Neue Nachrichten ${where} bleiben.`
      : `Neue Nachrichten ${where} verschwinden: was Sie senden, ${duration} nach dem Senden, was Sie bekommen, ${duration} nach dem Lesen.`,
  withPerson: (mail) => `mit ${mail}`,
  inGroup: (title) => `in ${title}`,
  timerNow: (duration) =>
    duration === undefined ? 'Neue Nachrichten bleiben.' : `Neue Nachrichten verschwinden nach ${duration}.`,
  deleted: (count, scope) => {
    const what = count === 1 ? '1 Nachricht ist' : `${count} Nachrichten sind`;
    if (scope === 'everywhere') return `${what} für alle gelöscht.`;
    return scope === 'here'
      ? `${what} auf diesem Gerät gelöscht.`
      : `${what} auf allen Ihren Geräten gelöscht.`;
  },
  exported: (count, folder) =>
    `${count === 1 ? '1 Nachricht steht' : `${count} Nachrichten stehen`} jetzt in ${folder}. Wer diesen Ordner hat, kann sie lesen.`,
  historyProgress: (messages, total) => `${messages} von ${total} Nachrichten sind hier …`,
  historyComplete: (messages) => `Ihr anderes Gerät hat alles gegeben, was es hat: ${messages} Nachrichten.`,
  historyWaiting: () =>
    'Ihr anderes Gerät wurde um den Verlauf gebeten; er kommt, sobald jenes Gerät verbunden ist (etwa mit kuvert chat) und dieses auch.',
};

/** The sentences in one language. */
export function conversationTextsIn(language: Language): ConversationTexts {
  return language === 'de' ? de : en;
}
