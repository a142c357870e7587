// The controls: training, settings, and how a distribution becomes a color.
import {choice, h, radios, slider} from './dom.js';
import {CHOICES, RANGES} from './state.js';
import {isClasses, NAMES} from './task.js';

const WORDS = {
  red: v => `${v}% red, ${100-v}% blue`,
  noise: v => v === 0 ? 'none, a plain background' : v === 100 ? 'as the library draws it' : `${v}% of what the library draws`,
  rate: v => `up to ${v}`,
  T: v => v === 0 ? '0, the mode' : v === 1 ? '1, the mean' : `${v}, between the mode (0) and the mean (1)`,
};
const LABELS = {red: 'Share of red shirts', noise: 'Noise', rate: 'Learning rate', T: 'Temperature'};

export class Knobs {
  constructor(page, change) {
    const {state} = page, knob = k => this[k] = slider(LABELS[k], RANGES[k], state[k], WORDS[k], v => change({[k]: v}));
    const pick = (k, label, words) => this[k] = choice(label, CHOICES[k].map(v => [v, words(v)]), state[k], v => change({[k]: v}));
    this.go = h('button', {type: 'button', class: 'go', onclick: () => page.play()}, 'Train');
    this.again = h('button', {type: 'button', onclick: () => page.again()}, 'Start over');
    this.said = h('p', {class: 'said', role: 'status'});
    this.line = h('progress', {max: 1, value: 0, 'aria-label': 'Training progress'});
    pick('loss', 'Loss', v => NAMES[v]);
    pick('compare', 'Compare with', v => NAMES[v] ?? 'nothing');
    this.how = radios('Color of the classes', [['mean', 'mean'], ['annealed', 'annealed mean'], ['mode', 'mode']], state.how, how => change({how}));
    this.decoding = h('div', {class: 'decoding', role: 'group', 'aria-label': 'Decoding'}, this.how.el, knob('T').el);
    this.bar = h('section', {class: 'bar', 'aria-label': 'Controls'}, this.loss.el, this.compare.el, knob('red').el, h('div', {class: 'run'}, this.go, this.again), this.decoding, this.said, this.line);
    this.el = h('details', {class: 'knobs fold'}, h('summary', {}, 'More settings: noise, learning rate, width, length'), h('p', {}, 'You can change the share of red shirts, the noise, and the learning rate while the network trains. A different width or loss starts a new one.'),
      h('div', {class: 'grid'}, knob('noise').el, knob('rate').el, pick('width', 'Width', v => `${v} channels`).el, pick('steps', 'Length', v => `${v} steps`).el));
  }
  draw({state, run}) {
    for (const k of ['loss', 'compare', 'width', 'steps', 'how']) this[k].set(state[k]);
    for (const k of ['red', 'noise', 'rate', 'T']) if (+this[k].input.value !== state[k]) this[k].set(state[k]);
    this.decoding.hidden = ![state.loss, state.compare].some(isClasses);
    this.T.input.disabled = state.how !== 'annealed';
    this.go.textContent = {fresh: 'Train', running: 'Pause', paused: 'Continue', done: 'Train more', failed: 'Train'}[run.status];
    this.again.disabled = run.status === 'fresh';
    const within = run.step%state.steps || (run.step ? state.steps : 0);
    this.line.value = within/state.steps;
    const said = run.status === 'failed' ? run.message : run.loading ? 'Loading the trainer (1 MB, once)' : run.step ? `step ${run.step}${run.rate && run.status === 'running' ? `, ${run.rate.toFixed(0)} per second` : ''}` : 'not trained yet';
    if (this.said.textContent !== said) this.said.textContent = said;
    this.said.setAttribute('aria-live', run.status === 'running' ? 'off' : 'polite');
    this.said.classList.toggle('bad', run.status === 'failed');
  }
}
