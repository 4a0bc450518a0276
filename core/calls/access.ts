/**
 * What a call touches, as data: decided with the reply and recorded, since declarations are
 * functions. Calls that share a key conflict unless both only read it; `exclusive` conflicts with
 * everything. Absent where a call touches nothing, which is the default.
 */
export type Access = 'exclusive' | AccessKeys;

/**
 * Keys are canonical JSON texts of objects, like `{"path":"/a"}`: equal text is the same thing,
 * whichever tools declare it.
 */
export interface AccessKeys {
  reads?: string[];
  writes?: string[];
}
