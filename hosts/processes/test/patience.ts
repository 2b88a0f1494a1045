// How long tests of hosts wait. The limit finds what hangs and judges nothing else: no outcome may depend on how fast a machine is.

/** For one condition that another process brings about, in milliseconds; shorter than Jest's limit, so that a test says what it waited for. */
export const PATIENCE_MS = 120_000;
