// Leases as directory and cells exchange them: what the directory says of a tenant's effects in a cell.

/** The directory's answers for a tenant; `LeaseAnswer` says what each one means. */
export const LEASE_ANSWERS = ['granted', 'free', 'waits', 'elsewhere'] as const;

/**
 * - `granted`: effects may begin there;
 * - `free`: they may, and go on without the edge, as no other cell can take them over: the tenant has no standby, or the cell no declared key;
 * - `waits`: the cell serves the tenant, and effects of the cell that served it before may not have ended;
 * - `elsewhere`: the cell does not serve the tenant.
 */
export type LeaseAnswer = (typeof LEASE_ANSWERS)[number];
