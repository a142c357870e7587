// Elements, sliders and choices.
export function h(tag, attributes = {}, ...children) {
  const el = document.createElement(tag);
  for (const [k, v] of Object.entries(attributes)) if (k.startsWith('on')) el.addEventListener(k.slice(2), v); else if (v === true) el.setAttribute(k, ''); else if (v !== false && v != null) el.setAttribute(k, v);
  el.append(...children.flat().filter(c => c != null));
  return el;
}
let count = 0;

export function slider(label, [min, max, step], value, words, change) { // {el, set}
  const id = `knob${++count}`, input = h('input', {type: 'range', id, min, max, step}), said = h('output', {for: id});
  const set = v => { input.value = v; said.value = words(v); input.setAttribute('aria-valuetext', words(v)) };
  input.addEventListener('input', () => { set(+input.value); change(+input.value) });
  set(value);
  return {el: h('div', {class: 'knob'}, h('label', {for: id}, label), said, input), set, input};
}
export function choice(label, options, value, change) { // options: [[value, words]]
  const id = `knob${++count}`, select = h('select', {id}, options.map(([v, words]) => h('option', {value: v}, words)));
  const set = v => { select.value = v };
  select.addEventListener('change', () => change(options[select.selectedIndex][0]));
  set(value);
  return {el: h('div', {class: 'knob'}, h('label', {for: id}, label), select), set};
}
export function radios(label, options, value, change) {
  const name = `knob${++count}`, set = v => { for (const i of el.querySelectorAll('input')) i.checked = i.value === v };
  const el = h('fieldset', {class: 'radios'}, h('legend', {}, label), options.map(([v, words]) => h('label', {}, h('input', {type: 'radio', name, value: v, onchange: () => change(v)}), h('span', {}, words))));
  set(value);
  return {el, set};
}
export function copier(code) { // a button that copies the text of an element
  const button = h('button', {type: 'button', class: 'copy', onclick: async () => {
    try { await navigator.clipboard.writeText(code.textContent); button.textContent = 'Copied' }
    catch { getSelection().selectAllChildren(code); button.textContent = 'Selected: press Ctrl+C' }
    setTimeout(() => { button.textContent = 'Copy' }, 2000);
  }}, 'Copy');
  return button;
}
export function later(draw) { // at most once a frame
  let asked = false;
  return () => { if (!asked) { asked = true; requestAnimationFrame(() => { asked = false; draw() }) } };
}
