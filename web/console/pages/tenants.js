// Tenants: where each is served, and for one of them what its assignment means.

import { control } from '../api.js';
import { h } from '../dom.js';
import { badge, link, notice, number, serviceOf, table, td } from '../parts.js';

/** @typedef {import('../app.js').Context} Context */

/** Rows that are drawn; the filter finds the others. */
const SHOWN = 100;

/** See `EPOCH_STRIDE` of the directory. */
const STRIDE = 2 ** 24;

/** @param {Context} context */
export function tenantsPage(context) {
  const { overview, id } = context;
  return id === ''
    ? listPage(context)
    : tenantPage(
        context,
        overview.tenants.items.find((tenant) => tenant.id === id),
      );
}

/** @param {Context} context */
function listPage({ overview, memory, redraw }) {
  const { items, more } = overview.tenants;
  const filter = String(memory.filter ?? '');
  const found = items.filter(({ id, cell, standby, servedBy }) =>
    [id, cell, standby, servedBy].some((text) => text?.includes(filter)),
  );
  return [
    h('h1', null, 'Tenants'),
    h(
      'p',
      { class: 'row' },
      h('label', { for: 'filter' }, 'Filter by name or cell'),
      h('input', {
        id: 'filter',
        type: 'search',
        value: filter,
        oninput: (/** @type {Event} */ event) => {
          memory.filter = /** @type {HTMLInputElement} */ (event.target).value.trim();
          redraw();
        },
      }),
    ),
    table(
      `${found.length.toLocaleString()} of ${items.length.toLocaleString()} tenants`,
      ['Tenant', 'Served', 'By', 'Home', 'Standby', 'Epoch', 'Residency', 'Tier', 'Cut off'],
      found
        .slice(0, SHOWN)
        .map((tenant) =>
          h(
            'tr',
            { key: tenant.id },
            h('th', { scope: 'row' }, link(`#/tenants/${tenant.id}`, tenant.id)),
            td(badge(...serviceOf(tenant))),
            td(tenant.servedBy ?? '–'),
            td([tenant.cell, tenant.pinned ? h('span', { class: 'tag' }, 'pinned') : null]),
            td([
              tenant.standby ?? 'none',
              tenant.standby !== null && tenant.standbyMode === 'log-only'
                ? h('span', { class: 'tag' }, 'log-only')
                : null,
            ]),
            number(tenant.epoch?.toLocaleString() ?? '–'),
            td(tenant.residency),
            td(tenant.tier),
            td(tenant.onIsolation),
          ),
        ),
      'No tenant has this in its name or cells.',
    ),
    found.length > SHOWN || more ? notice('info', 'There are more: filter, or npx polycell tenants list.') : null,
  ];
}

/** @param {Context} context @param {import('../parts.js').Tenant | undefined} known */
function tenantPage({ id, session, memory, redraw }, known) {
  // What the overview does not have is asked for, and again when the assignment changes.
  const mark = `${id} ${known?.servedBy} ${known?.epoch} ${known?.pinned}`;
  if (memory.mark !== mark) {
    memory.mark = mark;
    control(session, 'GET', `tenants/${encodeURIComponent(id)}`).then(
      (answer) => {
        memory.tenant = answer;
        memory.fault = undefined;
        redraw();
      },
      (error) => {
        memory.fault = error.message;
        redraw();
      },
    );
  }
  const tenant = memory.tenant?.id === id ? memory.tenant : undefined;
  const back = h('p', null, link('#/tenants', '← All tenants'));
  if (tenant === undefined)
    return [
      h('h1', null, id),
      back,
      memory.fault === undefined ? h('p', null, 'Loading…') : notice('bad', memory.fault),
    ];
  const {
    resolution,
    epochBase,
    epoch,
    cell,
    standby,
    residency,
    tier,
    pinned,
    onIsolation = 'serve',
    standbyMode = 'warm',
    revision,
  } = tenant;
  const isServed = resolution.status === 'served';
  const switches = epoch === null ? null : epoch - epochBase;
  return [
    h('h1', null, id),
    back,
    h(
      'p',
      { class: 'lead' },
      badge(...serviceOf({ cell, servedBy: isServed ? resolution.cell : null })),
      isServed ? ` Its requests go to ${resolution.cell}.` : ` ${resolution.reason}.`,
    ),
    h(
      'dl',
      null,
      fact('Home', cell, 'The cell that its data live in.'),
      fact(
        'Standby',
        standby ?? 'none',
        standby === null
          ? 'If its home is lost, nothing serves it.'
          : standbyMode === 'log-only'
            ? 'Log-only: it serves it while its home is down, and reads wait until it has derived their state.'
            : 'Warm: it serves it while its home is down.',
      ),
      fact(
        'Epoch',
        epoch === null ? '–' : epoch.toLocaleString(),
        epoch === null
          ? 'Its home is not known.'
          : `${Math.floor(epochBase / STRIDE).toLocaleString()} assignments before this one, and ${switches} failovers and failbacks of its home since. A cell refuses requests of an older epoch, so two cells never both accept.`,
      ),
      fact('Pinned', pinned ? 'yes' : 'no', pinned ? 'It stays in its home until it is unpinned.' : 'It may be moved.'),
      fact('Cut off', onIsolation, 'What a router does that cannot reach the directory.'),
      fact('Residency', residency, 'Where its data may be.'),
      fact('Tier', tier, 'Its quota at the edge.'),
      fact('Revision', revision.toLocaleString(), 'The change of the directory that wrote this.'),
    ),
    h(
      'p',
      { class: 'row' },
      link(`#/parked/${id}`, 'Parked events of this tenant'),
      isServed ? link(`#/failover/${cell}`, `Failover of ${cell}`) : null,
    ),
  ];
}

/** @param {string} name @param {string} value @param {string} meaning */
const fact = (name, value, meaning) =>
  h(
    'div',
    { key: name },
    h('dt', null, name),
    h('dd', null, h('strong', null, value), h('span', { class: 'sub' }, meaning)),
  );
