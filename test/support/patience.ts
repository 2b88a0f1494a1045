// How long tests wait. These limits find what hangs and judge nothing else: no outcome may depend on how fast a machine is.

/**
 * For one condition that another process brings about, in milliseconds: a message that is delivered again, as the system is meant to work,
 * is hidden for 120 s before (infra/topology.json). Shorter than Jest's limit (jest.config.mjs), so that a test says what it waited for.
 */
export const PATIENCE_MS = 240_000;

/** For a test that drives a whole stack through many conditions, in milliseconds; the other limit is in jest.config.mjs. */
export const LONG_TEST_MS = 900_000;
