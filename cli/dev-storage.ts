/** Where `plait dev` keeps long conversations, and `plait run` looks for them. */
export const DEV_STORAGE = '.plait/storage';
