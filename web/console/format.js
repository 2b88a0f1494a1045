// How numbers, times and states are written.

/** Older than this, a number is greyed, in milliseconds. */
export const STALE_MS = 15_000;

/** A length of time, as short as it stays clear. @param {number} milliseconds */
export function duration(milliseconds) {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  const minutes = seconds / 60;
  if (minutes < 120) return `${Math.round(minutes)} min`;
  const hours = minutes / 60;
  return hours < 48 ? `${Math.round(hours)} h` : `${Math.round(hours / 24)} days`;
}

/** The age of something. @param {number} milliseconds */
export const ago = (milliseconds) => {
  const seconds = Math.floor(milliseconds / 1000);
  return seconds < 1 ? 'now' : `${seconds < 120 ? `${seconds} s` : duration(milliseconds)} ago`;
};

/** A point in time in the viewer's own zone, to the second. @param {string | null} text */
export function time(text) {
  if (text === null) return '–';
  const at = new Date(text);
  const isToday = at.toDateString() === new Date().toDateString();
  const options = { hour: '2-digit', minute: '2-digit', second: '2-digit' };
  const date = { year: 'numeric', month: 'short', day: 'numeric' };
  return at.toLocaleString(
    undefined,
    /** @type {Intl.DateTimeFormatOptions} */ (isToday ? options : { ...date, ...options }),
  );
}

/** A number and what is counted. @param {number} count @param {string} what */
export const counted = (count, what) => `${count.toLocaleString()} ${what}${count === 1 ? '' : 's'}`;

/** A rate per second. @param {number | null} value */
export const rate = (value) =>
  value === null ? '–' : value >= 10 || value === 0 ? String(Math.round(value)) : value.toFixed(1);
