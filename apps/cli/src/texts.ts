/** What the command line says of its own accord, in both languages. Refusals have their sentences in the error catalogue. */
import type { MessageState, Progress } from '@kuvert/client-core';
import type { Language } from './config.ts';

/** Sentences by name. Values have been made safe for a terminal (`terminal-text.ts`) by the caller. */
export interface Texts {
  tenantCreated(name: string, id: string): string;
  personAdded(name: string, id: string): string;
  tokenCreated(token: string, expiresAt: string): string;
  personReset(token: string, expiresAt: string): string;
  administratorInvited(code: string, expiresAt: string): string;
  exchange(may: boolean, reason: string): string;
  deviceRevoked(id: string): string;
  keysRotated(keyId: string, count: number): string;
  enrolled(deviceId: string, profile: string): string;
  sent(state: 'queued' | 'accepted', messageId: string): string;
  state(state: MessageState): string;
  /** @param devices for which the server has kept nothing */
  notKeptFor(devices: readonly string[]): string;
  shortState(state: MessageState): string;
  setting(name: string, value: string, setBy: string): string;
  queuedOffline(count: number): string;
  /** What takes long, before how far it is. */
  work(work: Progress['work']): string;
  stoppedBefore(): string;
  stoppedQueued(): string;
  offlineLocal(): string;
  badLine(line: number, reason: string): string;
  tooNew(): string;
  deleted(): string;
  noMessages(): string;
  me(): string;
  messagesMissing(count: number): string;
  messagesReordered(count: number): string;
  messagesReplayed(count: number): string;
  /** @param who their sender, where that is known */
  messagesExpired(count: number, who?: string): string;
  /** @param since when the first message was accepted that is not there @param isAsked another device is asked for them */
  wasDormant(count: number, since: Date, isAsked: boolean): string;
  /** @param since what was sent or came from then on may be missing */
  profileRestored(since: Date): string;
  /** Here and below: who it is about, where that is known. */
  undecryptable(): string;
  refused(): string;
  identityProblem(who: string | undefined): string;
  listMismatch(): string;
  ownDeviceLinked(): string;
  ownDeviceRevoked(): string;
  revokeAsked(deviceId: string): string;
  keysChanged(who: string | undefined): string;
  verificationLost(who: string | undefined): string;
  personDeviceAdded(who: string | undefined): string;
  personDeviceRemoved(who: string | undefined): string;
  keyReset(who: string | undefined): string;
  /** Here and below: the title of the group, where it can be read. */
  groupAdded(title: string | undefined): string;
  groupRemoved(title: string | undefined): string;
  groupDissolved(title: string | undefined): string;
  recipientUnknown(): string;
  notAccepted(): string;
  secretFileOpen(): string;
  storeAsDeclared(): string;
  storeCopied(rows: number): string;
  storeBackedUp(tenants: number, folder: string): string;
  storeRestored(tenants: number, replayed: number): string;
  storeFinalised(level: number): string;
}

const en: Texts = {
  tenantCreated: (name, id) => `Tenant ${name} is there: ${id}`,
  personAdded: (name, id) => `${name} is there: ${id}`,
  tokenCreated: (token, expiresAt) => `One device can enrol with this token until ${expiresAt}:\n${token}`,
  personReset: (token, expiresAt) =>
    `The device that enrols with this token until ${expiresAt} takes the place of all others of this person, and everybody they write with is told:\n${token}`,
  administratorInvited: (code, expiresAt) =>
    `With “kuvert admin accept” this code makes its holder an administrator until ${expiresAt}; the audit log tells of it:\n${code}`,
  exchange: (may, reason) =>
    may
      ? `Yes: ${reason === 'self' ? 'it is the same person' : 'both are in the same area'}.`
      : `No: ${reason === 'unknown-person' ? 'there is no such person in this organisation' : reason}.`,
  deviceRevoked: (id) => `${id} is revoked; its connections are closed.`,
  keysRotated: (keyId, count) => `The wrapping key is now ${keyId}; ${count} keys were wrapped anew.`,
  enrolled: (deviceId, profile) => `This device is enrolled: ${deviceId} in ${profile}`,
  sent: (state, id) =>
    state === 'accepted' ? `Accepted by the server: ${id}` : `Waits here to be sent: ${id}`,
  state: (state) =>
    ({
      queued: 'Waits here to be sent.',
      accepted:
        'Accepted by the server, which keeps it for up to 30 days; no device has reported receiving it yet.',
      delivered: "It has arrived on the recipient's device.",
      read: 'The recipient has read it.',
    })[state],
  notKeptFor: (devices) =>
    `The server kept nothing for ${devices.join(', ')}, which has been away for too long. It asks the other devices of its person when it comes back.`,
  shortState: (state) => state,
  setting: (name, value, setBy) =>
    `${name}: ${value}${{ policy: ' (set by your organisation)', conversation: ' (in this conversation)' }[setBy] ?? ''}`,
  queuedOffline: (count) =>
    count === 1
      ? 'The server cannot be reached; the message waits here and goes out with the next command.'
      : `The server cannot be reached; ${count} messages wait here and go out with the next command.`,
  work: (work) =>
    ({
      sealing: 'Reading the file',
      uploading: 'Sending the file',
      downloading: 'Fetching the file',
      'looking-up': 'Looking up people',
      'asking-for-devices': 'Asking for their devices',
      'handing-out-keys': 'Handing out keys',
    })[work],
  stoppedBefore: () => 'Stopped; nothing was sent, and nothing of it waits here.',
  stoppedQueued: () =>
    'Stopped; the message waits here and goes on with the next command. “kuvert delete” takes it back.',
  offlineLocal: () => 'The server cannot be reached; this is what is known here.',
  badLine: (line, reason) => `Line ${line} was not sent: ${reason}`,
  tooNew: () => 'Your app is too old for this message.',
  deleted: () => 'This message was deleted.',
  noMessages: () => 'Nothing new.',
  me: () => 'you',
  messagesMissing: (count) =>
    count === 1 ? 'A message to you is missing.' : `${count} messages to you are missing.`,
  messagesReordered: (count) =>
    count === 1
      ? 'A message came after later ones; it stands where it belongs.'
      : `${count} messages came after later ones; they stand where they belong.`,
  messagesReplayed: (count) =>
    count === 1
      ? 'The server delivered a message again that was long received; it is not shown twice.'
      : `The server delivered ${count} messages again that were long received; they are not shown twice.`,
  messagesExpired: (count, who) =>
    count === 1
      ? `A message ${who ? `from ${who}` : 'to you'} expired before it was fetched.`
      : `${count} messages ${who ? `from ${who}` : 'to you'} expired before they were fetched.`,
  wasDormant: (count, since, isAsked) =>
    `This device was away for so long that the server kept nothing more for it. What came since ${dayOf(since)}${
      count > 0 ? ` (${count} messages or more)` : ''
    } is ${isAsked ? 'asked for from your other devices.' : 'missing here; ask the people who wrote to you to send it again.'}`,
  profileRestored: (since) =>
    `This profile is older than when it last connected: it was restored, or a copy of it is in use elsewhere. Messages that were sent or came since ${dayOf(since)} may be missing here.`,
  undecryptable: () => 'A message could not be opened; it was asked for again.',
  refused: () => 'A message did not agree with its verified sender and is not shown.',
  identityProblem: (who) =>
    `The keys of ${who ?? 'a person'} do not verify or have changed; nothing is sent to them.`,
  listMismatch: () => 'Another device has seen a device list that this one has not.',
  ownDeviceLinked: () =>
    'A device was added to yours. If that was not you, revoke it: “kuvert devices list” shows it.',
  ownDeviceRevoked: () => 'One of your devices was revoked; nothing is sent to it any more.',
  keyReset: (who) =>
    `The account of ${who ?? 'a person'} was reset by your organisation, so their keys are new. Ask them before you write anything confidential.`,
  revokeAsked: (deviceId) =>
    `One of your devices asks you to revoke ${deviceId}. If you agree: kuvert devices revoke ${deviceId}`,
  keysChanged: (who) =>
    `The keys of ${who ?? 'a person you write to'} have changed: with a new phone that is to be expected; compare the safety number to be sure.`,
  verificationLost: (who) =>
    `The keys of ${who ?? 'a person'} have changed, although you had compared the safety number; compare it again before you write anything confidential.`,
  personDeviceAdded: (who) =>
    `${who ?? 'A person you write to'} has added a device; your messages go to it as well.`,
  personDeviceRemoved: (who) =>
    `${who ?? 'A person you write to'} has taken out a device; nothing goes to it any more.`,
  groupAdded: (title) =>
    title === undefined ? 'You were added to a group.' : `You were added to the group “${title}”.`,
  groupRemoved: (title) =>
    `You were taken out of ${title === undefined ? 'a group' : `the group “${title}”`}; nothing new of it will come.`,
  groupDissolved: (title) =>
    `${title === undefined ? 'A group of yours' : `The group “${title}”`} was dissolved: nobody can write to it any more.`,
  recipientUnknown: () => 'A message waits, because nobody has the address that it is for.',
  notAccepted: () => 'The server did not accept something, and trying again is of no use.',
  secretFileOpen: () => 'Other users of this machine can read the secret file; chmod 600 keeps it yours.',
  storeAsDeclared: () => 'Everything is as it should be.',
  storeCopied: (rows) => `${rows} rows are in the new place and were compared. Start the server with it.`,
  storeBackedUp: (tenants, folder) =>
    `${folder} holds ${tenants} tenants, each in a file of its own. It opens only with the keys folder; keep the two apart. Sealed files (KUVERT_BLOBS) are not in it: copy that folder too.`,
  storeRestored: (tenants, replayed) =>
    `${tenants} tenants are back, and ${replayed} revocations were gone through. Start the server.`,
  storeFinalised: (level) => `Data is written at level ${level} from now on.`,
};

const de: Texts = {
  tenantCreated: (name, id) => `Der Mandant ${name} ist angelegt: ${id}`,
  personAdded: (name, id) => `${name} ist angelegt: ${id}`,
  tokenCreated: (token, expiresAt) =>
    `Mit diesem Token kann sich bis ${expiresAt} ein Gerät registrieren:\n${token}`,
  personReset: (token, expiresAt) =>
    `Das Gerät, das sich bis ${expiresAt} mit diesem Token registriert, tritt an die Stelle aller anderen dieser Person, und alle, mit denen sie schreibt, erfahren es:\n${token}`,
  administratorInvited: (code, expiresAt) =>
    `Mit „kuvert admin accept“ macht dieser Code bis ${expiresAt} zur Administration; das Protokoll hält es fest:\n${code}`,
  exchange: (may, reason) =>
    may
      ? `Ja: ${reason === 'self' ? 'Es ist dieselbe Person' : 'Beide sind im selben Bereich'}.`
      : `Nein: ${reason === 'unknown-person' ? 'Diese Person gibt es in dieser Organisation nicht' : reason}.`,
  deviceRevoked: (id) => `${id} ist gesperrt; seine Verbindungen sind geschlossen.`,
  keysRotated: (keyId, count) =>
    `Der Hüllschlüssel ist jetzt ${keyId}; ${count} Schlüssel wurden neu verpackt.`,
  enrolled: (deviceId, profile) => `Dieses Gerät ist registriert: ${deviceId} in ${profile}`,
  sent: (state, id) =>
    state === 'accepted' ? `Vom Server angenommen: ${id}` : `Wartet hier auf das Senden: ${id}`,
  state: (state) =>
    ({
      queued: 'Wartet hier auf das Senden.',
      accepted:
        'Vom Server angenommen, der sie bis zu 30 Tage aufbewahrt; noch hat kein Gerät gemeldet, dass sie angekommen ist.',
      delivered: 'Auf dem Gerät des Empfängers angekommen.',
      read: 'Der Empfänger hat sie gelesen.',
    })[state],
  notKeptFor: (devices) =>
    `Für ${devices.join(', ')} hat der Server nichts aufgehoben: zu lange nicht da. Kommt das Gerät wieder, fragt es die anderen Geräte seiner Person.`,
  shortState: (state) =>
    ({ queued: 'wartet', accepted: 'angenommen', delivered: 'angekommen', read: 'gelesen' })[state],
  setting: (name, value, setBy) =>
    `${name}: ${value}${{ policy: ' (von Ihrer Organisation festgelegt)', conversation: ' (in dieser Unterhaltung)' }[setBy] ?? ''}`,
  queuedOffline: (count) =>
    count === 1
      ? 'Der Server ist nicht erreichbar; die Nachricht wartet hier und geht mit dem nächsten Befehl hinaus.'
      : `Der Server ist nicht erreichbar; ${count} Nachrichten warten hier und gehen mit dem nächsten Befehl hinaus.`,
  work: (work) =>
    ({
      sealing: 'Die Datei wird gelesen',
      uploading: 'Die Datei wird gesendet',
      downloading: 'Die Datei wird geholt',
      'looking-up': 'Personen werden gesucht',
      'asking-for-devices': 'Ihre Geräte werden abgefragt',
      'handing-out-keys': 'Schlüssel werden verteilt',
    })[work],
  stoppedBefore: () => 'Abgebrochen; nichts wurde gesendet, und nichts davon wartet hier.',
  stoppedQueued: () =>
    'Abgebrochen; die Nachricht wartet hier und geht mit dem nächsten Befehl weiter. „kuvert delete“ nimmt sie zurück.',
  offlineLocal: () => 'Der Server ist nicht erreichbar; das ist, was hier bekannt ist.',
  badLine: (line, reason) => `Zeile ${line} wurde nicht gesendet: ${reason}`,
  tooNew: () => 'Ihre App ist zu alt für diese Nachricht.',
  deleted: () => 'Diese Nachricht wurde gelöscht.',
  noMessages: () => 'Nichts Neues.',
  me: () => 'Sie',
  messagesMissing: (count) =>
    count === 1 ? 'Eine Nachricht an Sie fehlt.' : `${count} Nachrichten an Sie fehlen.`,
  messagesReordered: (count) =>
    count === 1
      ? 'Eine Nachricht kam nach späteren an; sie steht da, wo sie hingehört.'
      : `${count} Nachrichten kamen nach späteren an; sie stehen da, wo sie hingehören.`,
  messagesReplayed: (count) =>
    count === 1
      ? 'Der Server hat eine längst empfangene Nachricht noch einmal geliefert; sie wird nicht doppelt gezeigt.'
      : `Der Server hat ${count} längst empfangene Nachrichten noch einmal geliefert; sie werden nicht doppelt gezeigt.`,
  messagesExpired: (count, who) =>
    count === 1
      ? `Eine Nachricht ${who ? `von ${who}` : 'an Sie'} ist abgelaufen, bevor sie abgeholt wurde.`
      : `${count} Nachrichten ${who ? `von ${who}` : 'an Sie'} sind abgelaufen, bevor sie abgeholt wurden.`,
  wasDormant: (count, since, isAsked) =>
    `Dieses Gerät war so lange weg, dass der Server für es nichts mehr aufbewahrt hat. Was seit ${dayOf(since)} kam${
      count > 0 ? ` (mindestens ${count} Nachrichten)` : ''
    }, ${isAsked ? 'ist bei Ihren anderen Geräten angefordert.' : 'fehlt hier; bitten Sie die, die Ihnen schrieben, es noch einmal zu senden.'}`,
  profileRestored: (since) =>
    `Dieses Profil ist älter als bei seiner letzten Verbindung: Es wurde zurückgespielt, oder eine Kopie davon ist anderswo in Gebrauch. Nachrichten, die seit ${dayOf(since)} gesendet wurden oder kamen, können hier fehlen.`,
  undecryptable: () => 'Eine Nachricht ließ sich nicht öffnen; sie wurde noch einmal angefordert.',
  refused: () => 'Eine Nachricht passt nicht zu ihrem geprüften Absender und wird nicht gezeigt.',
  identityProblem: (who) =>
    `Die Schlüssel von ${who ?? 'einer Person'} stimmen nicht oder haben sich geändert; an sie wird nichts gesendet.`,
  ownDeviceLinked: () =>
    'Zu Ihren Geräten ist eines hinzugekommen. Waren Sie das nicht, bitte sperren: „kuvert devices list“ zeigt es.',
  ownDeviceRevoked: () => 'Eines Ihrer Geräte wurde gesperrt; an dieses wird nichts mehr gesendet.',
  listMismatch: () => 'Ein anderes Gerät kennt eine Geräteliste, die dieses nicht gesehen hat.',
  keyReset: (who) =>
    `Das Konto von ${who ?? 'einer Person'} wurde von Ihrer Organisation zurückgesetzt; die Schlüssel sind neu. Bitte nachfragen, bevor Sie Vertrauliches schreiben.`,
  revokeAsked: (deviceId) =>
    `Eines Ihrer Geräte bittet, ${deviceId} zu sperren. Wenn Sie zustimmen: kuvert devices revoke ${deviceId}`,
  keysChanged: (who) =>
    `Die Schlüssel ${who === undefined ? 'einer Person, der Sie schreiben,' : `von ${who}`} haben sich geändert: Mit einem neuen Telefon ist das zu erwarten; Gewissheit gibt der Vergleich der Sicherheitsnummer.`,
  verificationLost: (who) =>
    `Die Schlüssel von ${who ?? 'einer Person'} haben sich geändert, obwohl Sie die Sicherheitsnummer verglichen hatten; bitte vergleichen Sie sie neu, bevor Sie Vertrauliches schreiben.`,
  personDeviceAdded: (who) =>
    `${who ?? 'Eine Person, der Sie schreiben,'} hat ein Gerät hinzugefügt; Ihre Nachrichten gehen auch dorthin.`,
  personDeviceRemoved: (who) =>
    `${who ?? 'Eine Person, der Sie schreiben,'} hat ein Gerät entfernt; dorthin geht nichts mehr.`,
  groupAdded: (title) =>
    title === undefined
      ? 'Sie wurden in eine Gruppe aufgenommen.'
      : `Sie wurden in die Gruppe „${title}“ aufgenommen.`,
  groupRemoved: (title) =>
    `Sie wurden aus ${title === undefined ? 'einer Gruppe' : `der Gruppe „${title}“`} entfernt; Neues aus ihr kommt nicht mehr.`,
  groupDissolved: (title) =>
    `${title === undefined ? 'Eine Ihrer Gruppen' : `Die Gruppe „${title}“`} wurde aufgelöst: Niemand kann mehr hineinschreiben.`,
  recipientUnknown: () => 'Eine Nachricht wartet, weil niemand die Adresse hat, an die sie geht.',
  notAccepted: () => 'Der Server hat etwas nicht angenommen, und ein neuer Versuch hilft nicht.',
  secretFileOpen: () =>
    'Andere Benutzer dieser Maschine können die Geheimnisdatei lesen; chmod 600 macht sie wieder privat.',
  storeAsDeclared: () => 'Alles ist, wie es sein soll.',
  storeCopied: (rows) =>
    `${rows} Zeilen sind am neuen Ort und wurden verglichen. Der Server kann damit gestartet werden.`,
  storeBackedUp: (tenants, folder) =>
    `${folder} enthält ${tenants} Mandanten, jeden in einer eigenen Datei. Sie öffnet sich nur mit dem Schlüsselordner; beides getrennt aufbewahren. Versiegelte Dateien (KUVERT_BLOBS) sind nicht dabei: diesen Ordner ebenfalls kopieren.`,
  storeRestored: (tenants, replayed) =>
    `${tenants} Mandanten sind wieder da, und ${replayed} Sperrungen wurden durchgesehen. Der Server kann gestartet werden.`,
  storeFinalised: (level) => `Daten werden ab jetzt in Stufe ${level} geschrieben.`,
};

/** A day as it is written in both languages. */
function dayOf(date: Date): string {
  return date.toISOString().slice(0, 10);
}

/** The sentences in one language. */
export function textsIn(language: Language): Texts {
  return language === 'de' ? de : en;
}
