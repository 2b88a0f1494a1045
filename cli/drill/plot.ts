// Draws how a drill's clients were served over time: latency and availability by the second, with what happened marked.
import type { Line, Second } from './per-second.ts';
import type { Moment } from './report.ts';

const WIDTH = 920;
const LEFT = 68;
const RIGHT = 16;
/** Above the panels: rows for the texts of marks. */
const ROW = 16;
const LATENCY_HEIGHT = 230;
const AVAILABILITY_HEIGHT = 110;
const GAP = 44;

/** Width of a character of a mark's text, roughly: texts that would overlap go into another row. */
const CHARACTER = 6.4;

/** Marks that are drawn at most; a drill has about ten. */
const MARKS = 40;

/** Lines differ in colour and in dashes: a plot must be readable without seeing colours. */
const DASHES = ['', '7 4', '2 4', '9 3 2 3'];

/** Text as it may stand in markup. */
export const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

const fixed = (value: number): string => String(Math.round(value * 10) / 10);

interface Scale {
  readonly x: (seconds: number) => number;
  readonly y: (value: number) => number;
}

/** A line with gaps where there is no value. Each second is drawn at its middle. */
function pathOf(seconds: readonly Second[], heightOf: (second: Second) => number | null, { x, y }: Scale): string {
  let before = Number.NaN;
  return seconds
    .map((each) => {
      const value = heightOf(each);
      if (value === null) {
        before = Number.NaN;
        return '';
      }
      const isJoined = each.second === before + 1;
      before = each.second;
      const point = `${fixed(x(each.second + 0.5))} ${fixed(y(value))}`;
      // A second without neighbours is a dot: a line without length, with round ends.
      return isJoined ? `L${point}` : `M${point}l0 0`;
    })
    .join('');
}

/** Availability as steps, each as wide as its second: what happened in one must not look as if it had begun in the one before. */
function stepsOf(seconds: readonly Second[], { x, y }: Scale): string {
  let before = Number.NaN;
  return seconds
    .map(({ second, requests, succeeded }) => {
      const height = fixed(y((100 * succeeded) / requests));
      const isJoined = second === before + 1;
      before = second;
      return `${isJoined ? 'L' : 'M'}${fixed(x(second))} ${height}H${fixed(x(second + 1))}`;
    })
    .join('');
}

/** Seconds between two numbers of the time axis. */
const stepOf = (seconds: number): number =>
  [1, 2, 5, 10, 20, 30, 60, 120, 300, 600].find((step) => seconds / step <= 12) ?? 600;

/** Marks with the row of each text: one further down where it would run into the one before. */
function placed(marks: readonly Moment[], { x }: Scale) {
  const ends: number[] = [];
  return marks.map((moment) => {
    const text = moment.mark?.text ?? '';
    const width = text.length * CHARACTER + 10;
    const at = x(moment.atMs / 1000);
    const isRight = at + width > WIDTH - RIGHT;
    const from = isRight ? at - width : at;
    const free = ends.findIndex((end) => end <= from);
    const row = free === -1 ? ends.length : free;
    ends[row] = from + width;
    return { at, text, row, isRight };
  });
}

/** What a reader who does not see the plot gets to know: the worst of each line, and what happened when. */
function descriptionOf(lines: readonly Line[], marks: readonly Moment[]): string {
  const worst = lines.map(({ name, seconds }) => {
    const share = Math.min(1, ...seconds.map(({ succeeded, requests }) => succeeded / requests));
    const p99 = Math.max(0, ...seconds.map(({ p99Ms }) => p99Ms ?? 0));
    return `${name}: at worst ${Math.floor(share * 1000) / 10} % of a second’s requests succeeded, and the highest 99th percentile of a second was ${Math.round(p99)} ms`;
  });
  const happened = marks.map(({ atMs, mark }) => `${mark?.text ?? ''} at ${(atMs / 1000).toFixed(1)} s`);
  return `${worst.join('; ')}. Marked: ${happened.join(', ') || 'nothing'}.`;
}

const STYLE = `
.drill{--ink:#1b2030;--soft:#555d70;--grid:#d9dde6;--card:#fff;--shade:#b3201f14;--mark:#b3201f;--s0:#3b5bdb;--s1:#b35c00;font:12px system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif}
@media (prefers-color-scheme:dark){.drill{--ink:#e8eaf2;--soft:#a6aec2;--grid:#333a4b;--card:#1b1f2a;--shade:#ff9c981f;--mark:#ff9c98;--s0:#91a7ff;--s1:#f5a952}}
.drill .card{fill:var(--card)}.drill text{fill:var(--soft)}.drill .head{fill:var(--ink);font-weight:600}.drill .head,.drill .mark-text{stroke:var(--card);stroke-width:4px;stroke-linejoin:round;paint-order:stroke}
.drill .grid{stroke:var(--grid)}.drill .shade{fill:var(--shade)}.drill .mark{stroke:var(--mark);stroke-dasharray:3 3}.drill .mark-text{fill:var(--mark)}
.drill path{fill:none;stroke-width:1.8;stroke-linecap:round;stroke-linejoin:round}.drill .s0{stroke:var(--s0)}.drill .s1{stroke:var(--s1)}.drill .p50{stroke-width:1.1;opacity:.75}
`.replaceAll('\n', '');

/**
 * The plot as an SVG of its own: it needs nothing else, follows the reader's dark or light mode, and has a title and a description. Latency
 * is that of requests that succeeded, on a logarithmic scale.
 */
export function toSvg(title: string, lines: readonly Line[], timeline: readonly Moment[]): string {
  const marks = timeline.filter(({ mark }) => mark !== undefined).slice(0, MARKS);
  const all = lines.flatMap(({ seconds }) => seconds);
  const last = Math.max(1, ...all.map(({ second }) => second + 1));
  const x = (seconds: number) => LEFT + ((WIDTH - LEFT - RIGHT) * Math.min(seconds, last)) / last;
  const labels = placed(
    marks.filter(({ atMs }) => atMs / 1000 <= last),
    { x, y: x },
  );
  const latencyTop = 50 + ROW * Math.max(1, ...labels.map(({ row }) => row + 1)) + 14;
  const latencyBottom = latencyTop + LATENCY_HEIGHT;
  const shareTop = latencyBottom + GAP;
  const shareBottom = shareTop + AVAILABILITY_HEIGHT;
  const height = shareBottom + 42;

  // Powers of ten from the one below the fastest to the one above the slowest.
  const slowest = Math.max(10, ...all.map(({ p99Ms }) => p99Ms ?? 0));
  const fastest = Math.min(slowest, ...all.map(({ p50Ms }) => p50Ms ?? slowest));
  const [low, high] = [Math.floor(Math.log10(Math.max(1, fastest))), Math.ceil(Math.log10(slowest))];
  const latency: Scale = {
    x,
    y: (ms) => latencyBottom - (LATENCY_HEIGHT * (Math.log10(Math.max(ms, 10 ** low)) - low)) / Math.max(1, high - low),
  };
  const share: Scale = { x, y: (percent) => shareBottom - (AVAILABILITY_HEIGHT * percent) / 100 };

  const begin = marks.find(({ mark }) => mark?.edge === 'begin');
  const end = marks.findLast(({ mark }) => mark?.edge === 'end');
  const shaded = begin && [x(begin.atMs / 1000), x((end?.atMs ?? last * 1000) / 1000)];
  const both = (draw: (top: number, bottom: number) => string) =>
    draw(latencyTop, latencyBottom) + draw(shareTop, shareBottom);
  const row = (y: number, text: string) =>
    `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${fixed(y)}" y2="${fixed(y)}"/><text x="${LEFT - 8}" y="${fixed(y + 4)}" text-anchor="end">${text}</text>`;
  const step = stepOf(last);
  const ticks = Array.from({ length: Math.floor(last / step) + 1 }, (_, index) => index * step);
  const line = (index: number, kind: string, d: string) =>
    d === ''
      ? ''
      : `<path class="s${index % 2} ${kind}" d="${d}"${(DASHES[index % DASHES.length] ?? '') === '' ? '' : ` stroke-dasharray="${DASHES[index % DASHES.length]}"`}/>`;

  const parts = [
    `<rect class="card" width="${WIDTH}" height="${height}" rx="8"/>`,
    ...(shaded === undefined
      ? []
      : [
          both(
            (top, bottom) =>
              `<rect class="shade" x="${fixed(shaded[0] ?? 0)}" width="${fixed((shaded[1] ?? 0) - (shaded[0] ?? 0))}" y="${top}" height="${bottom - top}"/>`,
          ),
        ]),
    // Which line is which.
    ...lines.map(({ name }, index) => {
      const at = LEFT + index * 270;
      return `${line(index, '', `M${at} 20L${at + 34} 20`)}<text class="head" x="${at + 42}" y="24">${escaped(name)}</text>`;
    }),
    ...Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index)).map((ms) =>
      row(latency.y(ms), ms >= 1000 ? `${ms / 1000} s` : `${ms} ms`),
    ),
    ...[0, 50, 100].map((percent) => row(share.y(percent), `${percent} %`)),
    ...ticks.map(
      (at) =>
        `<text x="${fixed(x(at))}" y="${shareBottom + 18}" text-anchor="middle">${at}${at === 0 ? ' s' : ''}</text>`,
    ),
    `<text x="${WIDTH - RIGHT}" y="${shareBottom + 36}" text-anchor="end">seconds since the drill began, by the second in which a request was sent</text>`,
    ...labels.map(
      ({ at, text, row: place, isRight }) =>
        `<line class="mark" x1="${fixed(at)}" x2="${fixed(at)}" y1="${50 + ROW * place - 10}" y2="${shareBottom}"/><text class="mark-text" x="${fixed(at + (isRight ? -5 : 5))}" y="${50 + ROW * place}"${isRight ? ' text-anchor="end"' : ''}>${escaped(text)}</text>`,
    ),
    `<text class="head" x="${LEFT}" y="${latencyTop - 6}">Latency of requests that succeeded: p99, and p50 thinner</text>`,
    `<text class="head" x="${LEFT}" y="${shareTop - 8}">Availability: requests that succeeded</text>`,
    ...lines.flatMap(({ seconds }, index) => [
      line(
        index,
        'p50',
        pathOf(seconds, ({ p50Ms }) => p50Ms, latency),
      ),
      line(
        index,
        'p99',
        pathOf(seconds, ({ p99Ms }) => p99Ms, latency),
      ),
      line(index, 'share', stepsOf(seconds, share)),
    ]),
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" class="drill" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="drill-title drill-description"><title id="drill-title">${escaped(title)}</title><desc id="drill-description">${escaped(descriptionOf(lines, marks))}</desc><style>${STYLE}</style>${parts.join('')}</svg>`;
}
