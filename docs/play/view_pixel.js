// Show the distribution at the selected pixel on the ab plane.
import {softmax} from './cells.js';
import {h} from './dom.js';
import {SHOWN} from './held.js';
import {plane} from './plane.js';
import {KINDS} from './shapes.js';
import {cells, colors, NAMES, OUT} from './task.js';

const L = 58, SIGNS = {mean: '×', annealed: '◇', mode: '▽', answer: '○'}, NAME = {answer: 'prediction'};

export class Pixel {
  constructor() {
    this.frames = [0, 1].map(() => { const canvas = h('canvas', {role: 'img'}), name = h('b', {}), words = h('span', {}); return {canvas, name, words, el: h('figure', {}, canvas, h('figcaption', {}, name, words))} });
    this.where = h('span', {});
    this.el = h('div', {class: 'pixel'}, h('p', {class: 'legend'}, 'What color could this pixel be? ', this.where, '. Discs: predicted probabilities. Dashed rings: true shares.'), h('div', {class: 'planes'}, this.frames.map(f => f.el)));
  }
  draw({state, run, tasks}) {
    const [p, x, y] = state.at.split(',').map(Number), kind = KINDS[SHOWN[p].kind], style = getComputedStyle(document.documentElement), theme = k => style.getPropertyValue(k).trim();
    this.where.textContent = `${kind} ${p%2+1}, column ${x+1}, row ${y+1}`;
    const look = {ink: theme('--pst-color-text-base') || '#222', paper: theme('--pst-color-background') || '#fff', line: theme('--pst-color-border') || '#ccc'};
    this.el.querySelector('.planes').classList.toggle('two', tasks.length > 1);
    this.frames.forEach((f, i) => {
      const task = tasks[i], model = run.models?.[i];
      f.el.hidden = !task;
      if (!task) return;
      const {probabilities, marks} = predictions(task, model, p*OUT*OUT+y*OUT+x, state.T);
      plane(f.canvas, {L, p: probabilities, centers: cells.centers, marks, dice: colors(state.red/100)[kind]}, look);
      f.name.textContent = NAMES[task.loss];
      f.words.textContent = !model ? 'not trained yet' : Object.entries(marks).map(([k, ab]) => `${SIGNS[k]} ${NAME[k] ?? k} ${ab.map(v => v.toFixed(0)).join(', ')}`).join('  ');
      f.canvas.setAttribute('aria-label', `${NAMES[task.loss]} at this pixel: ${f.words.textContent}${probabilities ? `; likeliest: ${likeliest(probabilities)}` : ''}`);
    });
  }
}
function predictions(task, model, i, T) {
  if (!model) return {probabilities: null, marks: {}};
  const decode = how => [...task.ab(model.shown, i, how, T, [0, 0])];
  if (task.n === 2) return {probabilities: null, marks: {answer: decode('mean')}};
  return {probabilities: softmax(model.shown, i*task.n, task.n), marks: {mean: decode('mean'), annealed: decode('annealed'), mode: decode('mode')}};
}
const likeliest = p => [...p.keys()].sort((i, j) => p[j]-p[i]).slice(0, 3).map(i => `a ${cells.centers[i][0]} b ${cells.centers[i][1]} ${Math.round(100*p[i])}%`).join(', ');
