// The validation loss, and the lowest loss that any network can reach.
import {curve} from './curve.js';
import {h} from './dom.js';
import {NAMES} from './task.js';

export class Costs {
  constructor() {
    this.frames = [0, 1].map(i => { const c = curve(`Cost ${i+1}`), name = h('b', {}), words = h('span', {}); return {c, name, words, el: h('figure', {}, h('figcaption', {}, name, words), c.el)} });
    this.el = h('details', {class: 'costs fold'}, h('summary', {}, 'The loss, and the lowest possible loss'), h('div', {class: 'curves'}, this.frames.map(f => f.el)));
  }
  draw({state, run, tasks}) {
    this.frames.forEach((f, i) => {
      const model = run.models?.[i], task = tasks[i];
      f.el.hidden = !task;
      if (!task) return;
      f.name.textContent = NAMES[task.loss];
      f.words.textContent = model ? `${model.cost.toPrecision(3)} now, ${model.least.toPrecision(3)} at best (dashed), ${model.params.toLocaleString('en')} parameters` : 'not trained yet';
      if (model) f.c.draw(run.curves[i] ?? [], model.least, Math.max(state.steps, run.step));
      f.c.el.style.visibility = model ? '' : 'hidden';
    });
  }
}
