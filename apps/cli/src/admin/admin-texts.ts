/** What `kuvert admin` says of its own accord, in both languages. */
import type { PasswordDue } from '@kuvert/protocol/admin';
import type { Language } from '../config.ts';

/** Sentences by name. */
export interface AdminTexts {
  readonly code: string;
  readonly name: string;
  readonly mail: string;
  readonly password: string;
  readonly totp: string;
  readonly newTotp: string;
  readonly authenticatorChanged: string;
  readonly recoveryCode: string;
  readonly stepUp: string;
  readonly stepUpOrPasskey: string;
  readonly pageAnswer: string;
  readonly passkeyBegun: string;
  readonly newPassword: string;
  readonly presentPassword: string;
  readonly chooseAnother: string;
  readonly done: string;
  readonly nothing: string;
  readonly signedOut: string;
  openPage(page: string, expiresAt: string): string;
  strength(meter: string, score: number, scoreMin: number): string;
  passwordDue(reason: PasswordDue): string;
  addSecret(secret: string, uri: string): string;
  recoveryCodes(codes: readonly string[]): string;
  signedIn(expiresAt: string): string;
  waiting(approvalId: string, expiresAt: string): string;
  more(cursor: string): string;
  yes(value: boolean): string;
}

const en: AdminTexts = {
  code: 'Set-up code or invitation code',
  name: 'Your name',
  mail: 'Your mail address',
  password: 'Password (12 characters or more; not shown)',
  totp: 'Six digits of the authenticator app',
  newTotp: 'Six digits of the new authenticator app',
  authenticatorChanged:
    'The new app counts from now on, the old one no more; take it out there. All your other sessions have ended.',
  recoveryCode: 'Recovery code (not shown)',
  stepUp: 'This needs a fresh second factor. Six digits of the authenticator app',
  stepUpOrPasskey:
    'This needs a fresh second factor. Six digits of the authenticator app, or nothing for a passkey in a browser',
  pageAnswer: 'What the page shows (eight characters)',
  passkeyBegun: 'The passkey is added once the page says so; “kuvert admin passkeys list” shows it.',
  newPassword: 'New password (12 characters or more; not shown)',
  presentPassword: 'Your present password (not shown)',
  chooseAnother: 'It would not be taken; please choose another.',
  done: 'Done.',
  nothing: 'Nothing there.',
  signedOut: 'Signed out.',
  openPage: (page, expiresAt) =>
    `Open this page in a browser that has your passkey, before ${expiresAt}, and give its address to nobody:\n  ${page}`,
  strength: (meter, score, scoreMin) => `Strength ${meter} ${score} of 4; ${scoreMin} is the least.`,
  passwordDue: (reason) =>
    reason === 'breached'
      ? 'You are signed in, and your password is known from a breach: choose another before anything else, now or later with “kuvert admin password change”.'
      : 'You are signed in, and your password is older than your organisation allows (against the advice of NIST and BSI): choose another before anything else, now or later with “kuvert admin password change”.',
  addSecret: (secret, uri) =>
    `Add this to an authenticator app, by hand or as a QR code:\n  ${secret}\n  ${uri}`,
  recoveryCodes: (codes) =>
    `Recovery codes, each good once in the place of the app. They are shown this once; keep them apart from the password:\n${codes.map((code) => `  ${code}`).join('\n')}`,
  signedIn: (expiresAt) => `Signed in until ${expiresAt}, or until 15 minutes pass without a command.`,
  waiting: (approvalId, expiresAt) => `Somebody else has to approve this by ${expiresAt}: ${approvalId}`,
  more: (cursor) => `There is more: --cursor ${cursor}`,
  yes: (value) => (value ? 'yes' : 'no'),
};

const de: AdminTexts = {
  code: 'Einrichtungs- oder Einladungscode',
  name: 'Ihr Name',
  mail: 'Ihre Mailadresse',
  password: 'Passwort (mindestens 12 Zeichen; wird nicht gezeigt)',
  totp: 'Sechs Ziffern der Authenticator-App',
  newTotp: 'Sechs Ziffern der neuen Authenticator-App',
  authenticatorChanged:
    'Ab jetzt gilt die neue App, die alte nicht mehr; bitte dort entfernen. Alle Ihre anderen Sitzungen sind beendet.',
  recoveryCode: 'Wiederherstellungscode (wird nicht gezeigt)',
  stepUp: 'Dafür ist ein frischer zweiter Faktor nötig. Sechs Ziffern der Authenticator-App',
  stepUpOrPasskey:
    'Dafür ist ein frischer zweiter Faktor nötig. Sechs Ziffern der Authenticator-App, oder nichts für einen Passkey im Browser',
  pageAnswer: 'Was die Seite zeigt (acht Zeichen)',
  passkeyBegun:
    'Der Passkey ist angelegt, sobald die Seite das sagt; „kuvert admin passkeys list“ zeigt ihn.',
  newPassword: 'Neues Passwort (mindestens 12 Zeichen; wird nicht gezeigt)',
  presentPassword: 'Ihr jetziges Passwort (wird nicht gezeigt)',
  chooseAnother: 'Es würde nicht angenommen; bitte ein anderes wählen.',
  done: 'Erledigt.',
  nothing: 'Nichts vorhanden.',
  signedOut: 'Abgemeldet.',
  openPage: (page, expiresAt) =>
    `Bitte diese Seite bis ${expiresAt} in einem Browser öffnen, der Ihren Passkey hat, und ihre Adresse niemandem geben:\n  ${page}`,
  strength: (meter, score, scoreMin) =>
    `Stärke ${meter} ${score} von 4; mindestens ${scoreMin} muss es sein.`,
  passwordDue: (reason) =>
    reason === 'breached'
      ? 'Sie sind angemeldet, und Ihr Passwort ist aus einem Datenleck bekannt: Bitte vor allem anderen ein neues wählen, jetzt oder später mit „kuvert admin password change“.'
      : 'Sie sind angemeldet, und Ihr Passwort ist älter, als Ihre Organisation erlaubt (entgegen dem Rat von NIST und BSI): Bitte vor allem anderen ein neues wählen, jetzt oder später mit „kuvert admin password change“.',
  addSecret: (secret, uri) =>
    `Bitte in eine Authenticator-App aufnehmen, von Hand oder als QR-Code:\n  ${secret}\n  ${uri}`,
  recoveryCodes: (codes) =>
    `Wiederherstellungscodes, jeder einmal anstelle der App gültig. Sie werden nur dieses Mal gezeigt; bitte getrennt vom Passwort aufbewahren:\n${codes.map((code) => `  ${code}`).join('\n')}`,
  signedIn: (expiresAt) => `Angemeldet bis ${expiresAt}, oder bis 15 Minuten ohne Befehl vergangen sind.`,
  waiting: (approvalId, expiresAt) => `Das muss jemand anderes bis ${expiresAt} freigeben: ${approvalId}`,
  more: (cursor) => `Es gibt mehr: --cursor ${cursor}`,
  yes: (value) => (value ? 'ja' : 'nein'),
};

/** Names of fields where a person reads them; what is not here is shown as the API calls it. */
const GERMAN_FIELDS: Readonly<Record<string, string>> = {
  name: 'Name',
  mail: 'Mail',
  createdAt: 'angelegt',
  expiresAt: 'gültig bis',
  state: 'Zustand',
  enrolledAt: 'registriert',
  revokedAt: 'gesperrt',
  role: 'Rolle',
  grants: 'Rollen',
  permissions: 'Rechte',
  features: 'Funktionen',
  settings: 'Einstellungen',
  address: 'Adresse',
  lastSeenAt: 'zuletzt gesehen',
  lastUsedAt: 'zuletzt benutzt',
  isCurrent: 'diese',
  token: 'Token',
  code: 'Code',
  key: 'Schlüssel',
  operation: 'Vorgang',
  requestedBy: 'beantragt von',
  requestedAt: 'beantragt',
  decidedBy: 'entschieden von',
  decidedAt: 'entschieden',
  saved: 'gespeichert in',
  size: 'Einträge im Log',
  entries: 'Einträge',
};

/** The sentences in one language. */
export function adminTextsIn(language: Language): AdminTexts {
  return language === 'de' ? de : en;
}

/** What a field is called. */
export function fieldName(name: string, language: Language): string {
  return language === 'de' ? (GERMAN_FIELDS[name] ?? name) : name;
}
