/**
 * The demo organisation: a tenant, three people with a device each, one message and its answer, all on the path that
 * every other client takes: operator calls, and a client process per step and person.
 */
import { KuvertError } from '@kuvert/protocol';
import type { OperatorClient } from '../operator-client.ts';
import type { ClientProcesses } from './client-process.ts';
import type { DemoFolder, DemoPerson, DemoState } from './demo-folder.ts';
import type { DemoWords } from './words.ts';

/** What the demo works with. */
export interface DemoStage {
  readonly operator: OperatorClient;
  readonly folder: DemoFolder;
  readonly processes: ClientProcesses;
  readonly words: DemoWords;
  say(progress: string): Promise<void>;
}

/** What happened, for the screen. Times in milliseconds. */
export interface DemoStory {
  readonly asker: DemoPerson;
  readonly answerer: DemoPerson;
  readonly question: string;
  readonly questionRead: string;
  readonly answer: string;
  readonly answerRead: string;
  /** What the server held while the answerer was away. */
  readonly envelope: { readonly sizeBytes: number; readonly hex: string };
  /** From the asker's command to the end of the answerer's. */
  readonly questionMs: number;
  /** The same back. */
  readonly answerMs: number;
  /** Whether text, name or mail address of either was found in the envelope's bytes. */
  readonly readable: boolean;
}

/** Makes tenant, people and devices as far as they are missing. Each step is written down as soon as it is done. */
export async function enrolEverybody(stage: DemoStage, state: DemoState): Promise<void> {
  const { operator, folder, words } = stage;
  if (state.tenantId === undefined) {
    await stage.say(words.makingTenant);
    state.tenantId = (await operator.call('tenantCreate', { name: 'Kuvert Demo' })).tenantId;
    await folder.write(state);
  }
  for (const person of state.people) {
    if (person.deviceId !== undefined) continue;
    await stage.say(words.enrolling(person.name));
    person.personId ??= await addPerson(operator, state.tenantId, person);
    person.token ??= (await operator.call('tokenCreate', { personId: person.personId })).token;
    await folder.makeSecret(person);
    await folder.write(state);
    person.deviceId = (await enrolPerson(stage, person, person.token)) as NonNullable<DemoPerson['deviceId']>;
    delete person.token;
    await folder.write(state);
  }
}

async function addPerson(
  operator: OperatorClient,
  tenantId: NonNullable<DemoState['tenantId']>,
  { name, mail }: DemoPerson,
): Promise<NonNullable<DemoPerson['personId']>> {
  return (await operator.call('personAdd', { tenantId, name, mail })).personId;
}

async function enrolPerson(stage: DemoStage, person: DemoPerson, token: string): Promise<string> {
  const asPerson = identityOptions(stage.folder, person);
  try {
    const args = ['enrol', '--server', stage.operator.serverUrl, '--token', token, ...asPerson];
    return deviceIdOf(await stage.processes.run(args));
  } catch (error) {
    // A start before this one was interrupted between the enrolment and writing it down.
    if (!(error instanceof KuvertError) || error.code !== 'profile_exists') throw error;
    return deviceIdOf(await stage.processes.run(['whoami', ...asPerson]));
  }
}

function deviceIdOf(lines: readonly Record<string, unknown>[]): string {
  const deviceId = lines[0]?.deviceId;
  if (typeof deviceId !== 'string') throw new KuvertError('unexpected');
  return deviceId;
}

/** Sends the first message and the answer. */
export async function exchangeMessages(stage: DemoStage, state: DemoState): Promise<DemoStory> {
  const { words, operator } = stage;
  const [asker, answerer] = state.people;
  if (asker === undefined || answerer?.deviceId === undefined) throw new KuvertError('unexpected');
  const question = words.question(answerer.name);
  const answer = words.answer(asker.name);

  await stage.say(words.writing(asker.name, answerer.name));
  const askedAt = performance.now();
  const questionId = await send(stage, asker, answerer, question);
  const sendMs = performance.now() - askedAt;
  const { envelopes } = await operator.call('mailboxPeek', { deviceId: answerer.deviceId, limit: 1 });
  const envelope = envelopes[0] ?? { sizeBytes: 0, hex: '' };

  await stage.say(words.reading(answerer.name));
  const fetchedAt = performance.now();
  const questionRead = await read(stage, answerer, questionId);
  const questionMs = sendMs + performance.now() - fetchedAt;

  const answeredAt = performance.now();
  const answerId = await send(stage, answerer, asker, answer);
  const answerRead = await read(stage, asker, answerId);
  const answerMs = performance.now() - answeredAt;

  const bytes = Buffer.from(envelope.hex, 'hex');
  const readable = [question, asker.name, asker.mail, answerer.name, answerer.mail].some((text) =>
    bytes.includes(text),
  );
  return {
    asker,
    answerer,
    question,
    questionRead,
    answer,
    answerRead,
    envelope,
    questionMs,
    answerMs,
    readable,
  };
}

async function send(stage: DemoStage, from: DemoPerson, to: DemoPerson, text: string): Promise<unknown> {
  const args = ['send', ...identityOptions(stage.folder, from), '--to', to.mail, '--text', text];
  const [result] = await stage.processes.run(args);
  // On this machine the server has just been reached, so a message that waits has a reason that the demo must not hide.
  if (result?.state !== 'accepted') throw new KuvertError('server_unreachable');
  return result.messageId;
}

async function read(stage: DemoStage, person: DemoPerson, messageId: unknown): Promise<string> {
  const messages = await stage.processes.run(['inbox', ...identityOptions(stage.folder, person)]);
  const text = messages.find((message) => message.messageId === messageId)?.text;
  if (typeof text !== 'string') throw new KuvertError('unexpected');
  return text;
}

function identityOptions(folder: DemoFolder, person: DemoPerson): string[] {
  return ['--profile', folder.profile(person), '--secret-file', folder.secretFile(person)];
}
