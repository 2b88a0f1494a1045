// Polycell's own headers between the edge and the cells.

/** The header in which the edge sends its route token to a cell. */
export const ROUTE_HEADER = 'x-polycell-route';

/**
 * The header by which the edge marks a read that may be stale: the seconds since directory or read cache last confirmed the tenant's
 * cell. Absent in normal operation.
 */
export const STALE_HEADER = 'x-polycell-stale-seconds';

/**
 * The header of a read that a standby serves: from how many milliseconds ago on events may be missing that the home has acknowledged, or
 * `unknown`. Absent where the home serves.
 */
export const RPO_HEADER = 'x-polycell-rpo-ms';

/** The header in which every answer names its cell. */
export const CELL_HEADER = 'x-polycell-cell';

/**
 * The header in which the edge passes on the content type of a compressed body. API Gateway decides only by the content type whether
 * a body is text or bytes, and would replace the bytes that are not UTF-8.
 */
export const BODY_TYPE_HEADER = 'x-polycell-body-type';
