// Cells of the ab plane, soft targets, and decoding, as in colorize_nb/color/classes.py.
export class Cells {
  constructor({centers, k, sigma}) { Object.assign(this, {centers, k, sigma, n: centers.length}) }

  encode([a, b]) { // -> [[cell, weight]]: the k nearest cells, nearest first, with weights that sum to 1
    const d2 = this.centers.map(([x, y], i) => [(x-a)**2 + (y-b)**2, i]).sort((p, q) => p[0]-q[0] || q[1]-p[1]).slice(0, this.k);
    const w = d2.map(([d]) => Math.exp(-(d-d2[0][0])/(2*this.sigma**2))), sum = w.reduce((s, v) => s+v, 0);
    return d2.map(([, i], j) => [i, w[j]/sum]);
  }
  spread(colors) { // the distribution `(n)` of colors [[share, a, b]]
    const out = new Float32Array(this.n), total = colors.reduce((s, c) => s+c[0], 0);
    for (const [p, ...ab] of colors) for (const [i, w] of this.encode(ab)) out[i] += p/total*w;
    return out;
  }
  smooth(p, sigma = this.sigma) { // smooth the shares of cells over the plane
    const out = new Float64Array(this.n);
    this.centers.forEach(([x, y], j) => {
      const g = this.centers.map(([u, v]) => Math.exp(-((u-x)**2 + (v-y)**2)/(2*sigma**2))), sum = g.reduce((s, w) => s+w, 0);
      g.forEach((w, i) => { out[i] += p[j]*w/sum });
    });
    return out;
  }
  weights(p, lam) { // Zhang 2016, equation 4, with a mean of 1 under p
    const w = Array.from(p, v => 1/((1-lam)*v + lam/this.n)), mean = w.reduce((s, v, i) => s+v*p[i], 0);
    return w.map(v => v/mean);
  }
}

// Decode the distribution that starts at index `from` of `logits` to one ab, which is written to `out`.
export function collapse(logits, from, centers, how, T, out) {
  const n = centers.length, k = how === 'mean' ? 1 : 1/Math.max(T, 1e-3);
  let top = -Infinity, at = 0, sum = 0, a = 0, b = 0;
  for (let i = 0; i < n; i++) if (logits[from+i] > top) { top = logits[from+i]; at = i }
  if (how === 'mode' || (how === 'annealed' && T === 0)) { [out[0], out[1]] = centers[at]; return out }
  for (let i = 0; i < n; i++) {
    const d = (logits[from+i]-top)*k;
    if (d < -30) continue;
    const w = Math.exp(d);
    sum += w; a += w*centers[i][0]; b += w*centers[i][1];
  }
  out[0] = a/sum; out[1] = b/sum;
  return out;
}
export function softmax(logits, from, n) {
  const p = logits.slice(from, from+n), top = p.reduce((m, v) => Math.max(m, v), -Infinity);
  let sum = 0;
  for (let i = 0; i < n; i++) sum += p[i] = Math.exp(p[i]-top);
  return p.map(v => v/sum);
}
