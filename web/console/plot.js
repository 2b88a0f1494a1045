// Small line plots of the latest minutes, each with a table of the same numbers.

import { h } from './dom.js';
import { rate } from './format.js';

/** @typedef {{ name: string, values: readonly (number | null)[], index: number }} Line */

const WIDTH = 320;
const HEIGHT = 96;
const LEFT = 40;
const BOTTOM = 18;

/** Rows of the table: one for every so many samples. */
const ROWS = 12;

/** The lines' dashes, besides their colours: a plot must be readable without seeing colours. */
const DASHES = ['', '6 3', '2 3', '8 3 2 3'];

/** A round number at or above the largest. @param {number} largest */
function ceiling(largest) {
  if (largest <= 1) return 1;
  const power = 10 ** Math.floor(Math.log10(largest));
  const step = [1, 2, 5, 10].find((each) => each * power >= largest) ?? 10;
  return step * power;
}

/** @param {readonly (number | null)[]} values @param {number} top @param {number} length */
function pathOf(values, top, length) {
  const x = (/** @type {number} */ index) =>
    LEFT + ((WIDTH - LEFT - 4) * (length - values.length + index)) / Math.max(1, length - 1);
  const y = (/** @type {number} */ value) => 6 + (HEIGHT - BOTTOM - 6) * (1 - value / top);
  let isDown = false;
  const parts = values.map((value, index) => {
    if (value === null) {
      isDown = false;
      return '';
    }
    // A sample without neighbours is a dot: a line without length, with round ends.
    const part = `${isDown ? 'L' : 'M'}${x(index).toFixed(1)} ${y(value).toFixed(1)}${isDown ? '' : 'l0 0'}`;
    isDown = true;
    return part;
  });
  return parts.join('');
}

/**
 * A plot with its table.
 * @param {{ title: string, unit: string, lines: readonly Line[], stepMs: number, kept: number }} plot
 */
export function plot({ title, unit, lines, stepMs, kept }) {
  const all = lines.flatMap(({ values }) => values.filter((value) => value !== null));
  const top = ceiling(Math.max(0, ...all));
  const latest = lines.map(({ name, values }) => `${name} ${show(values.at(-1) ?? null)}`).join(', ');
  const minutes = Math.round((kept * stepMs) / 60_000);
  const grid = [0, top / 2, top].map((value) => {
    const y = 6 + (HEIGHT - BOTTOM - 6) * (1 - value / top);
    return [
      h('line', { class: 'grid', x1: LEFT, x2: WIDTH - 4, y1: y, y2: y }),
      h('text', { class: 'axis', x: LEFT - 6, y: y + 3, 'text-anchor': 'end' }, show(value)),
    ];
  });
  return h(
    'figure',
    { class: 'plot', key: title },
    h('figcaption', null, h('strong', null, title), h('span', { class: 'unit' }, ` ${unit}`)),
    h(
      'svg',
      {
        viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
        role: 'img',
        'aria-label': `${title}, ${unit}, now: ${latest || 'nothing'}`,
      },
      ...grid,
      h('text', { class: 'axis', x: LEFT, y: HEIGHT - 4 }, `${minutes} min ago`),
      h('text', { class: 'axis', x: WIDTH - 4, y: HEIGHT - 4, 'text-anchor': 'end' }, 'now'),
      ...lines.map(({ name, values, index }) =>
        h('path', {
          key: name,
          class: `line series-${index % 6}`,
          d: pathOf(values, top, kept),
          'stroke-dasharray': DASHES[index % DASHES.length] || null,
        }),
      ),
    ),
    h('details', { key: 'table' }, h('summary', null, `${title} as a table`), table(title, lines, stepMs)),
  );
}

/** @param {number | null} value */
const show = (value) => (value === null ? '–' : Number.isInteger(value) ? value.toLocaleString() : rate(value));

/** @param {string} title @param {readonly Line[]} lines @param {number} stepMs */
function table(title, lines, stepMs) {
  const length = Math.max(0, ...lines.map(({ values }) => values.length));
  const every = Math.max(1, Math.ceil(length / ROWS));
  const offsets = Array.from({ length: Math.ceil(length / every) }, (_, index) => index * every);
  return h(
    'div',
    { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': `Table of ${title}` },
    h(
      'table',
      null,
      h('caption', { class: 'hidden' }, title),
      h(
        'thead',
        null,
        h(
          'tr',
          null,
          h('th', { scope: 'col' }, 'Ago'),
          lines.map(({ name }) => h('th', { scope: 'col' }, name)),
        ),
      ),
      h(
        'tbody',
        null,
        offsets.map((offset) =>
          h(
            'tr',
            { key: offset },
            h('th', { scope: 'row' }, `${Math.round((offset * stepMs) / 1000)} s`),
            lines.map(({ values }) => h('td', { class: 'number' }, show(values.at(-1 - offset) ?? null))),
          ),
        ),
      ),
    ),
  );
}

/** Which line is which. @param {readonly string[]} names */
export const legend = (names) =>
  h(
    'ul',
    { class: 'legend', 'aria-label': 'Lines of the plots' },
    names.map((name, index) =>
      h(
        'li',
        { key: name },
        h(
          'svg',
          { viewBox: '0 0 28 8', width: 28, height: 8, 'aria-hidden': 'true' },
          h('path', {
            class: `line series-${index % 6}`,
            d: 'M0 4L28 4',
            'stroke-dasharray': DASHES[index % DASHES.length] || null,
          }),
        ),
        name,
      ),
    ),
  );
