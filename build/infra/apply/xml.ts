// Reads the XML that AWS's older APIs answer in, which has neither attributes of meaning nor mixed content, as JSON.
import type { Json } from './json.ts';

/** Elements of a list have one of these names. */
const LISTED = new Set(['member', 'item', 'entry']);

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

const plainText = (value: string): string =>
  value.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (whole, hex?: string, decimal?: string, name?: string) => {
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
    return ENTITIES[name ?? ''] ?? whole;
  });

interface Element {
  readonly name: string;
  text: string;
  readonly children: [string, Json][];
}

function contentOf({ text, children }: Element): Json {
  if (children.length === 0) return plainText(text.trim());
  if (children.every(([name]) => LISTED.has(name))) return children.map(([, value]) => value);
  return Object.fromEntries(children);
}

/** The content of the outermost element: texts, lists, and objects. Throws if the text is no XML. */
export function parseXml(xml: string): Json {
  const open: Element[] = [{ name: '', text: '', children: [] }];
  const parts = xml.replace(/<\?[^>]*\?>|<!--.*?-->/gs, '').matchAll(/<(\/?)([\w:.-]+)([^<>]*)>|([^<]+)/g);
  for (const [, closes, name = '', attributes = '', characters] of parts) {
    const innermost = open.at(-1);
    if (innermost === undefined) break;
    if (characters !== undefined) {
      innermost.text += characters;
      continue;
    }
    if (closes === '/') {
      const parent = open.at(-2);
      if (parent === undefined || innermost.name !== name) throw new Error(`</${name}> closes nothing.`);
      parent.children.push([name, contentOf(innermost)]);
      open.pop();
    } else if (attributes.endsWith('/')) innermost.children.push([name, '']);
    else open.push({ name, text: '', children: [] });
  }
  const [document] = open[0]?.children ?? [];
  if (open.length !== 1 || document === undefined) throw new Error('The answer is no XML.');
  return document[1];
}
