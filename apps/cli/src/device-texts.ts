/** What the commands about one's own devices say, in both languages. */
import type { Language } from './config.ts';

/** Sentences by name. Values have been made safe for a terminal by the caller. */
export interface DeviceTexts {
  /** Above the drawn code. */
  scan(): string;
  compare(numbers: string): string;
  waiting(minutes: number): string;
  linked(deviceId: string, person: string, profile: string): string;
  approveQuestion(): string;
  approved(deviceId: string, isSigner: boolean): string;
  revoked(deviceId: string): string;
  revokeAsked(deviceId: string): string;
  named(deviceId: string, name: string): string;
  keyRenewed(): string;
  roles(role: 'signer' | 'linked'): string;
  thisDevice(): string;
  inactive(): string;
  since(day: string): string;
}

const en: DeviceTexts = {
  scan: () =>
    'On a device that you already use, run this with the code below, or press F7 and l in the chat:\n  kuvert devices link CODE',
  compare: (numbers) => `Both devices must show these numbers: ${numbers}`,
  waiting: (minutes) => `Waiting for your other device, at most ${minutes} minutes …`,
  linked: (deviceId, person, profile) => `This is now a device of ${person}:\n  ${deviceId}\n  in ${profile}`,
  approveQuestion: () => 'Type the twelve digits that the new device shows, or press Enter to stop: ',
  approved: (deviceId, isSigner) =>
    isSigner
      ? `${deviceId} is one of your devices now, and may link and revoke devices.`
      : `${deviceId} is one of your devices now.`,
  revoked: (deviceId) => `${deviceId} is revoked: it is cut off, and nothing is sent to it any more.`,
  revokeAsked: (deviceId) =>
    `This device may not revoke ${deviceId}, so it has asked those of yours that may. If none of them is at hand, ask your administrator.`,
  named: (deviceId, name) => `${deviceId} is called ${name} now.`,
  keyRenewed: () =>
    'Your account key is new. People you write with are told; compare safety numbers with them again.',
  roles: (role) => (role === 'signer' ? 'may link and revoke' : 'linked'),
  thisDevice: () => 'this device',
  inactive: () => 'nothing is delivered to it',
  since: (day) => `since ${day}`,
};

const de: DeviceTexts = {
  scan: () =>
    'Auf einem Gerät, das Sie schon benutzen, mit diesem Code ausführen, oder im Chat F7 und l drücken:\n  kuvert devices link CODE',
  compare: (numbers) => `Beide Geräte müssen diese Ziffern zeigen: ${numbers}`,
  waiting: (minutes) => `Warten auf Ihr anderes Gerät, höchstens ${minutes} Minuten …`,
  linked: (deviceId, person, profile) =>
    `Das ist jetzt ein Gerät von ${person}:\n  ${deviceId}\n  in ${profile}`,
  approveQuestion: () =>
    'Bitte die zwölf Ziffern eintippen, die das neue Gerät zeigt, oder mit der Eingabetaste abbrechen: ',
  approved: (deviceId, isSigner) =>
    isSigner
      ? `${deviceId} ist jetzt eines Ihrer Geräte und darf Geräte koppeln und sperren.`
      : `${deviceId} ist jetzt eines Ihrer Geräte.`,
  revoked: (deviceId) =>
    `${deviceId} ist gesperrt: Es ist abgetrennt, und an dieses wird nichts mehr gesendet.`,
  revokeAsked: (deviceId) =>
    `Dieses Gerät darf ${deviceId} nicht sperren und hat deshalb Ihre Geräte gebeten, die es dürfen. Ist keines davon zur Hand, bitte die Administration fragen.`,
  named: (deviceId, name) => `${deviceId} heißt jetzt ${name}.`,
  keyRenewed: () =>
    'Ihr Kontoschlüssel ist neu. Wer mit Ihnen schreibt, erfährt es; bitte Sicherheitsnummern erneut vergleichen.',
  roles: (role) => (role === 'signer' ? 'darf koppeln und sperren' : 'gekoppelt'),
  thisDevice: () => 'dieses Gerät',
  inactive: () => 'ihm wird nichts zugestellt',
  since: (day) => `seit ${day}`,
};

/** The sentences of a language. */
export function deviceTextsIn(language: Language): DeviceTexts {
  return language === 'de' ? de : en;
}
