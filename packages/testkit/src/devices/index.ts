/** People with several devices: schedules of what they do, acted out on real profiles and a real server, and their ledgers. */
export { runSchedule, type Step, scheduleOf } from './schedule.ts';
