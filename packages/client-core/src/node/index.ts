/**
 * The client on Node: a profile folder with an encrypted container, and the connection to one server.
 *
 *     const { deviceId } = await enrol({ serverUrl, token, profileDir, secret })
 *     const profile = await openProfile({ profileDir, secret })
 *     const { messageId } = await profile.send({ to: 'bela@acme.test', text: 'Hello' })   // safe on disk from here on
 *     await profile.flush({ timeoutMs: 30_000 })
 *     for (const message of profile.inbox()) show(message)
 *     await profile.close()
 */
export type { ReplayEvidence } from '../inbox-store.ts';
export { type Enrolled, type EnrolOptions, enrol } from './enrol.ts';
export { beginLink, type Linking, type LinkOptions } from './link.ts';
export { type OpenProfileOptions, openProfile, type Profile } from './profile.ts';
export { type OpenFolder, openProfileFolder } from './profile-folder.ts';
export { fileSource, fileTarget } from './saved-files.ts';
