import { describe, expect, inject, it } from 'vitest';
import { whatIsWrong } from '../../cli/commands/setup.ts';
import { newNamespace } from '../fixtures/namespace.ts';
import type { Ended } from './plait-process.ts';
import { plait } from './plait-process.ts';

function setup(namespace: string, address = inject('temporalAddress')): Promise<Ended> {
  const env = { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace };
  return plait(['setup'], { env });
}

describe.concurrent('plait setup', () => {
  it('registers what is missing, says so, and does nothing the second time', async ({ expect }) => {
    await using namespace = await newNamespace(inject('temporalAddress'), {
      PlaitAgent: 'Keyword',
      Rounds: 'Int',
    });
    const first = await setup(namespace.name);
    expect(first).toEqual({
      code: 0,
      stdout: [
        `Search attributes of namespace ${namespace.name} at ${inject('temporalAddress')}:`,
        '  PlaitAgent       Keyword  already exists',
        '  PlaitUser        Keyword  registered',
        '  PlaitStopReason  Keyword  registered',
        '',
      ].join('\n'),
      stderr: '',
    });
    const { operatorService } = namespace.client.connection;
    const { customAttributes } = await operatorService.listSearchAttributes({
      namespace: namespace.name,
    });
    expect(Object.keys(customAttributes)).toHaveLength(4);

    const second = await setup(namespace.name);
    expect(second.stdout).not.toMatch(/ registered\n/);
    expect(second.stdout.match(/already exists\n/g)).toHaveLength(3);
    expect(second.code).toBe(0);
  });

  it('changes nothing if one has another type, and says how to remove it', async ({ expect }) => {
    await using namespace = await newNamespace(inject('temporalAddress'), { PlaitUser: 'Int' });
    const { code, stdout, stderr } = await setup(namespace.name);
    expect(stderr).toMatch(
      /^plait: The search attribute PlaitUser exists .* with another type than Keyword.* Nothing was registered\..* temporal operator search-attribute remove --name PlaitUser -n test-.*\n$/,
    );
    expect(stdout).toBe('');
    expect(code).toBe(8);
    const { name, client } = namespace;
    const { customAttributes } = await client.connection.operatorService.listSearchAttributes({
      namespace: name,
    });
    expect(Object.keys(customAttributes)).toEqual(['PlaitUser']);
  });

  it('reports that an SQL store has no room for more', async ({ expect }) => {
    const others = Array.from({ length: 8 }, (_, i) => [`Other${i}`, 'Keyword'] as const);
    await using namespace = await newNamespace(
      inject('temporalAddress'),
      Object.fromEntries(others),
    );
    const { code, stderr } = await setup(namespace.name);
    expect(stderr).toMatch(/^plait: Namespace .* has no room .*cannot have more than 10 .*\n$/);
    expect(code).toBe(8);
    const { name, client } = namespace;
    const { customAttributes } = await client.connection.operatorService.listSearchAttributes({
      namespace: name,
    });
    expect(Object.keys(customAttributes)).toHaveLength(8);
  });

  it('names a missing namespace, and a server that does not answer', async ({ expect }) => {
    const missing = await setup('nowhere');
    expect(missing.stderr).toMatch(/^plait: .* has no namespace nowhere\. .*\n$/);
    expect(missing.code).toBe(4);
    const nobody = await setup('default', '127.0.0.1:1');
    expect(nobody.stderr).toMatch(/^plait: No Temporal server answers at 127\.0\.0\.1:1\. .*\n$/);
    expect(nobody.code).toBe(4);
  });
});

const grpcError = (code: number, message: string) => Object.assign(new Error(message), { code });

describe('the error for a server that does not register them', () => {
  const here = { address: 'temporal.example:7233', namespace: 'support' };

  it.each([7, 16])('says to use the credentials of an administrator (gRPC code %i)', (code) => {
    expect(whatIsWrong(grpcError(code, 'Request unauthorized.'), here)).toMatch(
      /may not register .* namespace support at temporal\.example:7233 \(.*unauthorized.*\)\. Run this command with the credentials of an administrator/,
    );
  });

  it.each([
    ['eu-west-1.aws.api.temporal.io:7233', 7],
    ['support.a1b2c.tmprl.cloud:7233', 7],
    ['temporal.example:7233', 12],
  ])('says how an administrator does it in Temporal Cloud: %s', (address, code) => {
    expect(whatIsWrong(grpcError(code, 'no'), { ...here, address })).toContain(
      'tcld namespace search-attributes add --namespace support --search-attribute "PlaitAgent=Keyword"',
    );
  });

  it('quotes an unknown error', () => {
    expect(whatIsWrong(grpcError(13, 'disk full'), here)).toMatch(/support: .*disk full/);
  });
});
