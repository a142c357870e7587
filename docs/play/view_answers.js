// For each kind of object: the true shares of its colors, and the prediction next to the best possible one.
import {ciede2000} from './ciede.js';
import {colorName} from './names.js';
import {css} from './color.js';
import {h} from './dom.js';
import {KINDS} from './shapes.js';
import {average, colors, NAMES} from './task.js';

const L = 55, PLURAL = {shirt: 'Shirts', leaf: 'Leaves', car: 'Cars'};

export class Answers {
  constructor() {
    this.cards = KINDS.slice(1).map(kind => { const shares = h('div', {class: 'shares', role: 'img'}), pairs = h('div', {}); return {kind, shares, pairs, el: h('article', {class: 'card', 'data-kind': kind}, h('h3', {}, PLURAL[kind]), shares, pairs)} });
    this.el = h('div', {class: 'answers'}, h('p', {class: 'legend'}, 'Bar: true shares. Halves: prediction | best possible'), h('div', {class: 'cards'}, this.cards.map(c => c.el)));
  }
  draw({state, run, tasks}) {
    const red = state.red/100, table = colors(red), {how, T} = state;
    this.cards.forEach(({kind, shares, pairs}, k) => {
      const possible = table[kind].filter(([p]) => p > 0);
      shares.replaceChildren(...possible.map(([p, ...ab]) => { const s = h('span', {}); s.style.flexGrow = p; s.style.background = css(L, ...ab); return s }));
      shares.setAttribute('aria-label', `true shares of a ${kind}: ${possible.map(([p]) => `${Math.round(100*p)}%`).join(', ')}`);
      while (pairs.children.length > tasks.length) pairs.lastChild.remove();
      while (pairs.children.length < tasks.length) pairs.append(h('figure', {class: 'pair'}, h('div', {class: 'swatches', role: 'img'}, h('span', {}), h('span', {})), h('figcaption', {}, h('b', {}), h('span', {}))));
      tasks.forEach((t, i) => this.pair(pairs.children[i], t, run.models?.[i], kind, k, red, how, T));
    });
  }
  pair(el, task, model, kind, k, red, how, T) {
    const [predicted, best] = el.querySelectorAll('.swatches span'), [name, words] = el.querySelector('figcaption').children, at = task.best(kind, red, how, T), got = model && average(task, model.kinds[k], how, T);
    best.style.background = css(L, ...at);
    predicted.style.background = got ? css(L, ...got) : css(L, 0, 0);
    name.textContent = NAMES[task.loss];
    const error = got && ciede2000([L, ...got], [L, ...at]), round = ab => ab.map(v => v.toFixed(0)).join(', ');
    words.textContent = `${got ? colorName(...got) : 'not trained'} | ${colorName(...at)}`;
    el.title = got ? `difference ${error.toFixed(1)} (CIEDE2000)` : 'not trained yet';
    Object.assign(el.dataset, {loss: task.loss, got: got ? round(got) : '', best: round(at), apart: got ? error.toFixed(2) : ''});
    el.firstChild.setAttribute('aria-label', `${kind}, ${NAMES[task.loss]}: ${got ? `predicted ${colorName(...got)}, a, b ${round(got)}` : 'no prediction yet'}; best possible ${colorName(...at)}, ${round(at)}`);
  }
}
