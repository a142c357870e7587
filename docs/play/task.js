// A loss with its codec: the target, what the network's output means, the best answer and what that costs. No TensorFlow here: the page draws with it.
import {Cells, collapse} from './cells.js';
import * as best from './answers.js';
import {batch, KINDS, loaded} from './shapes.js';
import facts from './facts.json';

export const SIZE = 32, OUT = 16, RATIO = SIZE/OUT, NAMES = {l2: 'L2', l1: 'L1', smooth_l1: 'smooth L1', soft_ce: 'classes', rebalanced_ce: 'rebalanced classes'};
export const isClasses = loss => loss.endsWith('_ce');
export const colors = red => loaded(facts.colors, red);
export const cells = new Cells(facts.cells);
export const TEMPERATURE = facts.T;

function shares({part}, n) { // how much of each cell of the answer's grid the object covers
  const out = new Float32Array(n*OUT*OUT);
  for (let i = 0; i < out.length; i++) {
    const p = Math.floor(i/OUT**2), y = Math.floor(i/OUT)%OUT, x = i%OUT;
    for (let k = 0; k < RATIO**2; k++) out[i] += part[p*SIZE**2 + (RATIO*y+Math.floor(k/RATIO))*SIZE + RATIO*x + k%RATIO]/RATIO**2;
  }
  return out;
}
function corners({part}, n) { // the object at the pixel nearest to the middle of each cell
  return Uint8Array.from({length: n*OUT*OUT}, (_, i) => part[Math.floor(i/OUT**2)*SIZE**2 + (RATIO*(Math.floor(i/OUT)%OUT)+RATIO/2)*SIZE + RATIO*(i%OUT)+RATIO/2]);
}

class Numbers { // a and b as numbers: LabAB
  constructor(loss) { Object.assign(this, {loss, n: 2, beta: facts.beta}) }
  target(b) {
    const f = shares(b, b.kind.length), y = new Float32Array(2*f.length);
    f.forEach((v, i) => { const ab = b.ab[Math.floor(i/OUT**2)]; y[2*i] = v*ab[0]/facts.scale; y[2*i+1] = v*ab[1]/facts.scale });
    return y;
  }
  start() { return new Float32Array(2) } // gray
  ab(pred, i, how, T, out) { out[0] = pred[2*i]*facts.scale; out[1] = pred[2*i+1]*facts.scale; return out }
  best(kind, red) { return best.regression(this.loss, colors(red)[kind], {beta: this.beta*facts.scale}) }

  expected(pred, b, red) { // over all colors the dice can give: what the answers cost, and what the best would
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

class Classes { // one of the cells: JointBins; `weighted` is rebalanced by the share of each cell
  constructor(loss) { Object.assign(this, {loss, n: cells.n, weighted: loss === 'rebalanced_ce'}) }
  weigh(red) { // the weight of each cell, from pictures drawn with these dice
    if (!this.weighted) return null;
    if (this.known?.red !== red) this.known = {red, v: cells.weights(prior(red), facts.lam)};
    return this.known.v;
  }
  fill(hit, of) { // soft targets of pixels, each times its weight; their memory is used again
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
    return this.fill(corners(b, b.kind.length), (h, picture) => h ? drawn[picture] : gray);
  }
  start(red) { return Float32Array.from(prior(red), p => Math.log(Math.max(p, 1e-4))) } // the shares of the cells: no step is spent on learning which exist
  ab(pred, i, how, T, out) { return collapse(pred, i*cells.n, cells.centers, how, T, out) }
  best(kind, red, how, T) { return best.classes(cells, colors(red)[kind], this.weigh(red), how, T) }
  distribution(kind, red) { return best.distribution(cells, colors(red)[kind], this.weigh(red)) }

  meanTarget(b, red) { // over all colors the dice can give; `least`: the cost of the best answer
    const table = colors(red), v = this.weigh(red), hit = corners(b, b.kind.length);
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
export function average(task, pred, how, T) { // ab of several pixels' answers
  const n = pred.length/task.n, ab = [0, 0], sum = [0, 0];
  for (let i = 0; i < n; i++) { task.ab(pred, i, how, T, ab); sum[0] += ab[0]/n; sum[1] += ab[1]/n }
  return sum;
}
export const task = loss => new (isClasses(loss) ? Classes : Numbers)(loss);

const counts = new Map();
function parts() { // how many pixels of each kind 64 drawn pictures have; noise does not change them
  if (!counts.size) { const b = batch('prior', 64, SIZE, facts.colors, 1); b.part.forEach((h, i) => { const k = h ? KINDS[b.kind[Math.floor(i/SIZE**2)]] : 'background'; counts.set(k, (counts.get(k) ?? 0)+1) }) }
  return counts;
}
export function prior(red) { // share of the pixels in each cell, smoothed, as the dice give it on average
  const hard = new Float64Array(cells.n), all = [...parts().values()].reduce((s, v) => s+v, 0), table = colors(red);
  for (const [k, n] of parts()) for (const [p, ...ab] of table[k]) hard[cells.encode(ab)[0][0]] += p*n/all;
  return cells.smooth(hard);
}
