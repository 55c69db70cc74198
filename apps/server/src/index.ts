/** The server's door for the testkit: a whole installation in the process that asks for it. */
export { buildInstallation, type Installation, type Surroundings } from './app.ts';
export type { Clock, Random } from './clock.ts';
export { readConfig, type ServerConfig } from './config.ts';
/** What the store says of dormant devices, for schedules that bring one about without ten thousand messages. */
export { dormantDevices } from './features/mailbox/index.ts';
export { createLog, type Log } from './log.ts';
export { StartError, sentenceOfStartFailure } from './start-error.ts';
