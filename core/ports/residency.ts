// Residencies: the names of jurisdictions, and one for tenants whose data may lie anywhere.

/** The residency of a tenant whose data may lie anywhere. */
export const ANYWHERE = 'any';
