// Several possible colors for one gray shirt: what each loss predicts, and what each prediction costs.
import * as best from './answers.js';
import {ciede2000} from './ciede.js';
import {css, rgb2lab} from './color.js';
import {fill, h, shown, slider, theme} from './dom.js';
import {colorName} from './names.js';
import {plane} from './plane.js';
import {RANGES} from './ranges.js';

const ab = hex => rgb2lab(...[1, 3, 5].map(i => parseInt(hex.slice(i, i+2), 16)/255)).slice(1);
const sum = v => v.reduce((s, x) => s+x, 0);

function annealed(table, T) { // the annealed mean of the colors
  if (T === 0) return mode(table);
  const logs = table.map(([p]) => Math.log(p)/T), top = Math.max(...logs), w = logs.map(l => Math.exp(l-top)), all = sum(w);
  return [1, 2].map(i => sum(table.map((c, j) => w[j]*c[i]))/all);
}
const mode = table => table.reduce((m, c) => c[0] > m[0] ? c : m).slice(1);
export const ANSWERS = {
  L2: t => best.regression('l2', t, {}), L1: t => best.regression('l1', t, {}), mode, 'annealed mean': annealed,
};
const COSTS = {'squared error': d => d[0]**2+d[1]**2, 'absolute error': d => Math.abs(d[0])+Math.abs(d[1])};

const WORDS = v => v === 0 ? '0, the mode' : v === 1 ? '1, the mean' : `${v}, between mode and mean`;

export function percent(p) { // shares with two decimals that sum to 1
  const whole = p.map(v => Math.floor(100*v)), order = [...p.keys()].sort((i, j) => (whole[i]-100*p[i]) - (whole[j]-100*p[j]));
  for (const i of order.slice(0, 100-sum(whole))) whole[i]++;
  return whole.map(v => v/100);
}
export class Sepia {
  constructor({colors, weights, T, lightness = 55}, tell, template) {
    Object.assign(this, {L: lightness, template, state: {colors: [...colors], weights: [...weights], T}});
    const change = () => { this.draw(); tell(structuredClone(this.state)) };
    this.rows = colors.map((color, i) => ({
      pick: h('input', {type: 'color', value: `#${color}`, 'aria-label': `Color ${i+1}`, oninput: e => { this.state.colors[i] = e.target.value.slice(1); change() }}),
      knob: slider(`Weight of color ${i+1}`, [0, 100, 1], weights[i], v => this.share(v), v => { this.state.weights[i] = v; change() })}));
    this.T = slider('Temperature of the annealed mean', RANGES.T, T, WORDS, v => { this.state.T = v; change() });
    this.canvas = h('canvas', {role: 'img'});
    this.out = Object.keys(ANSWERS).map(name => { const color = h('span', {class: 'big'}), words = h('span', {}); return {name, color, words, el: h('figure', {'data-answer': name}, color, h('figcaption', {}, h('b', {}, name), words))} });
    this.code = h('code', {});
    this.bad = h('p', {class: 'said', role: 'status'});
    this.el = h('section', {class: 'sepia'}, h('h2', {}, 'Why averages look brown'), h('p', {}, 'A gray shirt could have any of these colors. Move a slider: the mean moves smoothly between them, but the median and the mode jump.'),
      h('div', {class: 'two'}, h('div', {}, this.rows.map(r => h('div', {class: 'mix'}, r.pick, r.knob.el)), this.T.el, this.bad), this.canvas), h('div', {class: 'four'}, this.out.map(o => o.el)), shown(this.code));
    this.draw();
  }
  share(v) { const all = sum(this.state.weights); return v ? `${Math.round(100*v/all)}%` : 'never' }
  take({colors, weights, T}) {
    Object.assign(this.state, {colors: [...colors], weights: [...weights], T});
    this.rows.forEach(({pick}, i) => { pick.value = `#${colors[i]}` });
    this.T.set(T);
    this.draw();
  }
  draw() {
    const {colors, weights, T} = this.state, {L} = this, all = sum(weights), abs = colors.map(c => ab(`#${c}`));
    this.rows.forEach(({knob}, i) => { knob.set(weights[i]); knob.name(`Weight of color ${i+1}: ${colorName(...abs[i])}`) });
    this.bad.textContent = all ? '' : 'All weights are 0. Give at least one color a weight.';
    if (!all) return;
    const live = abs.map((c, i) => [weights[i]/all, ...c]).filter(c => c[0]), found = Object.fromEntries(Object.entries(ANSWERS).map(([k, f]) => [k, f(live, T)]));
    for (const {name, color, words, el} of this.out) {
      const at = found[name], cost = k => sum(live.map(([p, x, y]) => p*COSTS[k]([at[0]-x, at[1]-y])));
      color.style.background = css(L, ...at);
      words.textContent = Object.keys(COSTS).map(k => `${k} ${cost(k).toFixed(0)}`).join(', ') + `, CIEDE2000 ${sum(live.map(([p, x, y]) => p*ciede2000([L, ...at], [L, x, y]))).toFixed(1)}`;
      el.dataset.ab = at.map(v => v.toFixed(1));
    }
    plane(this.canvas, {L, p: live.map(c => c[0]), centers: live.map(c => c.slice(1)), dice: [], marks: {mean: found.L2, answer: found.L1, annealed: found['annealed mean'], mode: found.mode}}, theme());
    this.canvas.setAttribute('aria-label', `The colors on the ab plane; × L2, ○ L1, ◇ annealed mean, ▽ mode: ${Object.entries(found).map(([k, v]) => `${k} ${v.map(x => x.toFixed(0))}`).join('; ')}`);
    const values = {ab: `[${live.map(c => `[${c.slice(1).map(v => v.toFixed(1)).join(', ')}]`).join(', ')}]`, p: `[${percent(live.map(c => c[0])).join(', ')}]`, T};
    this.code.textContent = fill(this.template, values);
  }
}
