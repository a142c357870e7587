// Several possible colors for one gray shirt: what each loss predicts, and what each prediction costs.
import {RANGES} from './address.js';
import * as best from './answers.js';
import {ciede2000} from './ciede.js';
import {css, rgb2lab} from './color.js';
import {h, slider} from './dom.js';
import {plane} from './plane.js';

const L = 55;
const ab = hex => rgb2lab(...[1, 3, 5].map(i => parseInt(hex.slice(i, i+2), 16)/255)).slice(1);
const sum = v => v.reduce((s, x) => s+x, 0);

function annealed(table, T) { // of the colors themselves
  if (T === 0) return mode(table);
  const logs = table.map(([p]) => Math.log(p)/T), top = Math.max(...logs), w = logs.map(l => Math.exp(l-top)), all = sum(w);
  return [1, 2].map(i => sum(table.map((c, j) => w[j]*c[i]))/all);
}
const mode = table => table.reduce((m, c) => c[0] > m[0] ? c : m).slice(1);
const ANSWERS = {
  L2: t => best.regression('l2', t, {}), L1: t => best.regression('l1', t, {}), mode, 'annealed mean': annealed,
};
const COSTS = {'squared error': d => d[0]**2+d[1]**2, 'absolute error': d => Math.abs(d[0])+Math.abs(d[1])};

export class Sepia {
  constructor({colors, weights, T: first}, tell) {
    this.state = {colors: colors.map(c => `#${c}`), weights: [...weights], T: first};
    const draw = () => { this.draw(); tell({colors: this.state.colors.map(c => c.slice(1)), weights: this.state.weights, T: this.state.T}) };
    const rows = this.state.colors.map((color, i) => h('div', {class: 'mix'}, h('input', {type: 'color', value: color, 'aria-label': `Color ${i+1}`, oninput: e => { this.state.colors[i] = e.target.value; draw() }}),
      slider(`Weight of color ${i+1}`, [0, 100, 1], weights[i], v => v ? `${v}` : '0, never', v => { this.state.weights[i] = v; draw() }).el));
    this.canvas = h('canvas', {role: 'img'});
    this.out = Object.keys(ANSWERS).map(name => { const color = h('span', {class: 'big'}), words = h('span', {}); return {name, color, words, el: h('figure', {'data-answer': name}, color, h('figcaption', {}, h('b', {}, name), words))} });
    this.code = h('code', {});
    const T = slider('Temperature of the annealed mean', RANGES.T, first, v => v === 0 ? '0, the mode' : v === 1 ? '1, the mean' : `${v}, between mode and mean`, v => { this.state.T = v; draw() });
    this.el = h('section', {class: 'sepia', id: 'sepia-panel'}, h('h2', {}, 'Why averages look brown'), h('p', {}, 'A gray shirt could have any of these colors. Move a slider: the mean moves smoothly between them, but the median and the mode jump.'),
      h('div', {class: 'two'}, h('div', {}, rows, T.el), this.canvas), h('div', {class: 'four'}, this.out.map(o => o.el)), h('pre', {tabindex: 0}, this.code));
    this.draw();
  }
  draw() {
    const {colors, weights, T} = this.state, all = sum(weights), live = all ? colors.map((c, i) => [weights[i]/all, ...ab(c)]).filter(c => c[0]) : [[1, 0, 0]];
    const found = Object.fromEntries(Object.entries(ANSWERS).map(([k, f]) => [k, f(live, T)]));
    for (const {name, color, words, el} of this.out) {
      const at = found[name], cost = k => sum(live.map(([p, x, y]) => p*COSTS[k]([at[0]-x, at[1]-y])));
      color.style.background = css(L, ...at);
      words.textContent = Object.keys(COSTS).map(k => `${k} ${cost(k).toFixed(0)}`).join(', ') + `, CIEDE2000 ${sum(live.map(([p, x, y]) => p*ciede2000([L, ...at], [L, x, y]))).toFixed(1)}`;
      el.dataset.ab = at.map(v => v.toFixed(1));
    }
    const style = getComputedStyle(document.documentElement), theme = k => style.getPropertyValue(k).trim();
    plane(this.canvas, {L, p: live.map(c => c[0]), centers: live.map(c => c.slice(1)), dice: [], marks: {mean: found.L2, answer: found.L1, annealed: found['annealed mean'], mode: found.mode}}, {ink: theme('--pst-color-text-base'), paper: theme('--pst-color-background'), line: theme('--pst-color-border')});
    this.canvas.setAttribute('aria-label', `The colors on the ab plane; × L2, ○ L1, ◇ annealed mean, ▽ mode: ${Object.entries(found).map(([k, v]) => `${k} ${v.map(x => x.toFixed(0))}`).join('; ')}`);
    this.code.textContent = `ab = torch.tensor([${live.map(c => `[${c[1].toFixed(0)}., ${c[2].toFixed(0)}.]`).join(', ')}])\nanswers(ab, torch.tensor([${live.map(c => c[0].toFixed(2)).join(', ')}]), T=${T})`;
  }
}
