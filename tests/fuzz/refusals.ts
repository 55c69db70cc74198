/** What the server may answer, whatever it was sent. */
import {
  ERRORS,
  isErrorCode,
  METHODS,
  type MethodName,
  type SubmitAnswer,
  WireError,
} from '@kuvert/protocol';
import { expect } from 'vitest';
import type { Answer } from './peer.ts';

/** An error as the catalogue has it, and none that says that the server is at fault. */
export function expectRefusal(error: unknown): void {
  const { code } = WireError.strict().parse(error);
  expect(isErrorCode(code), `code ${code}`).toBe(true);
  expect(['internal', 'unexpected']).not.toContain(code);
}

/** An answer to a request of this method: its result, or a refusal. */
export function expectAnswer(answer: Answer | undefined, method: string): void {
  if (answer === undefined) throw new Error('the server closed the connection instead of answering');
  if ('error' in answer) expectRefusal(answer.error);
  else {
    expect(Object.hasOwn(METHODS, method), 'a method that does not exist has a result').toBe(true);
    expect(METHODS[method as MethodName].result.safeParse(answer.result).success).toBe(true);
  }
}

/** An answer to a submit. */
export function expectSubmitAnswer(answer: SubmitAnswer | undefined): void {
  if (answer === undefined) throw new Error('the server closed the connection instead of answering');
  if ('error' in answer) expectRefusal(answer.error);
}

/** An answer over HTTP, as it came. */
export interface HttpAnswer {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly body: string;
}

/** The answers in what came over a connection; those to pipelined requests stand one behind the other. */
export function answersIn(text: string): HttpAnswer[] {
  return text
    .split(/(?=HTTP\/1\.1 \d{3} )/)
    .filter((part) => part !== '')
    .map((part) => {
      const [head = '', ...rest] = part.split('\r\n\r\n');
      const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1]);
      return {
        status,
        contentType: /\r\ncontent-type: ([^\r]*)/i.exec(head)?.[1],
        body: rest.join('\r\n\r\n'),
      };
    });
}

/** Success, or a refusal of the catalogue in its shape (RFC 9457); never a fault of the server. */
export function expectHttpAnswer({ status, contentType, body }: HttpAnswer): void {
  if (status < 400) return;
  expect(contentType).toMatch(/^application\/problem\+json(; charset=utf-8)?$/);
  const { code, retry, title, details } = JSON.parse(body);
  expectRefusal({ code, retry, ...(details === undefined ? {} : { details }) });
  expect(ERRORS[code as keyof typeof ERRORS].status).toBe(status);
  expect(title).toBe(ERRORS[code as keyof typeof ERRORS].en);
}
