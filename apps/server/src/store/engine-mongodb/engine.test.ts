import { afterAll } from 'vitest';
import { describeStoreConformance } from '../conformance/index.ts';
import { startTestMongo } from '../conformance/mongo-server.ts';
import { describeSeveralServers } from '../conformance/several-servers.ts';

const mongo = await startTestMongo();
afterAll(() => mongo.stop());

describeStoreConformance(`engine-mongodb on ${mongo.what}`, mongo.engine());
describeSeveralServers(`engine-mongodb on ${mongo.what}`, mongo.engine());
