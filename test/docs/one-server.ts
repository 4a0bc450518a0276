import { startTemporalServer } from 'plait/testing';

export default async function setup(): Promise<() => Promise<void>> {
  const server = await startTemporalServer();
  process.env['TEST_TEMPORAL'] = server.address;
  return () => server.stop();
}
