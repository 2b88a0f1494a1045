// What the subject of an event may be.

/**
 * The subject names the device or entity and is the partition of its events. `.` and `..` are not valid: every URL parser removes
 * them from a path, encoded or not, so such a device could be written but never read.
 */
export const SUBJECT_PATTERN = '^(?!\\.{1,2}$)[A-Za-z0-9._:~@+-]{1,128}$';
const SUBJECT = new RegExp(SUBJECT_PATTERN);

/** Whether the value is a valid name of a device or entity. */
export const isSubject = (value: unknown): value is string => typeof value === 'string' && SUBJECT.test(value);
