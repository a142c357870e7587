// A photo split into lightness and two color channels.
import {fill, h, later, shown, slider} from './dom.js';
import {ground} from './plane.js';
import {RANGES} from './ranges.js';
import {show} from './photo.js';

const REACH = 95, SIDE = 360, WORDS = {L: v => `L times ${v}`, a: v => `a times ${v}`, b: v => `b times ${v}`, plane: v => `pixels with L from ${v-4} to ${v+4}`};
const NAMES = {L: 'Lightness', a: 'a, green to red', b: 'b, blue to yellow', plane: 'Plane at L'}, KNOBS = Object.keys(NAMES);

export class Lab {
  constructor(first, tell, template) {
    this.template = template;
    this.state = Object.fromEntries(KNOBS.map(k => [k, first[k]]));
    this.draw = later(() => this.now());
    this.knobs = Object.fromEntries(KNOBS.map(k => [k, slider(NAMES[k], RANGES[k], this.state[k], WORDS[k], v => { this.state[k] = v; this.draw(); tell({[k]: v}) })]));
    this.frames = ['the photo', 'L', 'a alone, at L = 60', 'b alone, at L = 60'].map(name => { const canvas = h('canvas', {role: 'img', 'aria-label': name}); return {canvas, el: h('figure', {}, canvas, h('figcaption', {}, name))} });
    this.plane = h('canvas', {role: 'img', width: SIDE, height: SIDE});
    this.code = h('code', {});
    this.el = h('section', {class: 'lab'}, h('h2', {}, 'Lab: one lightness, two colors'), h('p', {}, 'A colorizer sees L and predicts a and b.'), h('div', {class: 'knobgrid'}, KNOBS.map(k => this.knobs[k].el)),
      h('div', {class: 'beside'}, h('div', {class: 'pictures4'}, this.frames.map(f => f.el)), h('figure', {class: 'planefigure'}, this.plane, h('figcaption', {}, 'The part of the ab plane that a screen can display at this L. Dots are pixels of the photo.'))), shown(this.code));
  }
  take(state) { for (const k of KNOBS) { this.state[k] = state[k]; this.knobs[k].set(state[k]) } this.draw() }
  set(photo) { this.photo = photo; this.draw() }
  now() {
    if (!this.photo) return;
    const {L: kL, a: ka, b: kb, plane} = this.state, {L, a, b} = this.photo, put = (i, f) => show(this.frames[i].canvas, this.photo, f);
    put(0, (i, o) => { o[0] = kL*L[i]; o[1] = ka*a[i]; o[2] = kb*b[i] });
    put(1, (i, o) => { o[0] = Math.min(100, kL*L[i]); o[1] = o[2] = 0 });
    put(2, (i, o) => { o[0] = 60; o[1] = ka*a[i]; o[2] = 0 });
    put(3, (i, o) => { o[0] = 60; o[1] = 0; o[2] = kb*b[i] });
    const pen = this.plane.getContext('2d');
    pen.clearRect(0, 0, SIDE, SIDE);
    pen.drawImage(ground(plane), 0, 0);
    pen.fillStyle = plane > 50 ? '#000' : '#fff';
    let shown = 0;
    for (let i = 0; i < L.length; i += 3) if (Math.abs(kL*L[i]-plane) < 4) { shown++; pen.fillRect(SIDE*(ka*a[i]+REACH)/(2*REACH)-.7, SIDE*(REACH-kb*b[i])/(2*REACH)-.7, 1.4, 1.4) }
    this.plane.setAttribute('aria-label', `The ab plane at L = ${plane} with ${shown} pixels of the photo`);
    this.code.textContent = fill(this.template, this.state);
  }
}
