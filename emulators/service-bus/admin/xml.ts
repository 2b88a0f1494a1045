// As much XML as the administration API needs: elements, attributes and text; no DTDs.
import sax from 'sax';

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

const ESCAPES = new Map([
  ['<', '&lt;'],
  ['>', '&gt;'],
  ['&', '&amp;'],
  ['"', '&quot;'],
  ["'", '&apos;'],
]);

/** Only the entities of XML itself, not those of HTML; the types of the library do not know the option. */
const OPTIONS: sax.SAXOptions & { readonly strictEntities: true } = { strictEntities: true };

/** Parses a document and returns its root. */
export function parseXml(source: string): Element {
  const parser = sax.parser(true, OPTIONS);
  const open: { element: Element; start: number }[] = [];
  let root: Element | undefined;
  const append = (text: string): void => {
    const top = open.at(-1);
    if (top !== undefined) top.element.text += text;
  };
  parser.onerror = ({ message }) => {
    throw new XmlError(`${message.split('\n', 1)[0]} (at position ${parser.position})`);
  };
  parser.ondoctype = () => {
    throw new XmlError('a document type is not allowed');
  };
  parser.ontext = append;
  parser.oncdata = append;
  parser.onopentag = ({ name, attributes }) => {
    const element: Element = {
      name: localName(name),
      attributes: new Map(Object.entries(attributes).map(([key, value]) => [localName(key), String(value)])),
      children: [],
      text: '',
      source: '',
    };
    const top = open.at(-1);
    if (top !== undefined) top.element.children.push(element);
    else if (root === undefined) root = element;
    else throw new XmlError('the document has no single root');
    open.push({ element, start: parser.startTagPosition - 1 });
  };
  parser.onclosetag = () => {
    const closed = open.pop();
    if (closed !== undefined) closed.element.source = source.slice(closed.start, parser.position);
  };
  parser.write(source).close();
  if (root === undefined) throw new XmlError('the document has no root');
  return root;
}

/** The first child of that name. */
export function child(element: Element | undefined, name: string): Element | undefined {
  return element?.children.find((candidate) => candidate.name === name);
}

/** The text of the first child of that name, if it has one. */
export function childText(element: Element | undefined, name: string): string | undefined {
  return child(element, name)?.text;
}

/** Text with the characters escaped that XML reserves; by name, as the SDK's parser knows no numbers. */
export function escapeXml(text: string): string {
  return text.replace(/[<>&"']/g, (character) => ESCAPES.get(character) ?? character);
}

function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}
