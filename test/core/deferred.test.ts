import { expect, test } from 'vitest';
import { deferred } from '../../core/deferred.ts';

test('a promise settles as its functions say', async () => {
  const kept = deferred<number>();
  const broken = deferred<number>();
  kept.resolve(7);
  broken.reject(new Error('no'));

  await expect(kept.promise).resolves.toBe(7);
  await expect(broken.promise).rejects.toThrow('no');
});
