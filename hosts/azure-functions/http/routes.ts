// ASP.NET route templates: parsing, precedence and matching, as far as HTTP triggers use them.

/** A function's route, ready to match. */
export interface Route {
  readonly functionName: string;
  /** Upper case. */
  readonly methods: ReadonlySet<string>;
  /** With the prefix, without a leading slash. */
  readonly template: string;
  readonly segments: readonly Segment[];
}

type Segment =
  | { readonly kind: 'literal'; readonly text: string }
  | {
      readonly kind: 'parameter' | 'catch-all';
      readonly name: string;
      readonly optional: boolean;
      readonly fallback: string | undefined;
    };

/**
 * @param template the trigger's route, or undefined for the function's name
 * @throws Error naming the function if the template uses something this host does not know
 */
export function parseRoute(functionName: string, template: unknown, methods: unknown, prefix: string): Route {
  const own = typeof template === 'string' ? template.replace(/^\/+|\/+$/g, '') : functionName;
  const full = [prefix, own].filter((part) => part !== '').join('/');
  const refuse = (why: string): never => {
    throw new Error(`The route "${own}" of "${functionName}" cannot be served: ${why}.`);
  };
  const texts = full === '' ? [] : splitTemplate(full);
  const segments = texts.map((text, index): Segment => {
    if (!/[{}]/.test(text)) return { kind: 'literal', text: text.toLowerCase() };
    const inner = /^\{(.*)\}$/.exec(text)?.[1];
    if (inner === undefined || /[{}]/.test(inner)) {
      return refuse(`"${text}" mixes text and parameters in one segment`);
    }
    const match = /^(\*{0,2})([a-z_]\w*)(:[^?=]*)?(\?|=.*)?$/i.exec(inner);
    if (match === null) return refuse(`"${text}" is not a route parameter`);
    const [, stars = '', name = '', constraint, tail = ''] = match;
    if (constraint !== undefined) return refuse(`the constraint "${constraint.slice(1)}" is not supported`);
    if (stars !== '' && index !== texts.length - 1) return refuse('a catch-all parameter must come last');
    return {
      kind: stars === '' ? 'parameter' : 'catch-all',
      name,
      optional: tail === '?',
      fallback: tail.startsWith('=') ? tail.slice(1) : undefined,
    };
  });
  const list =
    Array.isArray(methods) && methods.length > 0 ? methods.map((method) => String(method).toUpperCase()) : [];
  return { functionName, template: full, segments, methods: new Set(list) };
}

/** Splits at slashes, but not inside braces: what is in them is judged as a whole. */
function splitTemplate(template: string): string[] {
  return template.match(/(?:\{[^}]*\}|[^/{])+/g) ?? [];
}

/** Puts routes in the order in which they are tried: literals before parameters before catch-all. */
export function byPrecedence(routes: readonly Route[]): Route[] {
  const rank = (segment: Segment | undefined): number => {
    if (segment === undefined) return 0;
    if (segment.kind === 'literal') return 1;
    return segment.kind === 'parameter' ? 2 : 3;
  };
  return [...routes].sort((left, right) => {
    for (let i = 0; i < Math.max(left.segments.length, right.segments.length); i++) {
      const difference = rank(left.segments[i]) - rank(right.segments[i]);
      if (difference !== 0) return difference;
    }
    return 0;
  });
}

/**
 * The route for a request, with its parameters. Undefined if nothing matches, whether for its path or for its method:
 * the Functions host answers 404 to both.
 * @param path without query string; still percent-encoded
 */
export function matchRoute(
  routes: readonly Route[],
  method: string,
  path: string,
): { route: Route; params: Record<string, string> } | undefined {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part !== '') parts.push(decode(part));
  }
  for (const route of routes) {
    if (route.methods.size > 0 && !route.methods.has(method)) continue;
    const params = matchSegments(route.segments, parts);
    if (params !== undefined) return { route, params };
  }
  return undefined;
}

function matchSegments(segments: readonly Segment[], parts: readonly string[]): Record<string, string> | undefined {
  const params: Record<string, string> = {};
  let at = 0;
  for (const segment of segments) {
    if (segment.kind === 'literal') {
      if (parts[at++]?.toLowerCase() !== segment.text) return undefined;
      continue;
    }
    const value = segment.kind === 'catch-all' ? parts.slice(at).join('/') : parts[at];
    at = segment.kind === 'catch-all' ? parts.length : at + 1;
    if (value === undefined || value === '') {
      if (segment.fallback !== undefined) params[segment.name] = segment.fallback;
      else if (!segment.optional && segment.kind === 'parameter') return undefined;
      continue;
    }
    params[segment.name] = value;
  }
  return at >= parts.length ? params : undefined;
}

function decode(part: string): string {
  try {
    // ASP.NET leaves an encoded slash alone, as it would otherwise look like a separator.
    return part.split(/%2f/i).map(decodeURIComponent).join('%2F');
  } catch {
    // A stray percent sign is passed on as it came.
    return part;
  }
}
