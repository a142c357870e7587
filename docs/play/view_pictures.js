// Show input, prediction, and target of six pictures, and select a pixel.
import {h} from './dom.js';
import {SHOWN} from './held.js';
import {paintPrediction, paintGray, paintTarget, SIDE, sketch} from './picture.js';
import {colorOf, KINDS} from './shapes.js';
import {colors, NAMES, OUT} from './task.js';

const HELP = 'Point at a pixel, or use the arrow keys. Hold Control to move to the next picture.';

export class Pictures {
  constructor({pick}) {
    const canvas = label => h('canvas', {width: SIDE, height: SIDE, role: 'img', 'aria-label': label});
    const row = (name, words, cls = '') => { const cells = SHOWN.map((p, i) => h('div', {class: `cell ${cls}`}, canvas(`${KINDS[p.kind]} ${i%2+1}: ${words}`))), label = h('span', {class: 'label'}, name); return {label, cells, el: h('div', {class: 'row'}, label, cells), draw: f => cells.forEach((c, i) => f(c.firstChild, i))} };
    this.rows = {input: row('input', 'lightness'), first: row('prediction', 'prediction', 'answer'), second: row('', 'prediction', 'answer'), target: row('target', 'target')};
    this.grid = h('div', {class: 'pictures', role: 'application', tabindex: 0, 'aria-label': `Pictures: input, prediction, target. ${HELP}`}, Object.values(this.rows).map(r => r.el));
    this.el = h('section', {'aria-label': 'Pictures'}, this.grid);
    this.rings = Object.values(this.rows).flatMap(r => r.cells.map((c, i) => { const ring = h('i', {class: 'ring'}); c.append(ring); return {ring, i} }));
    Object.values(this.rows).forEach(r => r.cells.forEach((c, i) => {
      const point = e => { const b = c.getBoundingClientRect(), at = v => Math.max(0, Math.min(OUT-1, Math.floor(OUT*v))); pick([i, at((e.clientX-b.left)/b.width), at((e.clientY-b.top)/b.height)].join()) };
      c.addEventListener('pointermove', e => { if (e.pointerType === 'mouse') point(e) });
      c.addEventListener('pointerdown', point);
    }));
    this.grid.addEventListener('keydown', e => this.key(e, pick));
  }
  key(e, pick) {
    const step = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[e.key];
    if (!step) return;
    e.preventDefault();
    let [p, x, y] = this.at;
    if (e.ctrlKey) p = (p+step[0]+step[1]+SHOWN.length)%SHOWN.length;
    else { x = Math.max(0, Math.min(OUT-1, x+step[0])); y = Math.max(0, Math.min(OUT-1, y+step[1])) }
    pick([p, x, y].join());
  }
  draw({state, run, tasks}) {
    this.at = state.at.split(',').map(Number);
    const [p, x, y] = this.at, table = colors(state.red/100);
    if (this.noise !== state.noise) { this.noise = state.noise; this.sketches = SHOWN.map(s => sketch(s, state.noise/100)); this.rows.input.draw((c, i) => paintGray(c, this.sketches[i])) }
    this.rows.target.draw((c, i) => { // repaint only if the color or the background changed
      const ab = colorOf(SHOWN[i], table).slice(1), key = `${ab} ${state.noise}`;
      if (c.dataset.key !== key) { c.dataset.key = key; paintTarget(c, this.sketches[i], ab) }
    });
    [this.rows.first, this.rows.second].forEach((row, k) => this.prediction(row, tasks[k], run.models?.[k], state, tasks.length > 1));
    this.grid.classList.toggle('two', tasks.length > 1);
    for (const {ring, i} of this.rings) { ring.hidden = i !== p; ring.style.left = `${100*(x+.5)/OUT}%`; ring.style.top = `${100*(y+.5)/OUT}%` }
  }
  prediction(row, task, model, {how, T, noise}, named) {
    row.el.hidden = !task;
    if (!task) return;
    row.label.replaceChildren(...(named ? [h('b', {}, NAMES[task.loss])] : ['prediction', h('b', {}, NAMES[task.loss])]));
    const key = [task.loss, noise, ...(task.ab.length && task.n > 2 ? [how, T] : [])].join();
    if (row.key === key && row.from === model?.shown && row.from !== undefined) return;
    Object.assign(row, {key, from: model?.shown});
    const ab = [0, 0], chroma = new Float32Array(2*OUT*OUT);
    row.draw((c, p) => {
      if (!model) return paintGray(c, this.sketches[p]);
      for (let i = 0; i < OUT*OUT; i++) { task.ab(model.shown, p*OUT*OUT+i, how, T, ab); chroma.set(ab, 2*i) }
      paintPrediction(c, this.sketches[p], chroma);
    });
  }
}
