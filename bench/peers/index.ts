// The contenders that need packages of others. `npm run bench -- --peers` installs them and loads this file.
import type { Contender } from '../contender.ts';
import type { Setting } from '../peers.ts';
import { aiSdk } from './ai-sdk.ts';
import { restate } from './restate.ts';

export async function startPeers(setting: Setting): Promise<Contender[]> {
  return [await aiSdk(setting), await restate(setting.model)];
}
