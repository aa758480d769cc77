/** Places of the `count` largest values, ascending; of equal ones the earlier. */
export function largest(values: ArrayLike<number>, count: number): number[] {
  return Array.from(values, (_, at) => at)
    .sort((a, b) => (values[b] ?? 0) - (values[a] ?? 0) || a - b)
    .slice(0, count)
    .sort((a, b) => a - b);
}

/** The one among `places` whose value is largest; of equal ones the earlier. */
export function largestOf(places: readonly number[], value: (place: number) => number): number {
  return places.reduce(
    (best, place) => (value(place) > value(best) ? place : best),
    places[0] ?? 0,
  );
}
