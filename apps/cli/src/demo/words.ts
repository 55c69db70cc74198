/** Everything the demo says, in both languages. */
import type { Language } from '../config.ts';

/** The demo's words; each line of the screen has room for 80 columns. */
export interface DemoWords {
  readonly makingTenant: string;
  enrolling(name: string): string;
  writing(from: string, to: string): string;
  reading(name: string): string;
  setAside(path: string): string;
  question(to: string): string;
  answer(to: string): string;
  title(names: string): string;
  readonly and: string;
  /** The three boxes of the picture: above, inside. */
  deviceOf(name: string): string;
  readonly server: string;
  readonly seals: string;
  readonly holds: string;
  readonly opens: string;
  wrote(name: string): string;
  readonly serverHeld: string;
  awayOf(name: string): string;
  envelope(sizeBytes: number, verdict: string): string;
  readonly nothingReadable: string;
  readonly somethingReadable: string;
  read(name: string): string;
  answered(name: string): string;
  readonly time: string;
  times(thereMs: number, backMs: number): string;
  howTo(folder: string): string;
  readonly greeting: string;
  others(instead: string, folders: readonly string[]): string;
  readonly begin: string;
}

const en: DemoWords = {
  makingTenant: 'Making the organisation Kuvert Demo …',
  enrolling: (name) => `Enrolling ${name} …`,
  writing: (from, to) => `${from} writes to ${to} …`,
  reading: (name) => `${name} reads and answers …`,
  setAside: (path) => `The demo of another installation is now in ${path}`,
  question: (to) => `Hello ${to}, shall we have lunch at noon?`,
  answer: (to) => `Gladly, ${to}! See you at the gate.`,
  title: (names) => `Kuvert Demo: ${names} have a device each, in a client of its own`,
  and: 'and',
  deviceOf: (name) => `${name}'s device`,
  server: 'this server',
  seals: 'writes, seals',
  holds: 'cannot open',
  opens: 'opens, reads',
  wrote: (name) => `${name} wrote`,
  serverHeld: 'The server held',
  awayOf: (name) => `(${name} away)`,
  envelope: (size, verdict) => `a sealed envelope of ${size} bytes (${verdict}):`,
  nothingReadable: 'no name, no text',
  somethingReadable: 'SOMETHING IS READABLE',
  read: (name) => `${name} read`,
  answered: (name) => `${name} answered`,
  time: 'It took',
  times: (there, back) => `${seconds(there)} there and ${seconds(back)} back, four program starts included`,
  howTo: (folder) => `Write as one of them from another terminal, in ${folder}:`,
  greeting: 'Hello',
  others: (instead, folders) =>
    `As somebody else: put ${folders.join(' or ')} in place of ${instead}. More: ./kuvert --help`,
  begin: 'To begin, make a tenant, a person and a token for a device:',
};

const de: DemoWords = {
  makingTenant: 'Die Organisation Kuvert Demo wird angelegt …',
  enrolling: (name) => `${name} wird registriert …`,
  writing: (from, to) => `${from} schreibt an ${to} …`,
  reading: (name) => `${name} liest und antwortet …`,
  setAside: (path) => `Die Demo einer anderen Installation liegt jetzt in ${path}`,
  question: (to) => `Hallo ${to}, gehen wir um zwölf essen?`,
  answer: (to) => `Gern, ${to}! Wir sehen uns am Tor.`,
  title: (names) => `Kuvert Demo: ${names} haben je ein Gerät, jedes ein eigenes Programm`,
  and: 'und',
  deviceOf: (name) => `Gerät von ${name}`,
  server: 'dieser Server',
  seals: 'schreibt',
  holds: 'liest nichts',
  opens: 'öffnet',
  wrote: (name) => `${name} schrieb`,
  serverHeld: 'Der Server hielt',
  awayOf: (name) => `(${name} fort)`,
  envelope: (size, verdict) => `einen Umschlag von ${size} Bytes (${verdict}):`,
  nothingReadable: 'kein Name, kein Text',
  somethingReadable: 'ETWAS IST LESBAR',
  read: (name) => `${name} las`,
  answered: (name) => `${name} antwortete`,
  time: 'Es dauerte',
  times: (there, back) =>
    `${seconds(there).replace('.', ',')} hin und ${seconds(back).replace('.', ',')} zurück, samt Start von vier Programmen`,
  howTo: (folder) => `So schreiben Sie aus einem anderen Terminal, in ${folder}:`,
  greeting: 'Hallo',
  others: (instead, folders) =>
    `Als jemand anders: ${folders.join(' oder ')} statt ${instead} einsetzen. Mehr: ./kuvert --help`,
  begin: 'Zum Anfangen: Mandant, Person und ein Token für ein Gerät anlegen:',
};

function seconds(timeMs: number): string {
  return `${(timeMs / 1_000).toFixed(1)} s`;
}

/** The demo's words in one language. */
export function demoWords(language: Language): DemoWords {
  return language === 'de' ? de : en;
}
