import { join } from 'node:path';
import { defineAgent } from 'plait';
import { mcpServer } from 'plait/mcp';

/** The official servers, unchanged. `folder` is where they may read and write. */
export function archivist(folder: string) {
  const files = mcpServer({
    name: 'files',
    transport: {
      type: 'stdio',
      command: 'npx',
      args: ['-y', '@modelcontextprotocol/server-filesystem', folder],
    },
    allow: ['list_directory', 'read_text_file', 'write_file'],
    // A person allows each write. Writes of different files need not wait for each other.
    tools: { write_file: { approval: 'always', access: { writes: 'path' } } },
  });
  const memory = mcpServer({
    name: 'memory',
    transport: {
      type: 'stdio',
      command: 'npx',
      args: ['-y', '@modelcontextprotocol/server-memory'],
      env: { MEMORY_FILE_PATH: join(folder, 'memory.jsonl') },
    },
    allow: ['create_entities', 'read_graph'],
  });
  return defineAgent({
    name: 'archivist',
    model: 'claude-opus-5-5',
    system: 'You keep an archive of letters. Remember who wrote them.',
    tools: [files, memory],
  });
}
