// Parts that several pages draw: states, tables, notices, buttons that say what they do.

import { h } from './dom.js';
import { ago, counted, STALE_MS } from './format.js';

/** @typedef {import('../../core/edge/monitor/overview.ts').OverviewCell} Cell */
/** @typedef {import('../../core/edge/monitor/overview.ts').OverviewTenant} Tenant */
/** @typedef {import('./dom.js').Child} Child */
/** @typedef {'good' | 'warn' | 'bad' | 'unsure'} Tone */

/** A state is a word, a shape and a colour. @type {Record<Tone, string>} */
const SHAPES = {
  good: 'M6 1a5 5 0 1 0 0 10A5 5 0 1 0 6 1Z',
  warn: 'M6 0.5L12 11.5L0 11.5Z',
  bad: 'M1 1L11 1L11 11L1 11Z',
  unsure: 'M6 1a5 5 0 1 0 0 10A5 5 0 1 0 6 1ZM6 3.4a2.6 2.6 0 1 1 0 5.2A2.6 2.6 0 1 1 6 3.4Z',
};

/** @param {Tone} tone @param {string} word */
export const badge = (tone, word) =>
  h(
    'span',
    { class: `badge ${tone}` },
    h(
      'svg',
      { viewBox: '0 0 12 12', width: 10, height: 10, 'aria-hidden': 'true' },
      h('path', { d: SHAPES[tone], 'fill-rule': 'evenodd' }),
    ),
    word,
  );

/** The state of a cell in one word. @param {Cell} cell @returns {[Tone, string]} */
export function stateOf({ state, verdict, answers }) {
  if (state === 'down') return ['bad', answers === true ? 'down, answers' : 'down'];
  if (verdict === 'failing') return ['bad', 'failing'];
  if (answers === false) return ['warn', 'silent'];
  if (state === 'draining') return ['warn', 'draining'];
  return verdict === 'unknown' ? ['unsure', 'watched'] : ['good', state];
}

/** Where a tenant's requests go. @param {Pick<Tenant, 'cell' | 'servedBy'>} tenant @returns {[Tone, string]} */
export function serviceOf({ cell, servedBy }) {
  if (servedBy === null) return ['bad', 'unserved'];
  return servedBy === cell ? ['good', 'at home'] : ['warn', 'by its standby'];
}

/**
 * A table with a caption, which scrolls in itself where it is too wide.
 * @param {string} caption @param {string[]} titles @param {Child[]} rows @param {string} [none]
 */
export const table = (caption, titles, rows, none = 'None.') =>
  h(
    'div',
    { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': caption },
    h(
      'table',
      null,
      h('caption', null, caption),
      h(
        'thead',
        null,
        h(
          'tr',
          null,
          titles.map((title) => h('th', { scope: 'col', key: title }, title)),
        ),
      ),
      h(
        'tbody',
        null,
        rows.length > 0 ? rows : h('tr', null, h('td', { colspan: titles.length, class: 'none' }, none)),
      ),
    ),
  );

/** @param {Child | Child[]} content @param {Record<string, any>} [props] */
export const td = (content, props) => h('td', props ?? null, ...(Array.isArray(content) ? content : [content]));

/** A number. @param {Child} content @param {number} [ageMs] greyed if it is old */
export const number = (content, ageMs = 0) => h('td', { class: `number${ageMs > STALE_MS ? ' old' : ''}` }, content);

/** @param {Tone | 'info'} tone @param {...Child} content */
export const notice = (tone, ...content) => h('p', { class: `notice ${tone}` }, ...content);

/** @param {string} text @param {() => void} onclick @param {Record<string, any>} [props] */
export const button = (text, onclick, props = {}) => h('button', { type: 'button', onclick, ...props }, text);

/** @param {string} hash @param {string} text */
export const link = (hash, text) => h('a', { href: hash }, text);

/** How many are parked in a cell, or what is known of it. @param {Cell} cell */
export function parkedOf({ measured }) {
  if (measured === null) return '–';
  const sum = measured.parked.reduce((total, { parked }) => total + parked, 0);
  return `${sum.toLocaleString()}${measured.parked.some(({ more }) => more) ? '+' : ''}`;
}

/** How old a cell's own measures are, in milliseconds. @param {Cell} cell @param {number} nowMs */
export const measuredAge = ({ measured }, nowMs) =>
  measured === null ? Number.POSITIVE_INFINITY : Math.max(0, nowMs - Date.parse(measured.at));

export { ago, counted };
