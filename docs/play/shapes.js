// Draw a shirt, a leaf, or a car on a gray background at any size, like colorize_nb/data/shapes.py, but with an adjustable share of red shirts.
import {Random, pick} from './random.js';
import {between} from './color.js';

const WHEEL = .05, CELLS = {ground: 3, tone: 16};
const wheels = (u, v) => (Math.abs(u)-.52)**2 + (v-.45)**2 < WHEEL;
const SHAPES = {
  shirt(u, v) {
    const body = Math.abs(u) < .5 && v > -.6 && v < .9, sleeves = Math.abs(u) < .95 && v > -.6 && v < -.1;
    return (body || sleeves) && u**2 + (v+.65)**2 > .04;
  },
  leaf: (u, v) => (u-.7)**2 + v**2 < 1.2 && (u+.7)**2 + v**2 < 1.2,
  car(u, v) {
    const body = Math.abs(u) < .95 && v > -.05 && v < .45, roof = Math.abs(u) < .45-.35*v-.05 && v > -.5 && v <= -.05;
    return (body || roof) && !wheels(u, v);
  },
};
export const KINDS = ['background', 'shirt', 'leaf', 'car'];
export const inside = (kind, u, v) => SHAPES[kind](u, v);

// ---- smooth noise with a variance of 1: a small grid of normal random numbers, enlarged by bicubic interpolation
const A = -.75; // as in torch
const near = t => ((A+2)*t - (A+3))*t*t + 1, far = t => ((A*t - 5*A)*t + 8*A)*t - 4*A;
function enlarge(z, n, size) {
  const at = Array.from({length: size}, (_, i) => { const s = (i+.5)*n/size - .5, lo = Math.floor(s), t = s-lo; return {lo, w: [far(t+1), near(t), near(1-t), far(2-t)]} });
  const cut = i => between(i, 0, n-1), rows = new Float32Array(n*size), out = new Float32Array(size*size);
  for (let y = 0; y < n; y++) at.forEach(({lo, w}, x) => { rows[y*size+x] = w.reduce((s, k, j) => s + k*z[y*n+cut(lo-1+j)], 0) });
  at.forEach(({lo, w}, y) => { for (let x = 0; x < size; x++) out[y*size+x] = w.reduce((s, k, j) => s + k*rows[cut(lo-1+j)*size+x], 0) });
  return out;
}
function spread(v) { const m = v.reduce((s, x) => s+x, 0)/v.length; return Math.sqrt(v.reduce((s, x) => s+(x-m)**2, 0)/(v.length-1)) }
function noise({z, n}, size) {
  const out = enlarge(z, n, size), scale = 1/spread(size === 32 ? out : enlarge(z, n, 32)); // the same contrast at every size
  return out.map(v => between(v*scale, -2, 2));
}
const grid = (random, cells) => ({n: cells+2, z: Float32Array.from({length: (cells+2)**2}, () => random.normal())});

// ---- a plan of a picture has everything that is random; `chance`, from 0 to 1, selects one of the colors
export function plan(random, kind = 1+random.integer(3), chance = random.next()) {
  const u = (lo, hi) => random.uniform(lo, hi);
  return {kind, chance, turn: u(-.5, .5), scale: u(.55, .85), dx: u(-.25, .25), dy: u(-.25, .25),
    shade: u(-15, 15), tone: u(-4, 4), ground: grid(random, CELLS.ground), cloth: grid(random, CELLS.tone)};
}
export const colorOf = (p, colors) => { const table = colors[KINDS[p.kind]]; return table[pick(table.map(c => c[0]), p.chance)] };

export function draw(p, size, noiseLevel = 1) { // -> {L, part}: lightness from 0 to 100, and a mask of the object
  const L = new Float32Array(size*size), part = new Uint8Array(size*size), c = Math.cos(p.turn), s = Math.sin(p.turn);
  const ground = noise(p.ground, size), cloth = noise(p.cloth, size), kind = KINDS[p.kind];
  for (let i = 0; i < L.length; i++) {
    const x = 2*(i%size)/(size-1)-1-p.dx, y = 2*Math.floor(i/size)/(size-1)-1-p.dy, u = (x*c+y*s)/p.scale, v = (y*c-x*s)/p.scale;
    part[i] = inside(kind, u, v);
    L[i] = part[i] ? 55+p.tone+3*cloth[i] : kind === 'car' && wheels(u, v) ? 15 : between(50+noiseLevel*(12*ground[i]+p.shade), 0, 100);
  }
  return {L, part};
}

// ---- a batch of pictures
export function batch(seed, n, size, colors, noiseLevel) { // -> {L, part, ab, kind}: L and part have n*size*size values, ab has n pairs
  const random = new Random(seed), plans = Array.from({length: n}, () => plan(random));
  return {...assemble(plans, size, colors, noiseLevel), plans};
}
export function assemble(plans, size, colors, noiseLevel) {
  const L = new Float32Array(plans.length*size*size), part = new Uint8Array(L.length);
  plans.forEach((p, i) => { const d = draw(p, size, noiseLevel); L.set(d.L, i*size*size); part.set(d.part, i*size*size) });
  return {L, part, size, kind: plans.map(p => p.kind), ab: plans.map(p => colorOf(p, colors).slice(1))};
}
export const withRedShare = (colors, red) => ({...colors, shirt: [[red, ...colors.shirt[0].slice(1)], [1-red, ...colors.shirt[1].slice(1)]]});
