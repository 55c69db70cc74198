/** The chat's sentences in German. */
import { problemSentence } from '../../problem-sentence.ts';
import type { ChatTexts } from './chat-texts.ts';

const plural = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`;

function duration(ms: number | undefined): string {
  if (ms === undefined) return 'immer';
  const seconds = Math.round(ms / 1_000);
  if (seconds % 604_800 === 0) return plural(seconds / 604_800, 'Woche', 'Wochen');
  if (seconds % 86_400 === 0) return plural(seconds / 86_400, 'Tag', 'Tage');
  if (seconds % 3_600 === 0) return plural(seconds / 3_600, 'Stunde', 'Stunden');
  if (seconds % 60 === 0) return plural(seconds / 60, 'Minute', 'Minuten');
  return plural(seconds, 'Sekunde', 'Sekunden');
}

const stateWords = {
  queued: 'wartet',
  accepted: 'gesendet',
  delivered: 'angekommen',
  read: 'gelesen',
} as const;

export const de: ChatTexts = {
  you: () => 'Sie',
  online: () => 'verbunden',
  connecting: () => 'verbindet …',
  offlineSince: (time) => `offline seit ${time}`,
  offlineLong: (time, seconds) => `offline seit ${time}, nächster Versuch in ${seconds} s`,
  newMessages: () => 'neue Nachrichten',
  deletedMessage: () => 'Diese Nachricht wurde gelöscht.',
  emptyMessage: () => '(eine Nachricht ohne Text)',
  tooNew: () => 'Ihre App ist zu alt für diese Nachricht.',
  timerChanged: ({ isOwn, author }, ms) => {
    const who = isOwn ? 'Sie haben' : author === undefined ? 'Die andere Seite hat' : `${author} hat`;
    return ms === undefined
      ? `${who} eingestellt, dass Nachrichten bleiben.`
      : `${who} eingestellt, dass Nachrichten nach dem Lesen verschwinden, Frist: ${duration(ms)}.`;
  },
  duration,
  stateWord: (state) => stateWords[state],
  stateSentence: (state) =>
    ({
      queued: 'Sie wartet hier auf das Senden.',
      accepted: 'Der Server hat sie angenommen.',
      delivered: 'Sie ist angekommen.',
      read: 'Sie wurde gelesen.',
    })[state],
  problem: (code) => `Nicht gesendet: ${problemSentence(code, 'de')}`,
  typingSeveral: (names) => `${names} schreiben …`,
  typing: (name) => `${name} schreibt …`,
  isOnline: () => 'online',
  isAway: () => 'abwesend',
  verification: (state) =>
    ({ verified: 'geprüft', unverified: 'nicht geprüft', changed: 'Schlüssel haben sich geändert' })[state],
  muted: (until) => (until === undefined ? 'stumm' : `stumm bis ${until}`),
  pinned: () => 'angeheftet',
  draft: () => 'Entwurf',
  timer: (ms) => `verschwinden nach dem Lesen: ${duration(ms)}`,
  unreadCount: (count) => `${count} ungelesen`,
  belowCount: (count) => `${count} weiter unten ↓`,

  listTitle: () => 'Unterhaltungen',
  noConversations: () => ['Noch keine Unterhaltung.', '', 'Mit F2 wählen Sie jemanden und schreiben.'],
  nothingOpen: () => [
    'Wählen Sie eine Unterhaltung mit ↑ ↓ und Enter,',
    'oder schreiben Sie mit F2 jemandem.',
    '',
    'F1 zeigt alle Tasten und Befehle.',
  ],
  nothingWritten: (name) => [
    `Hier beginnt Ihre Unterhaltung mit ${name}.`,
    'Was Sie schreiben, ist von Ihrem Gerät bis zum anderen verschlüsselt; der Server kann es nicht lesen.',
    'Schreiben Sie unten und drücken Sie Enter.',
  ],
  inputHint: () => 'Nachricht schreiben',
  closedHint: () => 'Hier können Sie nichts mehr schreiben',
  offlineHint: () => 'Sie sind offline; was Sie schreiben, wartet hier und geht von selbst hinaus',
  hintList: () => '↑↓ wählen · Enter öffnen · F2 Leute · F3 Suche · ? Hilfe · Strg-Q Ende',
  hintMessages: () => '↑↓ wählen · Enter Aktionen · Alt-< Anfang · Alt-> Ende · Esc schreiben',
  hintInput: () => 'Enter senden · Alt-Enter Zeile · Bild↑ blättern · / Befehle · ? Hilfe',
  hintChoose: () => '↑↓ wählen · Enter nehmen · Esc schließen',
  hintScroll: () => '↑↓ Bild↑ Bild↓ blättern · Esc schließen',
  hintConfirm: () => 'j ja · n nein',
  leaveAgain: () => 'Noch einmal Strg-C beendet.',

  helpTitle: () => 'Hilfe',
  helpKeys: () => 'Tasten',
  helpCommands: () => 'Befehle, statt einer Nachricht eingegeben',
  helpSignsTitle: () => 'Zeichen',
  helpSigns: () => [
    ['○ ✓ ✓✓', 'wartet hier · liegt auf dem Server · angekommen; „gelesen“ heißt gelesen'],
    ['▲ ✕ ⧗', 'angeheftet · stumm · verschwindet nach dem Lesen'],
    ['@', 'die Nachricht nennt Sie'],
    ['✔ !', 'Sicherheitsnummer verglichen · Schlüssel geändert, oder etwas wartet'],
  ],
  peopleTitle: () => 'Jemandem schreiben',
  peopleQuery: () => 'Name oder Adresse',
  noPeople: () => 'Hier ist noch niemand bekannt; die Liste kommt, sobald der Server erreichbar ist.',
  nobodyLike: (query) => `Niemand heißt „${query}“. Enter schreibt dorthin, wenn es eine ganze Adresse ist.`,
  searchTitle: () => 'Suche',
  searchQuery: () => 'Wörter',
  searchHint: () =>
    'Eintippen, dann Enter. Wörter oder "eine Wendung"; from:ben, after:2026-11-01, before:2026-12-01 grenzen ein.',
  nothingFound: (query) => `Auf diesem Gerät gibt es nichts mit „${query}“.`,
  foundCount: (count) => plural(count, 'Nachricht', 'Nachrichten'),
  dateTitle: () => 'Zu einem Tag springen',
  dateQuery: () => 'Tag',
  dateHint: () => 'Zum Beispiel 2026-11-03, 3.11., heute, gestern, oder -7 für vor einer Woche.',
  dateWrong: () => 'Das ist kein Tag. Schreiben Sie ihn wie 2026-11-03 oder 3.11.2026.',
  devicesTitle: () => 'Ihre Geräte',
  devicesHint: () => 'Enter benennen · r sperren · l neues verbinden · Esc schließen',
  thisDevice: () => 'dieses Gerät',
  isInactive: () => 'ihm wird nichts zugestellt',
  namelessDevice: () => 'Ein Gerät ohne Namen',
  settingLabel: (name) =>
    ({
      deliveredReceipts: 'Zeigen, dass etwas ankam',
      readReceipts: 'Zeigen, dass ich gelesen habe',
      typing: 'Zeigen, dass ich schreibe',
      presence: 'Zeigen, dass ich da bin',
      deviceChanges: 'Neue Geräte von anderen',
      askBeforeSending: 'Zurückhalten bei Schlüsseln',
    })[name],
  settingHelp: (name) =>
    ({
      deliveredReceipts: 'aus: Sie sehen es auch bei anderen nicht',
      readReceipts: 'aus: Sie sehen es auch bei anderen nicht',
      typing: 'aus: Sie sehen es auch bei anderen nicht',
      presence: 'aus: Sie sehen es auch bei anderen nicht',
      deviceChanges: 'eine Zeile in der Unterhaltung, wenn jemand eins hat',
      askBeforeSending: 'bis Sie sie verglichen oder angenommen haben',
    })[name],
  settingValue: (value) =>
    ({
      on: 'an',
      off: 'aus',
      never: 'nie warten',
      changed: 'sich geändert haben',
      unverified: 'nicht geprüft sind',
    })[value] ?? value,
  canApprove: () => 'darf Geräte zulassen und sperren',
  addedAt: (day) => `seit ${day}`,
  labelTitle: () => 'Name des Geräts',
  labelQuery: () => 'Name',
  reading: () => 'Einen Moment …',
  safetyTitle: (name) => `Sicherheitsnummer mit ${name}`,
  safetyHow: (name) =>
    `Vergleichen Sie sie mit dem, was ${name} sieht, persönlich oder am Telefon. Sind alle Ziffern gleich, ist niemand dazwischen.`,
  safetyHint: (isVerified, isHeld) =>
    isVerified
      ? 'u nicht mehr geprüft · Esc schließen'
      : `v sie sind gleich${isHeld ? ' · a ohne Vergleich schreiben' : ''} · Esc schließen`,
  settingsTitle: () => 'Einstellungen',
  settingsHint: () => '↑↓ wählen · Enter ändern · Esc schließen',
  on: () => 'an',
  off: () => 'aus',
  setByOrganisation: () => 'von Ihrer Organisation festgelegt',
  linkTitle: () => 'Neues Gerät verbinden',
  linkQuery: () => 'Code',
  linkHow: () => [
    'Rufen Sie auf dem neuen Gerät auf: kuvert link',
    'Es zeigt einen Code. Fügen Sie ihn hier ein und drücken Sie Enter.',
  ],
  linkNumbers: () => 'Ziffern',
  linkCheck: () =>
    'Tippen Sie die Ziffern ein, die das neue Gerät zeigt. Passen sie nicht zu seinem Code, ist jemand dazwischen, und nichts wird verbunden.',
  linkMismatch: () =>
    'Das sind nicht die Ziffern. Sind sie richtig abgetippt, lassen Sie dieses Gerät nicht zu.',
  linkAsDevice: () => 'Zulassen',
  linkAsSigner: () => 'Zulassen, und es darf selbst Geräte zulassen und sperren (für ein Telefon)',
  hintTyped: () => 'Enter weiter · Esc schließen',
  confirmTitle: () => 'Sind Sie sicher?',

  transfer: (direction, percent) =>
    `${direction === 'up' ? 'wird hochgeladen' : 'wird heruntergeladen'}: ${percent} %`,
  versionsTitle: () => 'Alle Texte dieser Nachricht',
  menuReply: () => 'Antworten',
  menuReact: () => 'Reagieren',
  menuVote: () => 'An der Umfrage teilnehmen',
  menuEndPoll: () => 'Umfrage beenden',
  menuSave: () => 'Datei in diesem Ordner sichern',
  menuSaveIn: () => 'Datei in einem anderen Ordner sichern',
  menuEdit: () => 'Ändern',
  menuVersions: () => 'Frühere Texte',
  plainNaming: (who) => `${who}, mit Ihrem Namen,`,
  menuTitle: () => 'Nachricht',
  deleteHere: () => 'Auf diesem Gerät löschen',
  deleteOwnDevices: () => 'Auf allen meinen Geräten löschen',
  deleteEverywhere: () => 'Für alle löschen',
  askDeleteHere: () => 'Diese Nachricht hier löschen? Die andere Seite behält sie.',
  askDeleteEverywhere: () => 'Diese Nachricht für alle löschen? Wer sie gelesen hat, hat sie gelesen.',
  askRevoke: (label) => `„${label}“ sperren? Es empfängt nichts mehr, und das lässt sich nicht zurücknehmen.`,
  askVerify: (name) => `Haben Sie jede Ziffer mit ${name} verglichen?`,
  muteTitle: (name) => `${name} stumm schalten`,
  muteFor: (ms) => (ms === undefined ? 'Bis ich es ändere' : `Für ${duration(ms)}`),
  unmute: () => 'Nicht stumm',
  timerTitle: () => 'Nachrichten verschwinden nach dem Lesen',

  needsGroup: () =>
    'Öffnen Sie zuerst eine Gruppe, oder legen Sie eine an: /gruppe anlegen TITEL mit NAME, NAME.',
  askRemove: (names, title) => `${names} aus „${title}“ entfernen? Neues kommt dort nicht mehr an.`,
  askLeave: (title) => `„${title}“ verlassen? Was Sie erhalten haben, bleibt hier; Neues kommt nicht mehr.`,
  askDissolve: (title) =>
    `„${title}“ auflösen? Niemand kann mehr hineinschreiben, und das lässt sich nicht zurücknehmen.`,
  groupLogTitle: (title) => `Was in ${title} geschah`,
  noSafetyOfGroup: () =>
    'Eine Gruppe hat keine Sicherheitsnummer: Vergleichen Sie mit jedem Mitglied, in der Unterhaltung mit ihm.',
  groupCommand: () => 'gruppe',

  unknownCommand: (name) =>
    `Den Befehl „/${name}“ gibt es nicht; /hilfe zeigt alle. Eine Nachricht, die mit / beginnt, schreiben Sie mit //.`,
  needsConversation: () => 'Öffnen Sie zuerst eine Unterhaltung: /öffnen NAME oder /schreiben NAME.',
  needsMessage: () => 'Diese Nachricht gibt es hier nicht.',
  nobodyNamed: (name) => `Niemand heißt „${name}“; /leute zeigt alle.`,
  severalNamed: (names) =>
    `Damit sind mehrere gemeint: ${names}. Schreiben Sie mehr vom Namen, oder die Adresse.`,
  noUnread: () => 'Nichts ist ungelesen.',
  notADuration: () => 'Das ist keine Zeitspanne; schreiben Sie 30m, 8h, 1t, 2w oder aus.',
  usage: (usage) => `Schreiben Sie es so: ${usage}`,
  pinnedNow: (name, isPinned) =>
    isPinned ? `${name} ist angeheftet.` : `${name} ist nicht mehr angeheftet.`,
  mutedNow: (name, isMuted) => (isMuted ? `${name} ist stumm.` : `${name} ist nicht mehr stumm.`),
  timerNow: (ms) =>
    ms === undefined
      ? 'Neue Nachrichten bleiben.'
      : `Neue Nachrichten verschwinden nach dem Lesen, Frist: ${duration(ms)}.`,
  deletedNow: () => 'Die Nachricht ist gelöscht.',
  savedAt: (path) => `Gespeichert: ${path}`,
  verifiedNow: (name, isVerified) =>
    isVerified ? `${name} ist geprüft.` : `${name} ist nicht mehr geprüft.`,
  acceptedNow: (name) => `Sie schreiben den jetzigen Schlüsseln von ${name}, die Sie nicht verglichen haben.`,
  noDay: () => 'An und nach diesem Tag gibt es nichts; das ist das Ende.',
  linked: () => 'Das neue Gerät ist verbunden.',
  revokeAsked: () => 'Dieses Gerät darf andere nicht sperren und hat Ihre Geräte gebeten, die es dürfen.',
  revoked: () => 'Das Gerät ist gesperrt.',
  labelled: () => 'Das Gerät hat seinen neuen Namen.',
  waitsOffline: () => 'Sie sind offline. Die Nachricht wartet hier und geht von selbst hinaus.',
  textTooLong: () => 'Das ist länger, als eine Nachricht sein darf; der Rest wurde weggelassen.',
  themeNow: (name) => `Farben: ${name}.`,

  plainWelcome: (name, mail) =>
    `Das ist Kuvert, für ${name}, ${mail}. Schreiben Sie Schrägstrich hilfe und Enter, um alle Befehle zu hören.`,
  plainConversation: ({ number, name, unread, facts, last }) =>
    `Unterhaltung ${number}: ${name}${unread > 0 ? `, ${unread} ungelesen` : ''}${facts === '' ? '' : `, ${facts}`}.${last === '' ? '' : ` Zuletzt: ${last}`}`,
  plainOpened: (name, count) =>
    `Die Unterhaltung mit ${name} ist offen. ${plural(count, 'Nachricht folgt', 'Nachrichten folgen')}.`,
  plainMessage: ({ who, isOwn, when, text, state }) =>
    `${isOwn ? 'Sie schrieben' : `${who} schrieb`}, ${when}: ${text}${state === '' ? '' : ` (${state})`}`,
  plainNew: ({ who, when, text, here, group }) =>
    `Neue Nachricht${here ? '' : group === undefined ? ' in einer anderen Unterhaltung' : ` in der Gruppe „${group}“`} von ${who}, ${when}: ${text}`,
  plainNotice: (text) => `Hinweis: ${text}`,
  plainState: ({ state, text }) => `Ihre Nachricht „${text}“ ist jetzt: ${state}.`,
  plainNowOnline: () => 'Der Server ist verbunden.',
  plainTyping: (name) => `${name} schreibt.`,
  plainHit: ({ number, who, name, when, text }) =>
    `Treffer ${number}: ${who}, in der Unterhaltung mit ${name}, ${when}: ${text}`,
  plainPerson: (number, name, mail) => `Person ${number}: ${name}, ${mail}`,
  plainDevice: ({ number, label, isThis, canApprove }) =>
    `Gerät ${number}: ${label}${isThis ? ', dieses Gerät' : ''}${canApprove ? ', darf Geräte zulassen und sperren' : ''}.`,
  plainSetting: ({ number, label, state }) => `Einstellung ${number}: ${label}: ${state}.`,
  plainChoice: (number, label) => `Auswahl ${number}: ${label}.`,
  plainChoose: () => 'Schreiben Sie Schrägstrich wählen und eine Nummer.',
  plainSafety: ({ name, number, state }) => `Sicherheitsnummer mit ${name}: ${number}. Stand: ${state}.`,
  plainEarlier: () => 'Frühere Nachrichten:',
  plainNoEarlier: () => 'Davor gibt es nichts.',
  plainYesNo: () => 'Antworten Sie ja oder nein.',
  plainNoConversations: () =>
    'Noch keine Unterhaltung. Schreiben Sie Schrägstrich schreiben und einen Namen, um eine zu beginnen; Schrägstrich leute sagt, wer da ist.',
  plainLeft: () => 'Auf Wiedersehen.',
};
