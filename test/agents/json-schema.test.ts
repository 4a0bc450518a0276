import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, onTestFinished, test, vi } from 'vitest';

test('what checks schemas is compiled when Plait is loaded, before a time limit could interrupt it', async () => {
  const validateSchema = vi.spyOn(Ajv2020.prototype, 'validateSchema');
  onTestFinished(() => validateSchema.mockRestore());
  vi.resetModules();

  await import('../../agents/json-schema.ts');

  expect(validateSchema).toHaveBeenCalledTimes(1);
});
