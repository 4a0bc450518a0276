import { copyFile, mkdir, rename, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { findTemporalBinary } from '../../testing/temporal-binary.ts';
import { run } from './process.ts';

/** A program of an image that can be built from a Go module. */
interface GoProgram {
  /** Its name in the image. */
  name: string;
  package: string;
  version: string;
}

export interface Images {
  server: string;
  adminTools: string;
  ui: string;
}

/**
 * Puts the programs of Temporal's images into a directory, in the versions of the images' tags. It builds
 * them once from the same Go modules as the images, and keeps them in ~/.cache/plait-deploy. The `temporal`
 * command is the one that Plait finds or downloads.
 */
export async function installPrograms(
  directory: string,
  images: Images,
  say: (sentence: string) => void,
): Promise<void> {
  const programs: GoProgram[] = [
    {
      name: 'temporal-server',
      package: 'go.temporal.io/server/cmd/server',
      version: tagOf(images.server),
    },
    {
      name: 'temporal-sql-tool',
      package: 'go.temporal.io/server/cmd/tools/sql',
      version: tagOf(images.adminTools),
    },
    {
      name: 'ui-server',
      package: 'github.com/temporalio/ui-server/v2/cmd/server',
      version: tagOf(images.ui),
    },
  ];
  await mkdir(directory, { recursive: true });
  for (const program of programs) {
    await copyFile(await built(program, say), join(directory, program.name));
  }
  const { path } = await findTemporalBinary({ onProgress: say });
  await copyFile(path, join(directory, 'temporal'));
}

/** The configuration of Temporal's UI, from its Go module; it is the same as that in the image. */
export async function uiConfigDirectory(image: string): Promise<string> {
  const module = `github.com/temporalio/ui-server/v2@v${tagOf(image)}`;
  const json = await run('go', ['go', 'mod', 'download', '-json', module], { env: process.env });
  return join((JSON.parse(json) as { Dir: string }).Dir, 'config');
}

async function built(program: GoProgram, say: (sentence: string) => void): Promise<string> {
  const directory = join(homedir(), '.cache', 'plait-deploy', `${program.name}-${program.version}`);
  const path = join(directory, program.name);
  if (await exists(path)) return path;
  say(`building ${program.name} ${program.version}; this takes minutes`);
  await mkdir(directory, { recursive: true });
  await run('go', ['nice', 'go', 'install', `${program.package}@v${program.version}`], {
    // One compiler at a time, so that this machine stays usable.
    env: { ...process.env, GOBIN: directory, GOFLAGS: '-p=1 -buildvcs=false' },
  });
  await rename(join(directory, program.package.split('/').at(-1) ?? ''), path);
  return path;
}

function tagOf(image: string): string {
  return image.split(':').at(-1) ?? '';
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
