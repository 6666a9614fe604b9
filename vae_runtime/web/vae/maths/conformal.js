// @ts-check
// How rare a score as high is among normal images: the conformal p-value (docs/FORMAT.md, section 6).

/**
 * @param {number} score
 * @param {readonly number[]} known the calibration scores
 * @param {{ twoSided?: boolean }} [options] twoSided: how rare scores as far out are, too low ones too
 */
export function conformalPValue(score, known, { twoSided = false } = {}) {
  /** @type {(fits: (other: number) => boolean) => number} */
  const share = (fits) => (1 + known.filter(fits).length) / (1 + known.length);
  const high = share((other) => other >= score);
  return twoSided ? Math.min(1, 2 * Math.min(high, share((other) => other <= score))) : high;
}
