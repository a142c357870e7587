// The page of explorers, for photos of the gallery or your own. Also, a live explorer for each element with the data of one.
import {PHOTOS, read, write} from './address.js';
import explore from './explore.js';
import {Bins} from './explore_bins.js';
import {Lab} from './explore_lab.js';
import {Sepia} from './explore_sepia.js';
import {h} from './dom.js';
import {code} from './facts.json';
import {open} from './photo.js';

const SIDE = 300;
const root = document.querySelector('#explorer-panels');

async function main() {
  const state = read(location.hash);
  let waits;
  const tell = set => { Object.assign(state, set); clearTimeout(waits); waits = setTimeout(() => history.replaceState(null, '', write(state)), 200) };
  const sepia = new Sepia(state, tell, code.sepia), lab = new Lab(state, tell, code.lab), bins = new Bins(state, tell, code.bins), said = h('p', {class: 'said', role: 'status'});
  const use = async (load, name) => {
    try { const photo = await open(await load(), SIDE); lab.set(photo); bins.set(photo); said.textContent = `${name}: ${photo.w} x ${photo.h} pixels`; root.dataset.photo = name; for (const b of examples) b.setAttribute('aria-pressed', b.textContent === name) }
    catch (e) { said.textContent = `${name} can't be read by this browser; try a JPEG, PNG, or WebP` }
  };
  const get = name => async () => { const image = Object.assign(new Image(), {src: new URL(`_static/gallery/${name}-target.jpg`, document.baseURI).href}); await image.decode(); return image };
  const pick = h('input', {type: 'file', accept: 'image/*', onchange: e => e.target.files[0] && use(async () => e.target.files[0], e.target.files[0].name)});
  const examples = Object.entries(PHOTOS).map(([n, words]) => h('button', {type: 'button', 'aria-pressed': 'false', onclick: () => { use(get(n), words); tell({photo: n}) }}, words));
  const photos = h('section', {'aria-label': 'The photo'}, h('h2', {}, 'Choose a photo for the next two panels'), h('div', {class: 'choices'}, examples, h('label', {class: 'own'}, 'your own: ', pick)), said);
  for (const [name, panel] of Object.entries({sepia, lab, bins})) panel.el.id = `${name}-panel`;
  root.replaceChildren(sepia.el, photos, lab.el, bins.el);
  await use(get(state.photo), PHOTOS[state.photo]);
  addEventListener('hashchange', () => { if (location.hash.includes('=') && location.hash !== write(state)) location.reload() });
  new MutationObserver(() => { sepia.draw(); lab.draw(); bins.draw() }).observe(document.documentElement, {attributeFilter: ['data-theme']}); // redraw in the colors of the other theme
}
class Model { // has the methods of a widget's model that `explore` uses
  constructor(values) { this.values = values; this.heard = {} }
  get(key) { return this.values[key] }
  set(key, value) { this.values[key] = value; for (const f of this.heard[key] ?? []) f() }
  on(name, f) { (this.heard[name.replace('change:', '')] ??= []).push(f) }
  save_changes() {}
}
const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
for (const el of document.querySelectorAll('[data-explorer]')) {
  const {photo, data: text, ...values} = JSON.parse(el.dataset.explorer), data = JSON.parse(text ?? '{}'); // only a prediction is data
  delete el.dataset.explorer; // a page loads this script once per panel
  el.replaceChildren();
  explore.render({el, model: new Model({...values, photo: photo && bytes(photo), data: data.logits && {...data, logits: bytes(data.logits)}})});
}
if (root) main();
