/**
 * `npm run bench-sign-in`: signing in over HTTP with password and app, beside the one Argon2id hash that it has to compute, in the same run and turn by turn. Also a refusal of a name
 * that is not there, which has to cost the same. In one process with a real store on disk; the time that accounts wait between two codes of an app passes on a clock of the bench.
 */
import { argon2, randomBytes } from 'node:crypto';
import { ADMIN_PASSWORD, startInstallation, type TestAdministrator } from '@kuvert/testkit';
import { generateSync } from 'otplib';

const ROUNDS = Number(process.argv[2] ?? 40);
const AT_ONCE = 4;
const STEP_MS = 30_000;
/** As in `features/administrators/passwords.ts`. */
const COST = { memory: 65_536, passes: 3, parallelism: 1, tagLength: 32 } as const;

const rawHash = () =>
  new Promise<void>((resolve, reject) => {
    const message = Buffer.from(ADMIN_PASSWORD);
    argon2('argon2id', { message, nonce: randomBytes(16), ...COST }, (error) =>
      error === null ? resolve() : reject(error),
    );
  });

await using installation = await startInstallation();
const people: TestAdministrator[] = [];
for (let i = 0; i < AT_ONCE; i++) people.push(await installation.administrator('operator', `Person-${i}`));
let strangers = 0;

async function signIn({ mail, totpSecret: secret }: TestAdministrator): Promise<void> {
  await ask(mail, generateSync({ secret, epoch: Math.floor(installation.clock.nowMs() / 1_000) }), 201);
}

const refused = () => ask(`nobody-${strangers++}@example.test`, '000000', 401);

async function ask(mail: string, code: string, status: number): Promise<void> {
  const body = { mail, password: ADMIN_PASSWORD, secondFactor: { kind: 'totp', code } };
  const answer = await fetch(`${installation.url}/api/v1/sessions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (answer.status !== status) throw new Error(`answered ${answer.status}: ${await answer.text()}`);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  // Each code of an app is good once.
  installation.clock.advance(STEP_MS);
  const started = performance.now();
  await work();
  return performance.now() - started;
}

const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
const [first] = people as [TestAdministrator];
const times = {
  raw: [] as number[],
  signIn: [] as number[],
  refused: [] as number[],
  rawFour: [] as number[],
  signInFour: [] as number[],
};

for (let round = -2; round < ROUNDS; round++) {
  const one = {
    raw: await timed(rawHash),
    signIn: await timed(() => signIn(first)),
    refused: await timed(refused),
    rawFour: await timed(() => Promise.all(people.map(rawHash))),
    signInFour: await timed(() => Promise.all(people.map(signIn))),
  };
  // The first two warm up.
  if (round >= 0)
    for (const name of Object.keys(times) as (keyof typeof times)[]) times[name].push(one[name]);
}

const ms = Object.fromEntries(
  Object.entries(times).map(([name, values]) => [name, Math.round(median(values) * 10) / 10]),
) as Record<keyof typeof times, number>;
const of = (a: number, b: number) => Math.round((a / b) * 100) / 100;
const ratios = {
  signInOfRaw: of(ms.signIn, ms.raw),
  refusedOfSignIn: of(ms.refused, ms.signIn),
  fourAtOnceOfRaw: of(ms.signInFour, ms.rawFour),
};
process.stdout.write(`${JSON.stringify({ rounds: ROUNDS, medianMs: ms, ratios })}\n`);
