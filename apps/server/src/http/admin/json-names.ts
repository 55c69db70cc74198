/**
 * Names that stand twice in one object of a JSON text. `JSON.parse` takes the last, others the first (RFC 8259 §4), so that whoever looks at requests in front of us could see another than we do.
 */

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],]/g;

/** @param json a text that `JSON.parse` has taken */
export function hasRepeatedName(json: string): boolean {
  /** Names so far of each object around the place that is looked at; undefined for an array. */
  const around: (Set<string> | undefined)[] = [];
  let isName = false;
  for (const [token] of json.matchAll(TOKEN)) {
    if (token === '{') around.push(new Set());
    else if (token === '[') around.push(undefined);
    else if (token === '}' || token === ']') around.pop();
    else if (token !== ',') {
      const names = isName ? around.at(-1) : undefined;
      // The same name may be written in several ways.
      const name = names && (JSON.parse(token) as string);
      if (name !== undefined && names?.has(name)) return true;
      if (name !== undefined) names?.add(name);
    }
    isName = token === '{' || token === ',';
  }
  return false;
}
