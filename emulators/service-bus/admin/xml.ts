// As much XML as the administration API needs: elements, attributes, text and entities; no DTDs.

/** An element. Names are without their prefixes, which clients choose freely. */
export interface Element {
  readonly name: string;
  /** By local name; the prefix of `i:type` and the like is dropped too. */
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: Element[];
  text: string;
  /** The element as it was written. */
  source: string;
}

/** The text is not well-formed. */
export class XmlError extends Error {
  override name = 'XmlError';
}

const TOKEN =
  /<!\[CDATA\[([\s\S]*?)\]\]>|<!--[\s\S]*?-->|<\?[\s\S]*?\?>|<\/([^\s>]+)\s*>|<([^\s/>!]+)((?:\s+[^\s=>/]+\s*=\s*(?:"[^"]*"|'[^']*'))*)\s*(\/?)>|([^<]+)/y;
const ATTRIBUTE = /([^\s=]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g;
const ENTITIES = new Map([
  ['lt', '<'],
  ['gt', '>'],
  ['amp', '&'],
  ['quot', '"'],
  ['apos', "'"],
]);

/** Parses a document and returns its root. */
export function parseXml(source: string): Element {
  const root: Element = { name: '', attributes: new Map(), children: [], text: '', source };
  const open: { element: Element; start: number }[] = [{ element: root, start: 0 }];
  let at = source.startsWith('\uFEFF') ? 1 : 0;
  while (at < source.length) {
    TOKEN.lastIndex = at;
    const token = TOKEN.exec(source);
    const top = open.at(-1);
    if (token === null || top === undefined) throw new XmlError(`unexpected text at position ${at}`);
    const [whole, cdata, closing, opening, attributes, selfClosing, text] = token;
    if (cdata !== undefined) top.element.text += cdata;
    else if (text !== undefined) top.element.text += decodeEntities(text);
    else if (closing !== undefined) {
      if (open.length === 1 || top.element.name !== localName(closing)) throw new XmlError(`unexpected </${closing}>`);
      top.element.source = source.slice(top.start, at + whole.length);
      open.pop();
    } else if (opening !== undefined) {
      const element: Element = {
        name: localName(opening),
        attributes: readAttributes(attributes ?? ''),
        children: [],
        text: '',
        source: whole,
      };
      top.element.children.push(element);
      if (selfClosing !== '/') open.push({ element, start: at });
    }
    at += whole.length;
  }
  const [only, ...more] = root.children;
  if (open.length !== 1 || only === undefined || more.length > 0) throw new XmlError('the document has no single root');
  return only;
}

/** The first child of that name. */
export function child(element: Element | undefined, name: string): Element | undefined {
  return element?.children.find((candidate) => candidate.name === name);
}

/** The text of the first child of that name, if it has one. */
export function childText(element: Element | undefined, name: string): string | undefined {
  return child(element, name)?.text;
}

const ESCAPES = new Map([...ENTITIES].map(([name, character]) => [character, `&${name};`]));

/** Text with the characters escaped that XML reserves; by name, as the SDK's parser knows no numbers. */
export function escapeXml(text: string): string {
  return text.replace(/[<>&"']/g, (character) => ESCAPES.get(character) ?? character);
}

function decodeEntities(text: string): string {
  return text.replace(/&(#x?[0-9a-f]+|\w+);/gi, (whole, name: string) => {
    if (name.startsWith('#x') || name.startsWith('#X')) return String.fromCodePoint(Number.parseInt(name.slice(2), 16));
    if (name.startsWith('#')) return String.fromCodePoint(Number(name.slice(1)));
    return ENTITIES.get(name) ?? whole;
  });
}

function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}

function readAttributes(source: string): Map<string, string> {
  const attributes = new Map<string, string>();
  for (const [, name, double, single] of source.matchAll(ATTRIBUTE))
    if (name !== undefined) attributes.set(localName(name), decodeEntities(double ?? single ?? ''));
  return attributes;
}
