// Color classes, as in colorize_nb/color/classes.py: uniform or density bins of a and b, and joint cells of the ab plane.
import {rgb2lab} from './color.js';

const WIDE = 100;
let reach;
function screen() { // the ab of sRGB colors, on the faces of the RGB cube and on a grid inside
  if (reach) return reach;
  const out = [], add = (r, g, b) => { const [, x, y] = rgb2lab(r, g, b); out.push(x, y) };
  for (let u = 0; u < 256; u++) for (let v = 0; v < 256; v++) for (const s of [0, 1]) { const [x, y] = [u/255, v/255]; add(s, x, y); add(x, s, y); add(x, y, s) }
  for (let i = 0; i < 33; i++) for (let j = 0; j < 33; j++) for (let k = 0; k < 33; k++) add(i/32, j/32, k/32);
  return reach = Float32Array.from(out);
}
const even = v => { const f = Math.floor(v), d = v-f; return d > .5 || (d === .5 && f%2) ? f+1 : f }; // rounds halves to even, like torch

const found = new Map();
export function centers(grid) { // the centers of all cells that contain an sRGB color
  if (!found.has(grid)) {
    const ab = screen(), seen = new Map();
    for (let i = 0; i < ab.length; i += 2) { const x = even(ab[i]/grid), y = even(ab[i+1]/grid), key = 1000*x+y; if (!seen.has(key)) seen.set(key, [x*grid, y*grid]) }
    found.set(grid, {list: [...seen.values()], seen});
  }
  return found.get(grid);
}

function equal(n) { const e = Array.from({length: n+1}, (_, i) => -WIDE+2*WIDE*i/n); return {edges: e, middles: e.slice(1).map((v, i) => (v+e[i])/2)} }
const LOW = -110, FINE = 2200, STEP = .1; // a histogram of a or b, with the library's bins
function mass(values, n) { // bins that each contain the same share of the photo's pixels
  const hist = new Float64Array(FINE), edges = [-WIDE], middle = i => LOW+STEP*(i+.5);
  for (const v of values) hist[Math.max(0, Math.min(FINE-1, Math.floor((v-LOW)/STEP)))]++;
  for (let k = 1, i = 0, seen = 0; k < n; k++) {
    while (seen < values.length*k/n) seen += hist[i++];
    edges.push(Math.max(edges[k-1]+STEP, LOW+STEP*i));
  }
  edges.push(Math.max(edges[n-1]+STEP, WIDE));
  const sum = new Float64Array(n), count = new Float64Array(n), at = place(edges);
  hist.forEach((pixels, i) => { if (pixels) { const bin = at(middle(i)); sum[bin] += pixels*middle(i); count[bin] += pixels } });
  return {edges, middles: Array.from(sum, (s, i) => count[i] ? s/count[i] : (edges[i]+edges[i+1])/2)};
}
const place = edges => v => { let lo = 0, hi = edges.length-2; while (lo < hi) { const mid = (lo+hi+1) >> 1; if (v >= edges[mid]) lo = mid; else hi = mid-1 } return lo };

export function quantize(photo, {kind, n, grid}) { // {a, b, used, all, edges | centers}
  const size = photo.a.length, a = new Float32Array(size), b = new Float32Array(size), used = new Set();
  if (kind === 'joint') {
    const {list, seen} = centers(grid);
    for (let i = 0; i < size; i++) {
      const key = 1000*even(photo.a[i]/grid)+even(photo.b[i]/grid), cell = seen.get(key);
      [a[i], b[i]] = cell ?? nearest(list, photo.a[i], photo.b[i]);
      used.add(1000*a[i]+b[i]);
    }
    return {a, b, used: used.size, all: list.length, centers: list};
  }
  const make = kind === 'density' ? mass : (_, n) => equal(n), [p, q] = [make(photo.a, n), make(photo.b, n)], [pa, pb] = [place(p.edges), place(q.edges)];
  for (let i = 0; i < size; i++) { const x = pa(photo.a[i]), y = pb(photo.b[i]); a[i] = p.middles[x]; b[i] = q.middles[y]; used.add(x*n+y) }
  return {a, b, used: used.size, all: n*n, edges: [p.edges, q.edges]};
}
function nearest(list, x, y) { return list.reduce((best, c) => (c[0]-x)**2+(c[1]-y)**2 < (best[0]-x)**2+(best[1]-y)**2 ? c : best) }
