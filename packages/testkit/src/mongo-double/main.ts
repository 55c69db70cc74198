/**
 * `npm run mongo-double -- --port N [--data FILE] [--nodes N] [--version V] [--seed S --faults JSON]`: the wire double in a process of its
 * own. Prints one line of JSON with its address, ends on SIGTERM. Faults of a running one: the command `mongoDouble` on any database.
 */
import { parseArgs } from 'node:util';
import { FAULT_KINDS, type FaultPlan, type MongoDoubleOptions, startMongoDouble } from './index.ts';

const text = { type: 'string' } as const;
const { values } = parseArgs({
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
});

if (values.help === true) {
  process.stdout.write(
    [
      'npm run mongo-double -- [--port N] [--data FILE] [--nodes N] [--version V] [--seed S --faults JSON]',
      `  --faults  how many of 1000 commands meet which, e.g. '{"cut-after": 20}': ${FAULT_KINDS.join(', ')}`,
      '',
    ].join('\n'),
  );
} else {
  const double = await startMongoDouble(options());
  if (values.faults !== undefined) {
    double.faults.follow({
      seed: values.seed ?? '1',
      perThousand: JSON.parse(values.faults) as FaultPlan['perThousand'],
    });
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void double.stop());
  process.stdout.write(`${JSON.stringify({ url: double.url, pid: process.pid })}\n`);
}

function options(): MongoDoubleOptions {
  return {
    port: Number(values.port ?? 0),
    nodes: Number(values.nodes ?? 1),
    ...(values.host === undefined ? {} : { host: values.host }),
    ...(values.data === undefined ? {} : { dataFile: values.data }),
    ...(values.version === undefined ? {} : { version: values.version }),
  };
}
