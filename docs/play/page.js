// The playground: controls, pictures, predictions, the selected pixel, and losses. Its state is in the page's address.
import {Answers} from './view_answers.js';
import {Costs} from './view_costs.js';
import {Knobs} from './view_knobs.js';
import {Pictures} from './view_pictures.js';
import {Pixel} from './view_pixel.js';
import {Story} from './view_story.js';
import {copier, h, later, radios} from './dom.js';
import {Link} from './link.js';
import {LIVE, read, RETRAIN, write} from './state.js';
import {NAMES, task} from './task.js';

class Playground {
  constructor(root) {
    this.state = read(location.hash);
    this.run = {step: 0, status: 'fresh', models: null, curves: []};
    this.link = new Link(data => this.receive(data));
    this.redraw = later(() => this.draw());
    const change = set => this.change(set), parts = {pick: at => this.change({at}), change};
    this.story = new Story(set => { change(set); if (this.run.status === 'fresh') this.play() });
    this.side = radios('Show at the right', [['objects', 'each object'], ['pixel', 'one pixel']], this.state.view, view => change({view}));
    this.knobs = new Knobs(this, change);
    this.views = [this.story, this.knobs, this.pictures = new Pictures(parts), this.answers = new Answers(), this.pixel = new Pixel(), this.costs = new Costs()];
    this.code = h('code', {});
    const look = h('div', {class: 'look'}, this.pictures.el, h('section', {class: 'side', 'aria-label': 'Predictions'}, this.side.el, this.answers.el, this.pixel.el));
    root.replaceChildren(this.story.el, this.knobs.bar, look, this.knobs.el, this.costs.el,
      h('details', {class: 'fold'}, h('summary', {}, 'The same in Python'), h('div', {class: 'code'}, h('pre', {tabindex: 0}, this.code), copier(this.code))));
    skipTo('Skip to the five steps', () => this.story.focus());
    this.root = root;
    addEventListener('hashchange', () => { if (/^#?$|=/.test(location.hash) && location.hash !== write(this.state)) this.change(read(location.hash)) });
    new MutationObserver(() => this.redraw()).observe(document.documentElement, {attributeFilter: ['data-theme']}); // redraw the plane in the theme's colors
    this.draw();
  }
  get losses() { return [this.state.loss, this.state.compare].filter(Boolean) }
  get tasks() { return this.losses.map(l => (this.known ??= new Map()).get(l) ?? this.known.set(l, task(l)).get(l)) }
  get settings() { const {loss, compare, red, noise, rate, width, steps} = this.state; return {loss, compare, rate, width, steps, red: red/100, noise: noise/100, seed: 0} }

  change(set) {
    const before = this.state;
    this.state = {...before, ...set};
    if (this.state.compare === this.state.loss) this.state.compare = '';
    const restart = RETRAIN.some(k => this.state[k] !== before[k]);
    const going = this.run.status === 'running';
    if (restart && this.run.status !== 'fresh') this.reset();
    else if (LIVE.some(k => this.state[k] !== before[k])) this.link.send({do: 'set', settings: this.settings});
    history[this.state.step === before.step ? 'replaceState' : 'pushState'](null, '', write(this.state)); // the browser's back button goes back one step
    const follow = this.run.status === 'done' && ['red', 'noise'].some(k => this.state[k] !== before[k]); // continue training with the new shares
    this.redraw();
    if (restart && going || follow) this.play();
  }
  reset() { this.link.turn++; this.link.send({do: 'pause'}); this.run = {step: 0, status: 'fresh', models: null, curves: []} }
  again() { this.reset(); this.play() }
  async play() {
    if (this.run.status === 'running') return this.pause();
    const {status} = this.run;
    this.run.status = 'running';
    this.redraw();
    if (status === 'paused' || status === 'done') return this.link.send({do: 'go'});
    this.run.loading = true;
    try { await this.link.start(this.settings) } catch (e) { this.receive({what: 'failed', message: e.message}) }
  }
  pause() {
    if (this.run.loading) { this.reset(); return this.redraw() }
    this.run.status = 'paused';
    this.link.send({do: 'pause'});
    this.redraw();
  }

  receive(data) {
    const run = this.run;
    if (data.what === 'step') { run.step = data.step; run.loading = false }
    if (data.what === 'report') {
      Object.assign(run, {step: data.step, rate: data.rate, models: data.models});
      data.models.forEach((m, i) => (run.curves[i] ??= []).push([data.step, m.cost]));
    }
    if (data.what === 'done' || data.what === 'paused') run.status = data.what;
    if (data.what === 'failed') Object.assign(run, {status: 'failed', message: data.message});
    if (data.what === 'broken') Object.assign(run, {status: 'failed', message: `the loss became NaN at step ${data.step}: lower the learning rate and start over`});
    this.redraw();
  }
  draw() {
    for (const v of this.views) v.draw(this);
    this.side.set(this.state.view);
    this.answers.el.hidden = this.state.view !== 'objects';
    this.pixel.el.hidden = this.state.view !== 'pixel';
    this.code.textContent = this.python();
    Object.assign(this.root.dataset, {state: this.run.status, step: this.run.step});
  }
  python() {
    const {red, noise, steps, rate, width, how, T} = this.state, p = red/100;
    const lines = [`COLORS['shirt'] = ((${p}, 52., 28.), (${+(1-p).toFixed(2)}, 14., -48.))`, `def draw(i): return ambiguous_shapes(16, 32, seed=i, noise=${noise/100})[0]`];
    for (const loss of this.losses) {
      const classes = loss.endsWith('_ce'), codec = loss === 'rebalanced_ce' ? 'JointBins().with_prior(prior)' : classes ? 'JointBins()' : 'LabAB()';
      lines.push('');
      if (loss === 'rebalanced_ce') lines.push('prior = color_prior(JointBins(), map(draw, range(8)))');
      lines.push(`dls = stream_loaders(GeneratedBatches(draw, ${steps}), GeneratedBatches(draw, 1, fresh=False), ${codec}, size=32)`,
        `learn = colorize_learner(dls, loss='${loss}', model_kwargs=dict(widths=(${width},${2*width},${2*width})), wd=0.) # ${NAMES[loss]}`, `learn.fit_one_cycle(1, ${rate})`,
        'x, y = learn.dls.valid.one_batch()', `show_photos(learn.dls.codec.decode(x, learn.model.eval()(x)${classes ? `, how='${how}'${how === 'annealed' ? `, T=${T}` : ''}` : ''}))`);
    }
    return ['from colorize_nb.all import *', '', ...lines].join('\n');
  }
}
function skipTo(words, go) { // add a link at the top of the page for keyboard users
  const link = h('a', {class: 'skip-steps', href: '#playground-panel', onclick: e => { e.preventDefault(); go() }}, words), first = document.querySelector('#pst-skip-link');
  if (first) first.after(link); else document.body.prepend(link);
}
const root = document.querySelector('#playground-panel');
if (root) new Playground(root);
