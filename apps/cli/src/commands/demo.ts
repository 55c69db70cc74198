/** `kuvert demo`: on an empty installation, shows what Kuvert does with three people who really exchange messages. */
import { resolve } from 'node:path';
import { KuvertError } from '@kuvert/protocol';
import type { Command } from 'commander';
import { type CommandContext, finishCommand } from '../command-context.ts';
import { ClientProcesses } from '../demo/client-process.ts';
import { DemoFolder, type DemoState } from '../demo/demo-folder.ts';
import { type DemoStage, enrolEverybody, exchangeMessages } from '../demo/play.ts';
import { beginScreen, howToScreen, storyScreen } from '../demo/screen.ts';
import { demoWords } from '../demo/words.ts';
import { EXIT } from '../exit-codes.ts';
import { findServer, type OperatorClient } from '../operator-client.ts';

/** @see buildProgram */
export function addDemo(program: Command, context: CommandContext): void {
  const command = program
    .command('demo')
    .description('on an empty installation: three people with a device each, and a first message')
    .option('--data <folder>', "the server's data folder")
    .action(async (options: { data?: string }) => {
      const dataDir = options.data === undefined ? context.settings.dataDir : resolve(options.data);
      const stop = context.stopSignal();
      try {
        await demo(dataDir, context, stop);
      } catch (error) {
        // Whoever asked us to stop knows why the demo did not come to its end; a later start goes on with it.
        if (!stop.aborted) throw error;
        context.exitCode = EXIT.other;
      }
    });
  finishCommand(command, ['kuvert demo --data data']);
}

async function demo(dataDir: string, context: CommandContext, stop: AbortSignal): Promise<void> {
  const { output } = context;
  const words = demoWords(output.language);
  const screen = { words, colour: output.colour };
  const operator = await findServer({ dataDir, keysDir: context.settings.keysDir });
  const folder = new DemoFolder(dataDir);
  const stage: DemoStage = {
    operator,
    folder,
    words,
    processes: new ClientProcesses(stop),
    say: (progress) => output.progress(progress),
  };
  const state = await findOrBegin(stage);
  if (state === undefined) {
    await output.result({ demo: 'none' }, () => beginScreen(dataDir, screen));
    return;
  }
  const summary = () => ({
    demo: 'ready',
    people: state.people.map((person) => ({
      name: person.name,
      mail: person.mail,
      deviceId: person.deviceId,
      profile: folder.profile(person),
      secretFile: folder.secretFile(person),
    })),
  });
  if (state.finished) {
    await output.result(summary(), () => howToScreen(state.people, folder, screen));
    return;
  }
  await enrolEverybody(stage, state);
  const story = await exchangeMessages(stage, state);
  await output.result({ ...summary(), story: storyFacts(story) }, () =>
    storyScreen(story, state.people, folder, screen),
  );
  state.finished = true;
  await folder.write(state);
}

function storyFacts(story: Awaited<ReturnType<typeof exchangeMessages>>): object {
  const { question, questionRead, answer, answerRead, envelope, questionMs, answerMs, readable } = story;
  return { question, questionRead, answer, answerRead, envelope, questionMs, answerMs, readable };
}

/** @returns the demo that is to go on or begin; undefined when this installation has people of its own and no demo */
async function findOrBegin(stage: DemoStage): Promise<DemoState | undefined> {
  const { operator, folder, words } = stage;
  const { tenants } = await operator.call('installation', {});
  const found = await folder.read();
  const isOurs = found !== undefined && (await belongsHere(found, tenants, operator));
  if (isOurs) return found;
  if (tenants > 0) return undefined;
  const aside = await folder.setAside(new Date());
  if (aside !== undefined) await stage.say(words.setAside(aside));
  return folder.begin();
}

/** Whether a demo folder was made for this installation: a folder outlives a data folder that somebody removed. */
async function belongsHere(state: DemoState, tenants: number, operator: OperatorClient): Promise<boolean> {
  // Interrupted before it knew its tenant, which may or may not have been made.
  if (state.tenantId === undefined) return tenants <= 1;
  if (tenants === 0) return false;
  const deviceId = state.people.find((person) => person.deviceId !== undefined)?.deviceId;
  if (deviceId === undefined) return !state.finished;
  try {
    await operator.call('mailboxPeek', { deviceId, limit: 1 });
    return true;
  } catch (error) {
    if (error instanceof KuvertError && error.code === 'not_found') return false;
    throw error;
  }
}
