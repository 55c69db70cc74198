/**
 * Operator calls to the server that runs on a data folder. The server writes `<data>/server.json` while it runs; a file
 * that a killed server left behind is known by its dead process or refused connection. Each request is signed with the
 * operator key, so that reaching the loopback port is not enough.
 */
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  fromWireError,
  KuvertError,
  LABELS,
  OPERATOR_HEADERS,
  type OperatorCallName,
  operatorCalls,
  operatorRequestText,
  WireError,
} from '@kuvert/protocol';
import { UsageError } from './failure.ts';

type Calls = typeof operatorCalls;
type Params<N extends OperatorCallName> = Parameters<Calls[N]['params']['parse']>[0] & object;
type Result<N extends OperatorCallName> = ReturnType<Calls[N]['result']['parse']>;

const CALL_TIME_LIMIT_MS = 60_000;

/** Speaks to one running server as its operator. */
export interface OperatorClient {
  /** Where people's devices reach the server. */
  readonly serverUrl: string;
  /** @throws KuvertError of the catalogue, `server_not_running` when nobody answers; UsageError for wrong parameters */
  call<N extends OperatorCallName>(name: N, params: Params<N>): Promise<Result<N>>;
}

/** Finds the server that runs on `dataDir`. @throws KuvertError `server_not_running`, `keys_missing` */
export async function findServer(folders: { dataDir: string; keysDir: string }): Promise<OperatorClient> {
  const { url, opsUrl } = await readServerFile(folders.dataDir);
  const key = await readOperatorKey(folders.keysDir);
  return {
    serverUrl: url,
    call: (name, params) => callOperator({ opsUrl, key, name, params }),
  };
}

async function readServerFile(dataDir: string): Promise<{ url: string; opsUrl: string }> {
  let content: { pid?: unknown; url?: unknown; opsUrl?: unknown };
  try {
    content = JSON.parse(await readFile(join(dataDir, 'server.json'), 'utf8'));
  } catch (cause) {
    throw new KuvertError('server_not_running', { cause });
  }
  const { pid, url, opsUrl } = content ?? {};
  if (typeof pid !== 'number' || typeof url !== 'string' || typeof opsUrl !== 'string' || !isAlive(pid)) {
    throw new KuvertError('server_not_running');
  }
  return { url, opsUrl };
}

/** A process of another user is alive too, though it cannot be signalled. */
function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function readOperatorKey(keysDir: string): Promise<Uint8Array> {
  try {
    return await readFile(join(keysDir, 'operator.key'));
  } catch (cause) {
    throw new KuvertError('keys_missing', { cause });
  }
}

async function callOperator<N extends OperatorCallName>(request: {
  opsUrl: string;
  key: Uint8Array;
  name: N;
  params: Params<N>;
}): Promise<Result<N>> {
  const { path, params: schema, result } = operatorCalls[request.name];
  const params = schema.safeParse(request.params);
  if (!params.success) throw wrongParameter(String(params.error.issues[0]?.path[0] ?? ''));
  const body = JSON.stringify(params.data);
  const headers = signOperatorRequest({ key: request.key, path, body, timeMs: Date.now() });
  const answer = await post(new URL(path, request.opsUrl), headers, body);
  const value = await answer.json().catch(() => undefined);
  if (!answer.ok) throw readProblem(value);
  const parsed = result.safeParse(value);
  if (!parsed.success) throw new KuvertError('internal');
  return parsed.data as Result<N>;
}

/** The headers that prove that a request comes from whoever holds the operator key. */
export function signOperatorRequest(request: {
  key: Uint8Array;
  path: string;
  body: string;
  timeMs: number;
  /** 16 random bytes in hexadecimal; tests bring their own. */
  nonce?: string;
}): Record<string, string> {
  const nonce = request.nonce ?? randomBytes(16).toString('hex');
  const text = operatorRequestText({
    path: request.path,
    timeMs: String(request.timeMs),
    nonce,
    bodySha256Hex: createHash('sha256').update(request.body).digest('hex'),
  });
  return {
    'content-type': 'application/json',
    [OPERATOR_HEADERS.time]: String(request.timeMs),
    [OPERATOR_HEADERS.nonce]: nonce,
    [OPERATOR_HEADERS.mac]: createHmac('sha256', request.key)
      .update(LABELS.operatorRequest)
      .update(text)
      .digest('hex'),
  };
}

async function post(url: URL, headers: Record<string, string>, body: string): Promise<Response> {
  try {
    const signal = AbortSignal.timeout(CALL_TIME_LIMIT_MS);
    return await fetch(url, { method: 'POST', headers, body, redirect: 'error', signal });
  } catch (cause) {
    throw new KuvertError('server_not_running', { cause });
  }
}

function readProblem(value: unknown): KuvertError {
  const problem = WireError.safeParse(value);
  if (!problem.success) return new KuvertError('internal');
  // Both ends are on one machine and one clock, so it is the key that is wrong, and that is what has to be said.
  if (problem.data.code === 'unauthenticated') return new KuvertError('keys_wrong');
  return fromWireError(problem.data);
}

const PARAMETERS: Readonly<Record<string, { en: string; de: string }>> = {
  role: {
    en: 'A role is operator, tenant-admin, help-desk or auditor.',
    de: 'Eine Rolle ist operator, tenant-admin, help-desk oder auditor.',
  },
  name: {
    en: 'A name has 1 to 200 characters on one line.',
    de: 'Ein Name hat 1 bis 200 Zeichen in einer Zeile.',
  },
  mail: { en: 'This is not a mail address; see --help.', de: 'Das ist keine Mailadresse; siehe --help.' },
  tenantId: {
    en: 'This is not the id of a tenant (tn_…); see --help.',
    de: 'Das ist keine Kennung eines Mandanten (tn_…); siehe --help.',
  },
  personId: {
    en: 'This is not the id of a person (pe_…); see --help.',
    de: 'Das ist keine Kennung einer Person (pe_…); siehe --help.',
  },
  deviceId: {
    en: 'This is not the id of a device (de_…); see --help.',
    de: 'Das ist keine Kennung eines Geräts (de_…); siehe --help.',
  },
};

function wrongParameter(name: string): Error {
  const sentences = PARAMETERS[name];
  return sentences === undefined ? new KuvertError('usage') : new UsageError(sentences);
}
