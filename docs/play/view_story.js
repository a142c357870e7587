// The five steps. Each one sets the controls, starts training, and has a text and tasks, which are checked off.
import {average} from './task.js';
import {ciede2000} from './ciede.js';
import {colorName} from './names.js';
import {h} from './dom.js';
import {SHOWN} from './held.js';
import {KINDS} from './shapes.js';
import {base, changed, STORY} from './state.js';

const L = 55, FREE = 'This is your own experiment. Press Train, or choose one of the steps above.';
const SETS = ['loss', 'compare', 'red', 'how', 'T', 'view', 'noise', 'rate', 'width']; // what "Undo my changes" restores

function status({state, run, tasks}) { // the properties that tasks can check
  const at = (loss, kind) => { const i = tasks.findIndex(t => t.loss === loss), model = run.models?.[i]; return model && average(tasks[i], model.kinds[KINDS.indexOf(kind)-1], state.how, state.T) };
  const best = (loss, kind) => tasks.find(t => t.loss === loss)?.best(kind, state.red/100, state.how, state.T);
  const measure = (f, none) => (loss, kind) => { const got = at(loss, kind); return got ? f(got, loss, kind) : none };
  return {...state, trained: run.step >= 30, pointed: KINDS[SHOWN[+state.at.split(',')[0]].kind],
    apart: measure((got, loss, kind) => ciede2000([L, ...got], [L, ...best(loss, kind)]), Infinity), a: measure(got => got[0], NaN), named: measure(got => colorName(...got), '')};
}

export class Story {
  constructor(go) {
    this.go = go;
    this.done = STORY.map(({tasks}) => tasks.map(() => null)); // a message for each finished task
    this.buttons = STORY.map(({name}, i) => h('button', {type: 'button', onclick: () => go(base(i+1))}, h('b', {'aria-hidden': 'true'}, `${i+1}`), h('span', {}, name)));
    this.text = h('p', {class: 'text', 'aria-live': 'polite'});
    this.list = h('ul', {class: 'tasks'});
    const button = (words, f) => h('button', {type: 'button', onclick: f}, words);
    this.back = button('Back', () => go(base(this.at ? this.at-1 : 1)));
    this.next = button('Next', () => go(base(this.at+1)));
    this.undo = button('Undo my changes', () => { const from = base(this.at); go(Object.fromEntries(SETS.map(k => [k, from[k]]))) });
    this.el = h('section', {class: 'story', 'aria-label': 'Five steps'}, h('ol', {}, this.buttons.map(b => h('li', {}, b))), this.text, h('div', {class: 'todo'}, this.list, h('div', {class: 'turn'}, this.undo, this.back, this.next)));
  }
  focus() { this.buttons[Math.max(0, this.at-1)].focus() }
  draw(page) {
    const at = page.state.step, step = STORY[at-1];
    if (at !== this.at) this.open(at, step);
    if (step) this.check(page, step, this.done[at-1]);
    this.undo.hidden = !step || !changed(page.state).some(k => SETS.includes(k));
  }
  open(at, step) {
    this.at = at;
    this.buttons.forEach((b, i) => b.setAttribute('aria-pressed', i === at-1));
    this.text.textContent = step?.text ?? FREE;
    this.text.dataset.name = step ? `${at}. ${step.name}.` : ''; // shown on a phone, whose buttons only have numbers
    this.items = (step?.tasks ?? []).map(({words}) => { const state = h('b', {}), then = h('span', {class: 'then', 'aria-live': 'polite'}); return {state, then, el: h('li', {}, state, h('span', {}, words), then)} });
    this.list.replaceChildren(...this.items.map(i => i.el));
    this.back.disabled = at === 1;
    this.next.hidden = at === STORY.length;
    this.known = '';
  }
  check(page, {tasks}, done) {
    const s = status(page), next = done.indexOf(null); // tasks are checked in order, one at a time
    if (next >= 0 && tasks[next].done(s)) done[next] = tasks[next].then(s);
    const known = JSON.stringify(done);
    if (known === this.known) return;
    this.known = known;
    this.items.forEach(({state, then, el}, i) => {
      el.classList.toggle('done', done[i] !== null);
      state.textContent = done[i] === null ? '\u25cb' : '\u2713';
      state.setAttribute('aria-label', done[i] === null ? 'to do' : 'done');
      state.setAttribute('role', 'img');
      then.textContent = done[i] === null ? '' : `Done: ${done[i]}.`;
    });
    const button = this.buttons[this.at-1], all = done.every(d => d !== null);
    button.classList.toggle('done', all);
    button.firstChild.textContent = all ? '\u2713' : `${this.at}`;
    button.setAttribute('aria-label', `${STORY[this.at-1].name}${all ? ', done' : ''}`);
  }
}
