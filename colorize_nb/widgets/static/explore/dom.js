// Elements, sliders, and choices.
export function h(tag, attributes = {}, ...children) {
  const el = document.createElement(tag);
  for (const [k, v] of Object.entries(attributes)) if (k.startsWith('on')) el.addEventListener(k.slice(2), v); else if (v === true) el.setAttribute(k, ''); else if (v !== false && v != null) el.setAttribute(k, v);
  el.append(...children.flat().filter(c => c != null));
  return el;
}
const page = Math.random().toString(36).slice(2, 8); // in a notebook, each panel loads this file again
let count = 0;
const unique = () => `knob-${page}-${++count}`;

export function slider(label, [min, max, step], value, words, change) { // {el, set}
  const id = unique(), input = h('input', {type: 'range', id, min, max, step}), said = h('output', {for: id});
  const set = v => { input.value = v; said.value = words(v); input.setAttribute('aria-valuetext', words(v)) };
  input.addEventListener('input', () => { set(+input.value); change(+input.value) });
  set(value);
  const title = h('label', {for: id}, label), name = words => { title.textContent = words };
  return {el: h('div', {class: 'knob'}, title, said, input), set, name, input};
}
export function choice(label, options, value, change) { // options: [[value, words]]
  const id = unique(), select = h('select', {id}, options.map(([v, words]) => h('option', {value: v}, words)));
  const set = v => { select.value = v };
  select.addEventListener('change', () => change(options[select.selectedIndex][0]));
  set(value);
  return {el: h('div', {class: 'knob'}, h('label', {for: id}, label), select), set};
}
export function radios(label, options, value, change) {
  const name = unique(), set = v => { for (const i of el.querySelectorAll('input')) i.checked = i.value === v };
  const el = h('fieldset', {class: 'radios'}, h('legend', {}, label), options.map(([v, words]) => h('label', {}, h('input', {type: 'radio', name, value: v, onchange: () => change(v)}), h('span', {}, words))));
  set(value);
  return {el, set};
}
export function copier(code, before = '') { // a button that copies the text of an element
  const button = h('button', {type: 'button', class: 'copy', onclick: async () => {
    try { await navigator.clipboard.writeText(before + code.textContent); button.textContent = 'Copied' }
    catch { getSelection().selectAllChildren(code); button.textContent = 'Selected: press Ctrl+C' }
    setTimeout(() => { button.textContent = 'Copy' }, 2000);
  }}, 'Copy');
  return button;
}
export function later(draw) { // at most once a frame
  let asked = false;
  return () => { if (!asked) { asked = true; requestAnimationFrame(() => { asked = false; draw() }) } };
}
const IMPORT = 'from colorize_nb.all import *\n\n';
export const shown = code => h('div', {class: 'code'}, copier(code, IMPORT), h('pre', {tabindex: 0}, code)); // copied with the import that it needs
export const fill = (template, values) => template.replace(/\{(\w+)\}/g, (_, k) => values[k]);
export function theme() { // colors of the page, on the site and in JupyterLab
  const style = getComputedStyle(document.body), first = (...names) => names.map(n => style.getPropertyValue(n).trim()).find(v => v);
  return {ink: first('--pst-color-text-base', '--jp-ui-font-color1') ?? '#111', paper: first('--pst-color-background', '--jp-layout-color0') ?? '#fff', line: first('--pst-color-border', '--jp-border-color2') ?? '#bbb'};
}
