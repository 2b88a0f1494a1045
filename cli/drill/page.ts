// A drill's report as a page that needs nothing else: the plot, and the sections of the report as tables.
import { escaped, toSvg } from './plot.ts';
import { type DrillReport, leadOf, type Section, sectionsOf, titleOf } from './report.ts';

const STYLE = `
:root{color-scheme:light dark;--ink:#1b2030;--soft:#555d70;--line:#d9dde6;--ground:#f5f6f9;--card:#fff;--good:#0b6b4a;--bad:#b3201f;font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif}
@media (prefers-color-scheme:dark){:root{--ink:#e8eaf2;--soft:#a6aec2;--line:#333a4b;--ground:#12151d;--card:#1b1f2a;--good:#63d6a5;--bad:#ff9c98}}
*{box-sizing:border-box}body{margin:0;background:var(--ground);color:var(--ink)}main{max-width:62rem;margin:0 auto;padding:1.5rem 1.25rem 4rem}
h1{font-size:1.5rem;line-height:1.2;margin:0 0 .5rem}h2{font-size:1.05rem;margin:2rem 0 .5rem}p{margin:.25rem 0;color:var(--soft)}
figure{margin:1.25rem 0 0;border:1px solid var(--line);border-radius:8px;overflow-x:auto}figure svg{display:block;width:100%;min-width:40rem}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;background:var(--card);font-variant-numeric:tabular-nums}
th,td{border:1px solid var(--line);padding:.3rem .6rem;text-align:left;vertical-align:top}th{color:var(--soft);font-weight:600}
.met{color:var(--good)}.missed{color:var(--bad);font-weight:700}
`.replaceAll('\n', '');

/** How a cell of a table looks, besides what it says. */
const CLASSES: Readonly<Record<string, string>> = { met: 'met', held: 'met', MISSED: 'missed', BROKEN: 'missed' };

const cellOf = (text: string): string => {
  const name = CLASSES[text];
  return `<td${name === undefined ? '' : ` class="${name}"`}>${escaped(text)}</td>`;
};

function sectionOf({ title, sentences = [], head, rows = [] }: Section): string {
  const table =
    head === undefined
      ? ''
      : `<div class="scroll" tabindex="0" role="region" aria-label="${escaped(title)}"><table><thead><tr>${head
          .map((each) => (each === '' ? '<td></td>' : `<th scope="col">${escaped(each)}</th>`))
          .join('')}</tr></thead><tbody>${rows
          .map((row) => `<tr>${row.map(cellOf).join('')}</tr>`)
          .join('\n')}</tbody></table></div>`;
  return `<section><h2>${escaped(title)}</h2>${sentences.map((each) => `<p>${escaped(each)}</p>`).join('')}${table}</section>`;
}

/** The report as HTML, without scripts and without anything to fetch. Texts from outside cannot become markup. */
export function toPage(report: DrillReport): string {
  const title = titleOf(report);
  const plot = report.lines.length === 0 ? '' : `<figure>${toSvg(title, report.lines, report.timeline)}</figure>`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"><title>${escaped(title)}</title><style>${STYLE}</style></head>
<body><main><h1>${escaped(title)}</h1>${leadOf(report)
    .map((each) => `<p>${escaped(each)}</p>`)
    .join('')}
${plot}
${sectionsOf(report).map(sectionOf).join('\n')}
</main></body></html>
`;
}
