// A loss with its codec: targets, decoding, the best prediction, and its loss. This module doesn't need TensorFlow.js, so the page can import it, too.
import {Cells, collapse} from './cells.js';
import * as best from './answers.js';
import {batch, KINDS, withRedShare} from './shapes.js';
import facts from './facts.json';

export const SIZE = 32, OUT = 16, RATIO = SIZE/OUT, NAMES = {l2: 'L2', l1: 'L1', smooth_l1: 'smooth L1', soft_ce: 'classes', rebalanced_ce: 'rebalanced classes'};
export const isClasses = loss => loss.endsWith('_ce');
export const colors = red => withRedShare(facts.colors, red);
export const cells = new Cells(facts.cells);

function shares({part}, n) { // the share of each cell that the object covers
  const out = new Float32Array(n*OUT*OUT);
  for (let i = 0; i < out.length; i++) {
    const p = Math.floor(i/OUT**2), y = Math.floor(i/OUT)%OUT, x = i%OUT;
    for (let k = 0; k < RATIO**2; k++) out[i] += part[p*SIZE**2 + (RATIO*y+Math.floor(k/RATIO))*SIZE + RATIO*x + k%RATIO]/RATIO**2;
  }
  return out;
}
function centers({part}, n) { // whether the pixel nearest to the center of each cell is inside the object
  return Uint8Array.from({length: n*OUT*OUT}, (_, i) => part[Math.floor(i/OUT**2)*SIZE**2 + (RATIO*(Math.floor(i/OUT)%OUT)+RATIO/2)*SIZE + RATIO*(i%OUT)+RATIO/2]);
}

class Regression { // LabAB: the network predicts a and b
  constructor(loss) { Object.assign(this, {loss, n: 2, beta: facts.beta}) }
  target(b) {
    const f = shares(b, b.kind.length), y = new Float32Array(2*f.length);
    f.forEach((v, i) => { const ab = b.ab[Math.floor(i/OUT**2)]; y[2*i] = v*ab[0]/facts.scale; y[2*i+1] = v*ab[1]/facts.scale });
    return y;
  }
  start() { return new Float32Array(2) } // gray
  ab(pred, i, how, T, out) { out[0] = pred[2*i]*facts.scale; out[1] = pred[2*i+1]*facts.scale; return out }
  best(kind, red) { return best.regression(this.loss, colors(red)[kind], {beta: this.beta*facts.scale}) }

  expected(pred, b, red) { // the expected loss of predictions over all possible colors, and the lowest possible one
    const table = colors(red), f = shares(b, b.kind.length), known = new Map(), sums = [0, 0], s = facts.scale;
    const scaled = (kind, v) => {
      const key = kind+v, all = () => table[kind].map(([p, ...ab]) => [p, ...ab.map(c => c*v/s)]);
      if (!known.has(key)) { const rows = all(); known.set(key, {rows, at: best.regression(this.loss, rows, {beta: this.beta})}) }
      return known.get(key);
    };
    f.forEach((v, i) => {
      const {rows, at} = scaled(KINDS[b.kind[Math.floor(i/OUT**2)]], v);
      for (const [p, ...ab] of rows) for (let c = 0; c < 2; c++) {
        sums[0] += p*best.cost(this.loss, pred[2*i+c]-ab[c], this.beta);
        sums[1] += p*best.cost(this.loss, at[c]-ab[c], this.beta);
      }
    });
    return sums.map(v => v/(2*f.length));
  }
}

class Classes { // JointBins: the network predicts cells; `weighted` turns on rebalancing
  constructor(loss) { Object.assign(this, {loss, n: cells.n, weighted: loss === 'rebalanced_ce'}) }
  weigh(red) { // the weight of each cell, from the prior of the pictures
    if (!this.weighted) return null;
    if (this.known?.red !== red) this.known = {red, v: cells.weights(prior(red), facts.lam)};
    return this.known.v;
  }
  fill(hit, of) { // soft targets of pixels, multiplied by their weights; reuses the arrays
    const n = cells.n;
    if (this.y?.length !== hit.length*n) Object.assign(this, {y: new Float32Array(hit.length*n), w: new Float32Array(hit.length), set: []});
    for (const i of this.set) this.y[i] = 0;
    this.set = [];
    hit.forEach((h, i) => {
      const {spread, weight} = of(h, Math.floor(i/OUT**2));
      this.w[i] = weight;
      for (const [q, p] of spread) { this.y[i*n+q] = p*weight; this.set.push(i*n+q) }
    });
    return {y: this.y, w: this.w};
  }
  target(b, red) {
    const v = this.weigh(red), of = ab => { const spread = cells.encode(ab); return {spread, weight: v ? v[spread[0][0]] : 1} }, gray = of([0, 0]), drawn = b.ab.map(of);
    return this.fill(centers(b, b.kind.length), (h, picture) => h ? drawn[picture] : gray);
  }
  start(red) { return Float32Array.from(prior(red), p => Math.log(Math.max(p, 1e-4))) } // start from the prior, so that no steps are needed to learn it
  ab(pred, i, how, T, out) { return collapse(pred, i*cells.n, cells.centers, how, T, out) }
  best(kind, red, how, T) { return best.classes(cells, colors(red)[kind], this.weigh(red), how, T) }
  distribution(kind, red) { return best.distribution(cells, colors(red)[kind], this.weigh(red)) }

  meanTarget(b, red) { // the mean target over all possible colors, and the lowest possible loss `least`
    const table = colors(red), v = this.weigh(red), hit = centers(b, b.kind.length);
    const means = Object.fromEntries(KINDS.map(k => {
      const y = new Map();
      for (const [p, ...ab] of table[k]) { const e = cells.encode(ab), w = v ? v[e[0][0]] : 1; for (const [q, z] of e) if (p) y.set(q, (y.get(q) ?? 0)+p*w*z) }
      const weight = [...y.values()].reduce((s, x) => s+x, 0), spread = [...y].map(([q, x]) => [q, x/weight]);
      return [k, {spread, weight, least: -weight*spread.reduce((s, [, x]) => s+x*Math.log(x), 0)}];
    }));
    const kind = (h, picture) => means[h ? KINDS[b.kind[picture]] : 'background'];
    const {y, w} = new Classes(this.loss).fill(hit, kind);
    return {y, w, least: hit.reduce((s, h, i) => s+kind(h, Math.floor(i/OUT**2)).least, 0)/hit.length};
  }
}
export function average(task, pred, how, T) { // the mean ab of several pixels' predictions
  const n = pred.length/task.n, ab = [0, 0], sum = [0, 0];
  for (let i = 0; i < n; i++) { task.ab(pred, i, how, T, ab); sum[0] += ab[0]/n; sum[1] += ab[1]/n }
  return sum;
}
export const task = loss => new (isClasses(loss) ? Classes : Regression)(loss);

const counts = new Map();
function parts() { // the number of pixels of each kind in 64 pictures
  if (!counts.size) { const b = batch('prior', 64, SIZE, facts.colors, 1); b.part.forEach((h, i) => { const k = h ? KINDS[b.kind[Math.floor(i/SIZE**2)]] : 'background'; counts.set(k, (counts.get(k) ?? 0)+1) }) }
  return counts;
}
export function prior(red) { // the expected share of pixels in each cell, smoothed
  const hard = new Float64Array(cells.n), all = [...parts().values()].reduce((s, v) => s+v, 0), table = colors(red);
  for (const [k, n] of parts()) for (const [p, ...ab] of table[k]) hard[cells.encode(ab)[0][0]] += p*n/all;
  return cells.smooth(hard);
}
