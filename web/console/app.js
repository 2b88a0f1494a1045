// The console: signs in, keeps the overview up to date, and draws the page that the address names.

import { watchOverview } from './api.js';
import { draw, h } from './dom.js';
import { ago, STALE_MS } from './format.js';
import { auditPage } from './pages/audit.js';
import { drillsPage } from './pages/drills.js';
import { failoverPage } from './pages/failover.js';
import { overviewPage } from './pages/overview.js';
import { parkedPage } from './pages/parked.js';
import { tenantsPage } from './pages/tenants.js';
import { button, notice, stateOf } from './parts.js';
import { Session, SignInError } from './session.js';

/**
 * What a page is given. `memory` is the page's own, kept while the console is open; `id` is what the address names behind the page.
 * `redraw` may name an element that is to have the focus then.
 * @typedef {{
 *   session: Session,
 *   overview: import('./api.js').Overview,
 *   nowMs: number,
 *   id: string,
 *   memory: Record<string, any>,
 *   redraw: (focus?: string) => void,
 *   refresh: () => void,
 * }} Context
 */

/** @type {Record<string, { title: string, draw: (context: Context) => import('./dom.js').Child[] | any[] }>} */
const PAGES = {
  overview: { title: 'Overview', draw: overviewPage },
  tenants: { title: 'Tenants', draw: tenantsPage },
  failover: { title: 'Failover', draw: failoverPage },
  parked: { title: 'Parked', draw: parkedPage },
  drills: { title: 'Drills', draw: drillsPage },
  audit: { title: 'Audit', draw: auditPage },
};

/** Ages grow by this, in milliseconds. */
const TICK_MS = 1000;

const [top, main, live] = ['top', 'main', 'live'].map((id) => /** @type {HTMLElement} */ (document.getElementById(id)));

/** @type {Session | undefined} */
let session;
/** @type {ReturnType<typeof watchOverview> | undefined} */
let watch;
/** @type {string | undefined} */
let fault;
/** @type {Record<string, Record<string, any>>} */
const memories = {};
/** Cell → its state when it was last announced. @type {Map<string, string>} */
let announced = new Map();

function routeOf() {
  const [, page = '', id = ''] = location.hash.split('/');
  return { page: Object.hasOwn(PAGES, page) ? page : 'overview', id: /^[a-z0-9-]{1,63}$/.test(id) ? id : '' };
}

/** @param {string} [focus] */
function redraw(focus) {
  const route = routeOf();
  if (top === undefined || main === undefined) return;
  draw(top, header(route.page));
  draw(main, content(route));
  if (focus !== undefined) document.getElementById(focus)?.focus();
}

/** @param {string} current */
function header(current) {
  const isIn = session?.isSignedIn === true;
  const age = watch?.age() ?? Number.POSITIVE_INFINITY;
  const isFresh = age <= STALE_MS && watch?.trouble === undefined;
  return [
    h(
      'a',
      { class: 'brand', href: '#/overview' },
      h('img', { src: 'icon.svg', alt: '', width: 24, height: 24 }),
      'Polycell',
    ),
    h(
      'nav',
      { 'aria-label': 'Pages' },
      h(
        'ul',
        null,
        Object.entries(PAGES).map(([page, { title }]) =>
          h(
            'li',
            { key: page },
            h('a', { href: `#/${page}`, 'aria-current': page === current ? 'page' : null }, title),
          ),
        ),
      ),
    ),
    watch?.overview === undefined
      ? null
      : h(
          'span',
          { class: `freshness ${isFresh ? 'fresh' : 'late'}` },
          isFresh ? `as of ${ago(age)}` : `${ago(age)}, not confirmed since`,
        ),
    isIn ? h('span', { class: 'who' }, session?.name, button('Sign out', signOut, { class: 'small' })) : null,
  ];
}

/** @param {{ page: string, id: string }} route */
function content({ page, id }) {
  const overview = watch?.overview;
  const trouble = watch?.trouble;
  if (session === undefined || overview === undefined) return welcome(trouble);
  const needsSignIn = trouble instanceof SignInError;
  const age = watch?.age() ?? 0;
  memories[page] ??= {};
  /** @type {Context} */
  const context = {
    session,
    overview,
    nowMs: Date.now(),
    id,
    memory: memories[page],
    redraw,
    refresh: () => void watch?.now(),
  };
  return [
    trouble === undefined && age <= STALE_MS
      ? null
      : h(
          'div',
          { class: 'banner', role: 'status', key: 'banner' },
          trouble === undefined
            ? `The monitor has made no round for ${ago(age).replace(' ago', '')}. `
            : `${trouble.message} `,
          `What you see is ${ago(age).replace(' ago', '')} old.`,
          needsSignIn ? button('Sign in again', signIn) : null,
        ),
    h(
      'div',
      { class: age > STALE_MS ? 'page stale' : 'page', key: `${page}` },
      /** @type {any} */ (PAGES[page]).draw(context),
    ),
  ];
}

/** @param {Error | undefined} trouble */
function welcome(trouble) {
  const message = fault ?? trouble?.message;
  return [
    h(
      'div',
      { class: 'welcome', key: 'welcome' },
      h('h1', null, 'Polycell'),
      h('p', { class: 'lead' }, 'Cells, tenants and failovers of both clouds, on one page.'),
      message === undefined ? null : notice('bad', message),
      session === undefined
        ? h('p', null, fault === undefined ? 'Loading…' : '')
        : session.isSignedIn
          ? h('p', null, 'Asking the edge…')
          : button('Sign in', signIn, { class: 'primary' }),
    ),
  ];
}

function signIn() {
  session?.begin(location.hash).catch(fail);
}

function signOut() {
  watch?.stop();
  watch = undefined;
  session?.end();
  redraw();
}

/** @param {unknown} error */
function fail(error) {
  fault = error instanceof Error ? error.message : String(error);
  redraw();
}

/** Says which cells have changed their state, and nothing else, to those who do not see it. */
function announce() {
  const now = new Map((watch?.overview?.cells.items ?? []).map((cell) => [cell.id, stateOf(cell)[1]]));
  const changes = [...now].filter(([id, state]) => announced.size > 0 && announced.get(id) !== state);
  if (live !== undefined && changes.length > 0)
    live.textContent = changes.map(([id, state]) => `${id} is now ${state}.`).join(' ');
  if (now.size > 0) announced = now;
}

async function start() {
  const response = await fetch('config.json', { credentials: 'omit' });
  if (!response.ok) throw new Error('The edge does not say how to sign in.');
  session = new Session(await response.json());
  await session.complete();
  if (session.isSignedIn) {
    watch = watchOverview(session, () => {
      announce();
      redraw();
    });
  }
  redraw();
}

window.addEventListener('hashchange', () => {
  // A page that is opened again begins anew: what it had found may have changed.
  delete memories[routeOf().page];
  redraw();
  document.title = `${PAGES[routeOf().page]?.title} · Polycell`;
  window.scrollTo(0, 0);
  main?.focus();
});
document.querySelector('.skip')?.addEventListener('click', (event) => {
  // The address names the page, so it stays.
  event.preventDefault();
  main?.focus();
});
setInterval(() => redraw(), TICK_MS);
redraw();
start().catch(fail);
