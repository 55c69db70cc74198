/** The testkit: installations, processes, ledger and searches for tests. Nothing of it is ever part of a product. */
export { type Hit, makeCanary, needlesFor } from './canary/canary.ts';
export { scanFolders } from './canary/files.ts';
export { scanMemory } from './canary/memory.ts';
export { type CertificateFiles, canMakeCertificates, TestAuthority } from './certificates.ts';
export { Child, Children, untilGone } from './children.ts';
export { DeviceChannel, type RawAnswer } from './device-channel.ts';
export { finishParams, HandMadeDevice, makeByHand } from './hand-made-device.ts';
export { startInstallation, type TestInstallation } from './installation.ts';
export { Ledger } from './ledger/ledger.ts';
export { holdMessages, lieAbout, loseSubmits } from './lies.ts';
export { type MongoDouble, startMongoDouble } from './mongo-double/index.ts';
export type { TestPerson, TestTenant } from './people.ts';
export { type Chance, takeChances } from './seed.ts';
export { PROJECT_ROOT, resultOf, type ServerOptions, type ServerProcess, Site } from './site.ts';
export { AS_NOBODY, canBeNobody, canMount, SmallDisk } from './small-disk.ts';
export { Talker } from './talker.ts';
export { TemporaryFolder } from './temporary-folder.ts';
export { TestClock } from './test-clock.ts';
