// The best possible prediction if only the kind of object is known, and its loss, in closed form.
import {collapse} from './cells.js';

const sum = v => v.reduce((s, x) => s+x, 0);
function median(values) { // values is [[share, value]]
  const rows = [...values].sort((a, b) => a[1]-b[1]);
  let seen = 0;
  return rows.find(([p]) => (seen += p) >= .5)[1];
}
function rounded(values, beta) { // the minimum of smooth L1: the total slope is piecewise linear, so linear interpolation between two kinks is exact
  const slope = x => sum(values.map(([p, v]) => p*Math.max(-1, Math.min(1, (x-v)/beta))));
  const kinks = values.flatMap(([, v]) => [v-beta, v+beta]).sort((a, b) => a-b);
  const i = kinks.findIndex(x => slope(x) >= 0), [lo, hi] = [kinks[Math.max(0, i-1)], kinks[i]], [s, t] = [slope(lo), slope(hi)];
  return t === s ? lo : lo - s*(hi-lo)/(t-s);
}
const BEST = { // the best value of one channel
  l2: values => sum(values.map(([p, v]) => p*v)),
  l1: median,
  smooth_l1: (values, {beta}) => rounded(values, beta),
};
const COST = {
  l2: d => d*d,
  l1: Math.abs,
  smooth_l1: (d, beta) => Math.abs(d) < beta ? d*d/(2*beta) : Math.abs(d)-beta/2,
};
export const cost = (loss, d, beta) => COST[loss](d, beta);

// The ab of the best prediction. `colors` is [[share, a, b]], and `beta` is in Lab units
export function regression(loss, colors, {beta}) {
  return [1, 2].map(i => BEST[loss](colors.map(c => [c[0], c[i]]), {beta}));
}

// The best distribution over cells. Rebalancing multiplies each color's share by its weight
export function distribution(cells, colors, v) {
  return cells.spread(v ? colors.map(([p, ...ab]) => [p*v[cells.encode(ab)[0][0]], ...ab]) : colors);
}
export function classes(cells, colors, v, how, T) {
  const logp = Float32Array.from(distribution(cells, colors, v), p => Math.log(Math.max(p, 1e-20)));
  return collapse(logp, 0, cells.centers, how, T, [0, 0]);
}
