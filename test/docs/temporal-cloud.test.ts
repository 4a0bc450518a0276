import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { describe, expect, test } from 'vitest';
import { SEARCH_ATTRIBUTES } from '../../core/search-attributes.ts';

const page = readFileSync(new URL('../../docs/temporal-cloud.md', import.meta.url), 'utf8');
const [withKey = '', withCertificate = '', register = ''] = [
  ...page.matchAll(/```sh\n([^]*?)```/g),
].map(([, block]) => block ?? '');

const variables = (block: string) =>
  Object.fromEntries(
    [...block.matchAll(/^(\w+)=(\S+)/gm)].map(([, name = '', value = '']) => [name, value]),
  );

describe('docs/temporal-cloud.md', () => {
  const address = 'my-namespace.a1b2c.tmprl.cloud:7233';
  const namespace = 'my-namespace.a1b2c';

  test('connects with an API key over TLS', () => {
    const overrideEnvVars = variables(withKey);
    expect(loadClientConnectConfig({ disableFile: true, overrideEnvVars })).toMatchObject({
      namespace,
      connectionOptions: { address, apiKey: overrideEnvVars['TEMPORAL_API_KEY'], tls: true },
    });
  });

  test('connects with a client certificate', () => {
    const folder = mkdtempSync(join(tmpdir(), 'plait-certificate-'));
    const overrideEnvVars = Object.fromEntries(
      Object.entries(variables(withCertificate)).map(([name, value]) => {
        if (!name.endsWith('_PATH')) return [name, value];
        writeFileSync(join(folder, name), name);
        return [name, join(folder, name)];
      }),
    );
    const { namespace: found, connectionOptions } = loadClientConnectConfig({
      disableFile: true,
      overrideEnvVars,
    });
    expect([found, connectionOptions.address]).toEqual([namespace, address]);
    const { tls } = connectionOptions;
    const pair = typeof tls === 'object' ? tls?.clientCertPair : undefined;
    expect([pair?.crt, pair?.key].map((data) => Buffer.from(data ?? []).toString())).toEqual([
      'TEMPORAL_TLS_CLIENT_CERT_PATH',
      'TEMPORAL_TLS_CLIENT_KEY_PATH',
    ]);
  });

  test('registers the search attributes that Plait sets', () => {
    const named = [...register.matchAll(/"(\w+)=(\w+)"/g)].map(([, name, type]) => [name, type]);
    expect(Object.fromEntries(named)).toEqual(SEARCH_ATTRIBUTES);
  });
});
