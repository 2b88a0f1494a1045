// Draws a tree of plain objects into the page and changes only what differs, so that focus, selection and scroll positions survive.

/**
 * @typedef {{ tag: string, props: Record<string, any>, children: (Tree | string)[] }} Tree
 * @typedef {Tree | string | number | null | undefined | false} Child
 */

const SVG = 'http://www.w3.org/2000/svg';
const SVG_TAGS = new Set(['svg', 'path', 'line', 'rect', 'circle', 'text', 'g', 'title', 'polygon']);

/** Attributes that only say how an element begins. */
const PROPERTIES = new Set(['value', 'checked', 'open', 'selected', 'disabled', 'indeterminate']);

/** What was drawn last into an element, and its listeners. @type {WeakMap<Element, { props: Record<string, any>, listeners: Record<string, (event: Event) => void> }>} */
const drawn = new WeakMap();

/**
 * An element. Properties that begin with `on` are listeners, `key` distinguishes siblings, all others are attributes; text is only ever text.
 * @param {string} tag
 * @param {Record<string, any> | null} props
 * @param {...(Child | Child[])} children
 * @returns {Tree}
 */
export function h(tag, props, ...children) {
  const kept = /** @type {Child[]} */ (children.flat(3)).filter(
    (child) => child !== null && child !== undefined && child !== false && child !== '',
  );
  return {
    tag,
    props: props ?? {},
    children: kept.map((child) => (typeof child === 'object' ? /** @type {Tree} */ (child) : String(child))),
  };
}

/**
 * Makes the content of an element what the trees say.
 * @param {Element} parent
 * @param {Child[]} trees
 */
export function draw(parent, trees) {
  drawChildren(parent, h('div', null, trees).children);
}

/** @param {Element} parent @param {(Tree | string)[]} children */
function drawChildren(parent, children) {
  const keyed = new Map();
  for (const node of parent.childNodes) {
    const key = node instanceof Element ? drawn.get(node)?.props.key : undefined;
    if (key !== undefined) keyed.set(key, node);
  }
  /** @type {ChildNode | null} */
  let at = parent.firstChild;
  for (const child of children) {
    const found = typeof child === 'string' ? at : (keyed.get(child.props.key) ?? at);
    const node = reusable(found, child) ? /** @type {ChildNode} */ (found) : create(child);
    if (node === at) at = at.nextSibling;
    else parent.insertBefore(node, at);
    if (typeof child === 'string') {
      if (node.textContent !== child) node.textContent = child;
    } else {
      setProps(/** @type {Element} */ (node), child.props);
      drawChildren(/** @type {Element} */ (node), child.children);
    }
  }
  while (at !== null) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

/** @param {ChildNode | null} node @param {Tree | string} child */
function reusable(node, child) {
  if (node === null) return false;
  if (typeof child === 'string') return node.nodeType === Node.TEXT_NODE;
  if (!(node instanceof Element)) return false;
  return node.localName === child.tag && drawn.get(node)?.props.key === child.props.key;
}

/** @param {Tree | string} child @returns {ChildNode} */
function create(child) {
  if (typeof child === 'string') return document.createTextNode(child);
  return SVG_TAGS.has(child.tag) ? document.createElementNS(SVG, child.tag) : document.createElement(child.tag);
}

/** @param {Element} element @param {Record<string, any>} props */
function setProps(element, props) {
  const before = drawn.get(element) ?? { props: {}, listeners: {} };
  drawn.set(element, { props, listeners: before.listeners });
  for (const name of new Set([...Object.keys(before.props), ...Object.keys(props)])) {
    if (name === 'key') continue;
    const value = props[name];
    if (name.startsWith('on')) listen(element, name.slice(2), value, before.listeners);
    else if (value !== before.props[name]) setProp(element, name, value);
  }
}

/**
 * One listener for the life of an element, which calls what was drawn last.
 * @param {Element} element @param {string} type @param {any} handler @param {Record<string, (event: Event) => void>} listeners
 */
function listen(element, type, handler, listeners) {
  if (listeners[type] === undefined)
    element.addEventListener(type, (event) => drawn.get(element)?.listeners[type]?.(event));
  listeners[type] = handler ?? (() => undefined);
}

/** @param {Element} element @param {string} name @param {any} value */
function setProp(element, name, value) {
  // A field that the user has changed keeps its own value unless what is drawn changes.
  if (PROPERTIES.has(name)) {
    Object.assign(element, { [name]: value ?? (name === 'value' ? '' : false) });
  } else if (value === undefined || value === null || value === false) element.removeAttribute(name);
  else element.setAttribute(name, value === true ? '' : String(value));
}
