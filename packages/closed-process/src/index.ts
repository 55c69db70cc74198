/** A process that nobody looks into by accident: no core files, no debugger by signal. */
export { closeProcess } from './close-process.ts';
