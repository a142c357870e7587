// What a photo loses when its colors become classes.
import {quantize} from './bins.js';
import {ciede2000} from './ciede.js';
import {fill, h, later, radios, shown, slider, theme} from './dom.js';
import {show} from './photo.js';
import {ground} from './plane.js';
import {RANGES} from './ranges.js';

const REACH = 95, SIDE = 360, KINDS = [['uniform', 'equal width'], ['density', 'equal share of pixels'], ['joint', 'joint cells']];
const x = a => SIDE*(a+REACH)/(2*REACH), y = b => SIDE*(REACH-b)/(2*REACH);

export class Bins {
  constructor({kind, n, grid}, tell, templates) {
    this.templates = templates;
    this.state = {kind, n, grid};
    this.draw = later(() => this.now());
    const set = k => v => { this.state[k] = v; this.draw(); tell({[k]: v}) };
    this.n = slider('Bins for a, and for b', RANGES.n, n, v => `${v} and ${v}, ${v*v} colors`, set('n'));
    this.grid = slider('Width of a cell', RANGES.grid, grid, v => `${v} units of a and b`, set('grid'));
    this.kinds = radios('Classes', KINDS, kind, set('kind'));
    this.frames = ['the photo', 'after a round trip through the bins'].map(name => { const canvas = h('canvas', {role: 'img', 'aria-label': name}); return {canvas, el: h('figure', {}, canvas, h('figcaption', {}, name))} });
    this.plane = h('canvas', {role: 'img', width: SIDE, height: SIDE});
    this.said = h('p', {class: 'said', role: 'status'});
    this.code = h('code', {});
    this.el = h('section', {class: 'bins'}, h('h2', {}, 'Colors put into bins'), h('p', {}, 'A classifier can only predict the colors of its classes. How much does that alone lose?'),
      this.kinds.el, h('div', {class: 'knobgrid'}, this.n.el, this.grid.el), this.said, h('div', {class: 'pictures4'}, this.frames.map(f => f.el)),
      h('figure', {class: 'planefigure'}, this.plane, h('figcaption', {}, 'Pixels of the photo on the ab plane, with the edges of the bins or the centers of the cells')), shown(this.code));
  }
  take(state) { Object.assign(this.state, state); this.kinds.set(state.kind); this.n.set(state.n); this.grid.set(state.grid); this.draw() }
  set(photo) { this.photo = photo; this.draw() }
  now() {
    if (!this.photo) return;
    const {kind, n, grid} = this.state, {L, a, b} = this.photo, q = quantize(this.photo, this.state), joint = kind === 'joint';
    this.n.el.hidden = joint; this.grid.el.hidden = !joint;
    show(this.frames[0].canvas, this.photo, (i, o) => { o[0] = L[i]; o[1] = a[i]; o[2] = b[i] });
    show(this.frames[1].canvas, this.photo, (i, o) => { o[0] = L[i]; o[1] = q.a[i]; o[2] = q.b[i] });
    let far = 0, count = 0;
    for (let i = 0; i < L.length; i += 7, count++) far += ciede2000([L[i], a[i], b[i]], [L[i], q.a[i], q.b[i]]);
    this.said.textContent = `${q.used} of ${q.all} colors used. CIEDE2000 ${(far/count).toFixed(2)}: the lowest error that a network with these classes can reach`;
    this.lines(q);
    this.code.textContent = fill(this.templates[kind], this.state);
  }
  lines({edges, centers}) {
    const pen = this.plane.getContext('2d'), {a, b} = this.photo;
    pen.clearRect(0, 0, SIDE, SIDE);
    pen.globalAlpha = .5; pen.drawImage(ground(65), 0, 0); pen.globalAlpha = 1;
    pen.fillStyle = pen.strokeStyle = theme().ink;
    for (let i = 0; i < a.length; i += 7) pen.fillRect(x(a[i])-.7, y(b[i])-.7, 1.4, 1.4);
    pen.globalAlpha = .55; pen.lineWidth = .8; pen.beginPath();
    for (const v of edges?.[0] ?? []) { pen.moveTo(x(v), 0); pen.lineTo(x(v), SIDE) }
    for (const v of edges?.[1] ?? []) { pen.moveTo(0, y(v)); pen.lineTo(SIDE, y(v)) }
    for (const [u, v] of centers ?? []) { pen.moveTo(x(u)-3, y(v)); pen.lineTo(x(u)+3, y(v)); pen.moveTo(x(u), y(v)-3); pen.lineTo(x(u), y(v)+3) }
    pen.stroke(); pen.globalAlpha = 1;
    this.plane.setAttribute('aria-label', `The photo's pixels on the ab plane with ${centers ? `${centers.length} cells` : `${edges[0].length-1} bins for a and for b`}`);
  }
}
