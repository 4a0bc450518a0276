type Schema = Readonly<Record<string, unknown>>;

/**
 * The smallest number of at least 1 that a schema allows, or else the nearest one; `nth` asks for the one
 * that many places further. Pure.
 */
export function exampleNumber(
  schema: Schema,
  { integer, nth }: { integer: boolean; nth: number },
): number {
  const { minimum, exclusiveMinimum, maximum, exclusiveMaximum, multipleOf } = schema;
  const isAllowed = (value: number): boolean =>
    !(typeof minimum === 'number' && value < minimum) &&
    !(typeof exclusiveMinimum === 'number' && value <= exclusiveMinimum) &&
    !(typeof maximum === 'number' && value > maximum) &&
    !(typeof exclusiveMaximum === 'number' && value >= exclusiveMaximum);
  const low = Math.max(orElse(minimum, -Infinity), orElse(exclusiveMinimum, -Infinity));
  const high = Math.min(orElse(maximum, Infinity), orElse(exclusiveMaximum, Infinity));
  const step = stepOf(multipleOf, integer);
  // Count down from the upper bound only if 1 is above it.
  const first = high < 1 && low === -Infinity ? Math.floor(high / step) : Math.ceil(low / step);
  const start = Number.isFinite(first) ? first : 1;
  const direction = high < 1 && low === -Infinity ? -1 : 1;
  const from = direction === 1 && low < step && high >= step ? 1 : start;
  const candidates = [from, from + direction].map((count) => count * step);
  const found = candidates.find(isAllowed);
  if (found !== undefined) {
    const later = found + nth * direction * step;
    return isAllowed(later) ? later : found;
  }
  // No whole number lies between the bounds.
  const between = Number.isFinite(low) && Number.isFinite(high) ? low + (high - low) / 2 : 0;
  if (isAllowed(between)) return between + 0;
  return Number.isFinite(low) ? low : 1;
}

/** The distance between two neighbouring allowed numbers. */
function stepOf(multipleOf: unknown, integer: boolean): number {
  if (typeof multipleOf !== 'number' || multipleOf <= 0) return 1;
  if (!integer || Number.isInteger(multipleOf)) return multipleOf;
  for (let times = 2; times <= 1000; times += 1) {
    if (Number.isInteger(multipleOf * times)) return multipleOf * times;
  }
  return 1;
}

function orElse(value: unknown, otherwise: number): number {
  return typeof value === 'number' ? value : otherwise;
}
