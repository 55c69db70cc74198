/** Which texts have a name twice (H9). */
import { expect, test } from 'vitest';
import { hasRepeatedName } from './json-names.ts';

test.each([
  ['{"a":1,"b":{"a":1},"c":[{"a":1},{"a":2}]}', false],
  ['{"a":"a","b":["a","a"],"c":"{\\"a\\":1,\\"a\\":2}"}', false],
  ['{"a\\\\":1,"a":2}', false],
  ['"a"', false],
  ['[]', false],
  ['{"a":1,"a":1}', true],
  ['{"a":1,"\\u0061":2}', true],
  ['[{"x":{"a":[1,{}],"b":"}","a":2}}]', true],
  ['{ "a" : [ "," , "a" ] ,\n"a" : null }', true],
])('H9 in %s a name stands twice: %s', (json, isRepeated) => {
  JSON.parse(json);
  expect(hasRepeatedName(json)).toBe(isRepeated);
});
