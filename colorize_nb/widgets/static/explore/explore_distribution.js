// The colors that a network considers possible at one pixel, and how a temperature turns them into one color.
import {collapse, softmax} from './cells.js';
import {between, css} from './color.js';
import {fill, h, later, shown, slider, theme} from './dom.js';
import {colorName} from './names.js';
import {show} from './photo.js';
import {plane} from './plane.js';
import {RANGES} from './ranges.js';

const HOW = {mode: 'mode', 'annealed mean': 'annealed', mean: 'mean'}, STEPS = 16; // per unit of a logarithm
const WORDS = {x: v => `${Math.round(100*v)}% from the left`, y: v => `${Math.round(100*v)}% from the top`, T: v => v === 0 ? '0, the mode' : v === 1 ? '1, the mean' : `${v}, between mode and mean`};
const NAMES = {x: 'Pixel, left to right', y: 'Pixel, top to bottom', T: 'Temperature of the annealed mean'}, KNOBS = Object.keys(NAMES);

export class Distribution {
  constructor(first, tell, template, {logits, ...data}) { // `logits` has one byte per position and cell: how far it is below the most likely cell
    Object.assign(this, {template, data, logits: new Uint8Array(logits.buffer, logits.byteOffset, logits.byteLength)});
    this.state = Object.fromEntries(KNOBS.map(k => [k, first[k]]));
    this.draw = later(() => this.now());
    const change = set => { Object.assign(this.state, set); this.draw(); tell(set) };
    this.knobs = Object.fromEntries(KNOBS.map(k => [k, slider(NAMES[k], RANGES[k], this.state[k], WORDS[k], v => change({[k]: v}))]));
    this.canvas = h('canvas', {role: 'img', 'aria-label': 'the gray photo'});
    this.ring = h('span', {class: 'ring'});
    const pick = e => { const {left, top, width, height} = this.canvas.getBoundingClientRect(); change({x: between((e.clientX-left)/width, 0, 1), y: between((e.clientY-top)/height, 0, 1)}) };
    const photo = h('div', {class: 'pick', onpointerdown: e => { if (!e.button) { photo.setPointerCapture(e.pointerId); pick(e) } }, onpointermove: e => { if (photo.hasPointerCapture(e.pointerId)) pick(e) }}, this.canvas, this.ring);
    this.plane = h('canvas', {role: 'img'});
    this.out = Object.keys(HOW).map(name => { const color = h('span', {class: 'big'}), words = h('span', {}); return {name, color, words, el: h('figure', {'data-answer': name}, color, h('figcaption', {}, h('b', {}, name), words))} });
    this.likely = h('p', {class: 'said', role: 'status'});
    this.code = h('code', {});
    this.el = h('section', {class: 'distribution'}, h('h2', {}, 'What a network considers possible'), h('p', {}, 'Click the photo to choose a pixel. The network predicts a probability for each cell of the ab plane.'),
      h('div', {class: 'two'}, h('figure', {}, photo, h('figcaption', {}, 'what the network sees')), h('figure', {}, this.plane, h('figcaption', {}, 'The area of each disc is the probability of its cell. ▽ mode, ◇ annealed mean, × mean'))),
      this.likely, h('div', {class: 'knobgrid'}, this.knobs.T.el, h('div', {class: 'without-mouse'}, this.knobs.x.el, this.knobs.y.el)), h('div', {class: 'four'}, this.out.map(o => o.el)), shown(this.code));
  }
  take(state) { for (const k of KNOBS) this.state[k] = state[k]; this.draw() }
  set(photo) { this.photo = photo; this.draw() }
  at() { // logarithms of the probabilities at the chosen pixel, up to a constant
    const {rows, cols, centers} = this.data, {x, y} = this.state, n = centers.length, row = Math.min(Math.floor(y*rows), rows-1), col = Math.min(Math.floor(x*cols), cols-1);
    return Float32Array.from(this.logits.subarray(n*(row*cols+col), n*(row*cols+col+1)), v => -v/STEPS);
  }
  now() {
    if (!this.photo) return;
    const {x, y, T} = this.state, {w, L} = this.photo, {centers} = this.data, logits = this.at(), p = softmax(logits, 0, centers.length);
    const found = Object.fromEntries(Object.entries(HOW).map(([name, how]) => [name, [...collapse(logits, 0, centers, how, T, [0, 0])]]));
    const light = between(L[Math.min(Math.floor(y*L.length/w), L.length/w-1)*w+Math.min(Math.floor(x*w), w-1)], 25, 85);
    for (const k of KNOBS) this.knobs[k].set(this.state[k]);
    show(this.canvas, this.photo, (i, o) => { o[0] = L[i]; o[1] = o[2] = 0 });
    this.canvas.classList.toggle('small', w < 100);
    Object.assign(this.ring.style, {left: `${100*x}%`, top: `${100*y}%`});
    for (const {name, color, words, el} of this.out) {
      color.style.background = css(light, ...found[name]);
      words.textContent = `${colorName(...found[name])}, chroma ${Math.hypot(...found[name]).toFixed(0)}`;
      el.dataset.ab = found[name].map(v => v.toFixed(1));
    }
    const most = [...p.keys()].sort((i, j) => p[j]-p[i]).slice(0, 3).map(i => `${colorName(...centers[i])} (${centers[i].join(', ')}) ${Math.round(100*p[i])}%`);
    this.likely.textContent = `Most likely cells (a, b): ${most.join('; ')}`;
    plane(this.plane, {L: light, p, centers, dice: [], marks: {mean: found.mean, annealed: found['annealed mean'], mode: found.mode}}, theme());
    this.plane.setAttribute('aria-label', `The cells on the ab plane. ${this.likely.textContent}`);
    this.code.textContent = fill(this.template, this.state);
  }
}
