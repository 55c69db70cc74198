/** The thread of `password-estimator.ts`. */
import { parentPort } from 'node:worker_threads';
import { ZxcvbnFactory } from '@zxcvbn-ts/core';
import * as common from '@zxcvbn-ts/language-common';
import * as de from '@zxcvbn-ts/language-de';
import * as en from '@zxcvbn-ts/language-en';
import type { EstimateAnswer, EstimateQuestion } from './password-estimator.ts';

const estimator = new ZxcvbnFactory({
  graphs: common.adjacencyGraphs,
  dictionary: { ...common.dictionary, ...en.dictionary, ...de.dictionary },
});

parentPort?.on('message', ({ id, password, known }: EstimateQuestion) => {
  const { score, feedback } = estimator.check(password, [...known]);
  parentPort?.postMessage({ id, score, warning: feedback.warning ?? '' } satisfies EstimateAnswer);
});
