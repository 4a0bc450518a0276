// `npm run reference` loads this before TypeDoc, which needs the API of TypeScript 6: TypeScript 7 has none yet
// that tools can use. See docs/decisions/0038-a-generated-reference.md.
import { register } from 'node:module';

const hook = `export const resolve = (name, context, next) =>
  next(name === 'typescript' ? 'typescript-6' : name, context);`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);
