// The objects port: a place outside of the cells, such as a folder or a bucket, that keeps objects by name.

/** What every place can keep. */
export const OBJECT_LIMITS = {
  /** Of one object, in bytes; each is written and read as a whole. S3 takes 5 GiB at once. */
  bytes: 64 * 1024 * 1024,
} as const;

/** What names of objects consist of, so that a place can have them as names of files. */
export const OBJECT_NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/**
 * Every method rejects with a `PortError`: `not-found` when the place is missing, `invalid` for another name than the pattern allows,
 * `too-large` for an object of more than `OBJECT_LIMITS.bytes`, `denied`, `throttled` and `unavailable` after the adapter's own retries.
 */
export interface Objects {
  /** Stores an object in place of any of that name. At each moment there is the one or the other as a whole, also if the process ends. */
  put(name: string, bytes: Uint8Array): Promise<void>;

  /** The object as it was put last; `undefined` if there is none of that name. */
  get(name: string): Promise<Uint8Array | undefined>;

  /** Removes an object; one that is not there is no error. */
  remove(name: string): Promise<void>;
}
