import { isRecord } from '../core/json.ts';
import { InvalidStorageError } from './errors.ts';

/** What needs the package, as in "This storage", and the error for when it is missing. */
interface Need {
  what: string;
  Invalid: new (message: string, options: ErrorOptions) => Error;
}

const STORAGE: Need = { what: 'This storage', Invalid: InvalidStorageError };

/** Imports an optional package. If it is missing, the error says how to install it. */
export async function optionalPackage<T>(
  name: string,
  load: () => Promise<T>,
  { what, Invalid }: Need = STORAGE,
): Promise<T> {
  try {
    return await load();
  } catch (error) {
    const missing =
      isRecord(error) &&
      error['code'] === 'ERR_MODULE_NOT_FOUND' &&
      String(error['message']).includes(`'${name}'`);
    if (!missing) throw error;
    throw new Invalid(
      `${what} needs the package ${name}, which is not installed: npm install ${name}`,
      { cause: error },
    );
  }
}
