// The headers of our own that the edge and the cells exchange.

/** The header in which the edge hands its route token to a cell. */
export const ROUTE_HEADER = 'x-polycell-route';

/**
 * The header by which the edge marks a read that may be stale: how many seconds ago directory or read cache last confirmed where the tenant's
 * cell is. Absent while they are asked as usual.
 */
export const STALE_HEADER = 'x-polycell-stale-seconds';

/** The header by which every answer tells its cell. */
export const CELL_HEADER = 'x-polycell-cell';

/**
 * The header in which the edge hands on the content type of a compressed body. API Gateway takes a body for text or for bytes by its
 * content type alone, and would replace the bytes that are not UTF-8.
 */
export const BODY_TYPE_HEADER = 'x-polycell-body-type';
