const MOST_SLIPS = 3;

/** The known name that was probably meant, if one differs by three slips or fewer; for hints. */
export function closest(name: string, known: readonly string[]): string | undefined {
  const most = Math.min(MOST_SLIPS, Math.floor(name.length * 0.4));
  for (let slips = 0; slips <= most; slips++) {
    const meant = known.find((candidate) => differBy(name, candidate, slips));
    if (meant !== undefined) return meant;
  }
  return undefined;
}

/** Whether the texts are the same after so many characters are inserted, removed or replaced. */
function differBy(a: string, b: string, slips: number): boolean {
  let same = 0;
  while (same < a.length && a[same] === b[same]) same += 1;
  const [left, right] = [a.slice(same), b.slice(same)];
  if (left === '' || right === '') return left.length + right.length <= slips;
  if (slips === 0) return false;
  return (
    differBy(left.slice(1), right.slice(1), slips - 1) ||
    differBy(left.slice(1), right, slips - 1) ||
    differBy(left, right.slice(1), slips - 1)
  );
}
