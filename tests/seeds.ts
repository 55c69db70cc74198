/**
 * Properties (fast-check) are tried with the same inputs in every run, so that what a change has broken is told apart from what was always
 * there and was met by chance. `KUVERT_SEED` (hexadecimal) asks for others; the long forms, such as `npm run fuzz`, take new ones each time.
 */
import fc from 'fast-check';

fc.configureGlobal({ seed: Number.parseInt(process.env.KUVERT_SEED ?? '1', 16) | 0 });
