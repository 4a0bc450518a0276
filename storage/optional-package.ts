import { isRecord } from '../core/json.ts';
import { InvalidStorageError } from './errors.ts';

/** Imports a package that only some need. Throws an `InvalidStorageError` that says how to get it. */
export async function optionalPackage<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    const missing =
      isRecord(error) &&
      error['code'] === 'ERR_MODULE_NOT_FOUND' &&
      String(error['message']).includes(`'${name}'`);
    if (!missing) throw error;
    throw new InvalidStorageError(
      `This storage needs the package ${name}, which is not installed: npm install ${name}`,
      { cause: error },
    );
  }
}
