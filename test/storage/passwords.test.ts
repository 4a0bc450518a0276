import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { openStorage, postgresStorage } from '../../storage/index.ts';
import { checkStorage } from '../../storage/check-storage.ts';
import { plait } from '../cli/plait-process.ts';

const PASSWORD = 'planted-password';

describe('no error repeats a password from the setting of a storage', () => {
  test.for([
    ['when nothing listens', `postgres://ada:${PASSWORD}@127.0.0.1:9/plait`, /ECONNREFUSED/],
    [
      'when there is no such host',
      `postgres://ada:${PASSWORD}@nowhere.invalid/plait`,
      /nowhere\.invalid/,
    ],
    [
      'when a certificate is missing',
      `postgres://ada:${PASSWORD}@127.0.0.1:9/plait?sslmode=verify-full&sslrootcert=/nowhere`,
      /nowhere/,
    ],
    ['when it is not a URL', `postgres://ada:${PASSWORD}@127.0.0.1:nine/plait`, /is not a URL/],
    [
      'when it is not a kind of storage',
      `mysql://ada:${PASSWORD}@127.0.0.1/plait`,
      /begins with mysql:, which is not a kind of storage/,
    ],
    [
      'when S3 takes no password',
      `s3://ada:${PASSWORD}@bucket/prefix`,
      /must not hold credentials/,
    ],
  ] as const)('%s', async ([, setting, reason]) => {
    const error: unknown = await checked(setting).catch((thrown: unknown) => thrown);

    // Proves that `inspect` shows a cause.
    expect(inspect(new Error('control', { cause: setting }))).toContain(PASSWORD);
    expect((error as Error).message).toMatch(reason);
    expect(inspect(error, { depth: 10 })).not.toContain(PASSWORD);
  });

  // Each has `planted` before the character that should have been escaped, or `word` behind it.
  test.for([
    'p@planted/w#word',
    'planted/word',
    'planted#word',
    'planted?word',
    '12/word',
    '12#word',
    '12?word',
    '/word',
    '?word',
    '#word',
    '12@/word',
    'planted%word/x',
    '%e4planted-word',
    'planted%',
    '@planted/word@',
    'planted word/',
    'planted',
    'planted@word',
    'planted:word',
  ])('when it is not escaped: %s', async (password) => {
    for (const setting of [
      `postgres://ada:${password}@db.invalid/plait`,
      `postgres://ada:${password}@db.invalid`,
      `postgresql://ada:${password}@127.0.0.1:9/plait?table=t`,
      `"postgres://ada:${password}@db.invalid/plait"`,
      ` postgres://ada:${password}@db.invalid/plait`,
      `host=db.invalid user=ada password=${password}`,
    ]) {
      let printed = '';
      try {
        printed = openStorage(setting).location;
        await checked(setting);
      } catch (error) {
        printed += withoutTraces(error);
      }
      expect(printed.replaceAll('PGPASSWORD', '')).not.toMatch(/planted|word|%e4/i);
      expect(printed).toMatch(/escape|without quotes|db\.invalid|ECONNREFUSED/);
    }
    const connectionString = `ada:${password}@db.invalid/plait`;
    expect(() => postgresStorage({ connectionString })).toThrow('is not a URL');
  });

  test.for(['/planted', '12/planted', 'planted', 'planted/+x', '#planted', '@planted'])(
    'when S3 is given a secret: %s',
    (secret) => {
      let error: unknown;
      try {
        openStorage(`s3://AKIA:${secret}@bucket/prefix`);
      } catch (thrown) {
        error = thrown;
      }
      expect(withoutTraces(error)).toContain('must not hold credentials');
      expect(withoutTraces(error)).not.toContain('planted');
    },
  );

  test('when a storage is printed', () => {
    const storage = openStorage(`postgres://ada:${PASSWORD}@127.0.0.1:9/plait`);

    expect(inspect(storage, { depth: 10 })).toContain('127.0.0.1');
    expect(inspect(storage, { depth: 10 })).not.toContain(PASSWORD);
  });
});

test("the command line does not print Temporal's key", async () => {
  const { code, stdout, stderr } = await plait(['run', 'tester', 'go'], {
    env: {
      TEMPORAL_ADDRESS: '127.0.0.1:9',
      TEMPORAL_API_KEY: 'planted-key',
      PLAIT_DEBUG: '1',
    },
  });

  expect(code).toBe(4);
  expect(stderr).toContain('No Temporal server answers at 127.0.0.1:9');
  expect(stdout + stderr).not.toContain('planted-key');
});

/** All that an error says, and not where it was thrown. */
function withoutTraces(error: unknown): string {
  return inspect(error, { depth: 10 }).replaceAll(/^ +at .*$/gm, '');
}

async function checked(setting: string): Promise<void> {
  await checkStorage(openStorage(setting));
}
