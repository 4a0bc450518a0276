import type { ScriptRequest } from 'plait/testing';
import { callTools, conversation, say } from 'plait/testing';

const people = ['Ada', 'Grace', 'Emmy', 'Sofia'];

/** It stands at the end of what the person has written. */
const folderOf = ({ userText }: ScriptRequest) => /in (\S+)\.$/.exec(userText)?.[1] ?? '';

export default conversation(/^Archive/, [
  (request) =>
    callTools([
      ['files__read_text_file', { path: `${folderOf(request)}/letter.txt` }],
      // In one reply. The memory server would keep one of them if they ran at once.
      ...people.map((name) => ['memory__create_entities', { entities: [entity(name)] }] as const),
    ]),
  (request) =>
    callTools([
      ['memory__read_graph', {}],
      ['files__write_file', { path: `${folderOf(request)}/summary.txt`, content: SUMMARY }],
      ['files__write_file', { path: `${folderOf(request)}/letter.txt`, content: '' }],
    ]),
  say('The summary is in the archive. The letter stays as it is, and four people are remembered.'),
]);

const SUMMARY = 'A letter about engines.\n';

function entity(name: string) {
  return { name, entityType: 'person', observations: ['wrote a letter'] };
}
