// The headers of our own that the edge and the cells exchange.

/** The header in which the edge hands its route token to a cell. */
export const ROUTE_HEADER = 'x-polycell-route';

/** The header by which every answer tells its cell. */
export const CELL_HEADER = 'x-polycell-cell';
