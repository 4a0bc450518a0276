import { replayHistories } from 'plait/testing';
import { test } from 'vitest';

test('turns that began with an earlier version go on with this one', async () => {
  await replayHistories(new URL('../histories/', import.meta.url));
});
