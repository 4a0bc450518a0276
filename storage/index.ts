export { withStorage } from './data-converter.ts';
export { directoryStorage } from './directory.ts';
