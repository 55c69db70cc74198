/** Operator calls as a test makes them: written from the contract alone, so that it is a second client beside the command line's. */
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  fromWireError,
  LABELS,
  OPERATOR_HEADERS,
  type OperatorCallName,
  operatorCalls,
  operatorRequestText,
  WireError,
} from '@kuvert/protocol';

type Calls = typeof operatorCalls;

/** Speaks to one server as its operator. */
export class Operator {
  readonly #server: { readonly opsUrl: string; readonly keysDir: string };
  readonly #now: () => number;

  /** @param server where it listens for its operator and where its keys are; read anew at each call */
  constructor(server: { readonly opsUrl: string; readonly keysDir: string }, now: () => number = Date.now) {
    this.#server = server;
    this.#now = now;
  }

  /** @throws KuvertError what the server answered */
  async call<N extends OperatorCallName>(
    name: N,
    params: Calls[N]['params']['_zod']['input'],
  ): Promise<Calls[N]['result']['_zod']['output']> {
    const { path, result } = operatorCalls[name];
    const body = JSON.stringify(params);
    const timeMs = String(this.#now());
    const nonce = randomBytes(16).toString('hex');
    const bodySha256Hex = createHash('sha256').update(body).digest('hex');
    const mac = createHmac('sha256', readFileSync(join(this.#server.keysDir, 'operator.key')))
      .update(LABELS.operatorRequest)
      .update(operatorRequestText({ path, timeMs, nonce, bodySha256Hex }))
      .digest('hex');
    const answer = await fetch(new URL(path, this.#server.opsUrl), {
      method: 'POST',
      body,
      headers: {
        'content-type': 'application/json',
        [OPERATOR_HEADERS.time]: timeMs,
        [OPERATOR_HEADERS.nonce]: nonce,
        [OPERATOR_HEADERS.mac]: mac,
      },
    });
    const value: unknown = await answer.json();
    if (!answer.ok) throw fromWireError(WireError.parse(value));
    return result.parse(value) as Calls[N]['result']['_zod']['output'];
  }
}
