/**
 * `npm run mongo-double -- --port N [--data FILE] [--nodes N] [--version V] [--seed S --faults JSON]`: the wire double in a process of its
 * own. Prints one line of JSON with its address, ends on SIGTERM. Ends with 2 when it was called wrongly and with 1 when it cannot listen, each
 * with a sentence. Faults of a running one: the command `mongoDouble` on any database.
 */
import { parseArgs } from 'node:util';
import { FAULT_KINDS, type FaultPlan, type MongoDoubleOptions, startMongoDouble } from './index.ts';

const HELP = [
  'npm run mongo-double -- [--port N] [--data FILE] [--nodes N] [--version V] [--seed S --faults JSON]',
  `  --faults  how many of 1000 commands meet which, e.g. '{"cut-after": 20}': ${FAULT_KINDS.join(', ')}`,
].join('\n');
const PORT_MAX = 65_535;
/** A replica set of MongoDB has no more that vote. */
const NODES_MAX = 7;

class CalledWrongly extends Error {}

try {
  await main();
} catch (error) {
  const { code, message } = error as NodeJS.ErrnoException;
  const isListening = code === 'EADDRINUSE' || code === 'EACCES';
  if (!isListening && !(error instanceof CalledWrongly)) throw error;
  process.stderr.write(
    isListening
      ? `The double cannot listen there: ${message}. Please name another --port.\n`
      : `${message}\n`,
  );
  process.exit(isListening ? 1 : 2);
}

async function main(): Promise<void> {
  const values = readArguments();
  if (values.help === true) {
    process.stdout.write(`${HELP}\n`);
    return;
  }
  const options: MongoDoubleOptions = {
    port: wholeNumber('port', values.port ?? '0', 0, PORT_MAX),
    nodes: wholeNumber('nodes', values.nodes ?? '1', 1, NODES_MAX),
    ...(values.host === undefined ? {} : { host: values.host }),
    ...(values.data === undefined ? {} : { dataFile: values.data }),
    ...(values.version === undefined ? {} : { version: values.version }),
  };
  const perThousand = values.faults === undefined ? undefined : readFaults(values.faults);
  const double = await startMongoDouble(options);
  if (perThousand !== undefined) double.faults.follow({ seed: values.seed ?? '1', perThousand });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void double.stop());
  process.stdout.write(`${JSON.stringify({ url: double.url, pid: process.pid })}\n`);
}

function readArguments() {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      options: {
        port: text,
        host: text,
        data: text,
        nodes: text,
        version: text,
        seed: text,
        faults: text,
        help: { type: 'boolean' },
      },
    }).values;
  } catch (error) {
    throw new CalledWrongly(`${(error as Error).message}\n${HELP}`);
  }
}

function wholeNumber(name: string, text: string, min: number, max: number): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= min && number <= max) return number;
  throw new CalledWrongly(`--${name} takes a whole number from ${min} to ${max}.`);
}

function readFaults(text: string): FaultPlan['perThousand'] {
  let plan: unknown;
  try {
    plan = JSON.parse(text);
  } catch {
    plan = undefined;
  }
  const isPlan =
    typeof plan === 'object' &&
    plan !== null &&
    Object.entries(plan).every(
      ([kind, often]) => (FAULT_KINDS as readonly string[]).includes(kind) && typeof often === 'number',
    );
  if (!isPlan) throw new CalledWrongly(`--faults takes a JSON object of numbers.\n${HELP}`);
  return plan as FaultPlan['perThousand'];
}
