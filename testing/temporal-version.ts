import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** The first server where an operator can pause, unpause and reset an activity. */
const OLDEST_SERVER = [1, 28] as const;

/** The binary has 150 MB, so its first start from a cold disk takes seconds. */
const VERSION_LIMIT_MS = 20_000;

/** `problem` continues a sentence that begins with the file's path. */
type Inspected =
  | { readonly type: 'usable'; readonly version: string }
  | { readonly type: 'unusable'; readonly problem: string };

/** Checks that a Temporal CLI runs and is recent enough. */
export async function inspectTemporal(path: string, env: NodeJS.ProcessEnv): Promise<Inspected> {
  let stdout: string;
  try {
    const options = { env, timeout: VERSION_LIMIT_MS, windowsHide: true };
    ({ stdout } = await promisify(execFile)(path, ['--version'], options));
  } catch (error) {
    return unusable(`does not run (${whyItFailed(error)})`);
  }
  // "temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)"; releases before 1.0 wrote "(server 1.24.1)".
  const match = /version (\S+) \(server v?(\d+)\.(\d+)/i.exec(stdout);
  const [, version, major, minor] = match ?? [];
  if (version === undefined) return unusable('does not print a version as the Temporal CLI does');
  const [oldestMajor, oldestMinor] = OLDEST_SERVER;
  const server = `${major}.${minor}`;
  if (Number(major) * 1000 + Number(minor) < oldestMajor * 1000 + oldestMinor) {
    return unusable(
      `is too old: it includes server ${server}, and Plait needs ${OLDEST_SERVER.join('.')} or newer`,
    );
  }
  return { type: 'usable', version };
}

function unusable(problem: string): Inspected {
  return { type: 'unusable', problem };
}

function whyItFailed(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { killed, stderr = '', code } = error as Error & ExecFileFailure;
  if (killed === true) return `no answer in ${VERSION_LIMIT_MS / 1000} s`;
  const [firstLine] = stderr.trim().split(/\r?\n/);
  return firstLine || (typeof code === 'number' ? `exit code ${code}` : error.message);
}

/** What Node adds to the error of `execFile`. */
interface ExecFileFailure {
  readonly killed?: boolean;
  readonly stderr?: string;
  /** The exit code, or a name such as `EACCES` when the file could not be started. */
  readonly code?: number | string;
}
