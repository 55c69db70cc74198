/** The thread of `file-sealing.ts`. */
import { parentPort } from 'node:worker_threads';
import { FileSealer } from '../attachments/file-sealer.ts';
import type { SealingAnswer, SealingQuestion } from './file-sealing-messages.ts';

const sealers = new Map<number, FileSealer>();

parentPort?.on('message', (question: SealingQuestion) => {
  let answer: SealingAnswer;
  try {
    answer = answerTo(question);
  } catch (error) {
    answer = { error: String(error) };
  }
  const back = answer.memory ? [answer.memory.plain.buffer, answer.memory.sealed.buffer] : [];
  parentPort?.postMessage(answer, back);
});

function answerTo(question: SealingQuestion): SealingAnswer {
  const { file } = question;
  if (question.kind === 'begin') {
    sealers.set(file, new FileSealer(question.order));
    question.order.key.fill(0);
    return {};
  }
  if (question.kind === 'drop') {
    sealers.get(file)?.wipe();
    sealers.delete(file);
    return {};
  }
  const sealer = sealers.get(file);
  if (sealer === undefined) throw new Error('nothing was begun');
  if (question.kind === 'finish') return { hashes: sealer.finish() };
  sealer.seal(question.batch, question.memory);
  return { memory: question.memory };
}
