// Plot the loss on held-out pictures, and the lowest possible loss as a line.
const W = 600, H = 200, NS = 'http://www.w3.org/2000/svg';
const shape = (tag, attributes) => { const el = document.createElementNS(NS, tag); for (const [k, v] of Object.entries(attributes)) el.setAttribute(k, v); return el };

export function curve(label) { // -> {el, draw([[step, loss]], least, steps)}
  const path = shape('path', {class: 'cost'}), floor = shape('line', {class: 'least', x1: 0, x2: W}), dot = shape('circle', {class: 'now', r: 5});
  const el = shape('svg', {viewBox: `-6 -8 ${W+12} ${H+16}`, role: 'img', 'aria-label': label, preserveAspectRatio: 'none'});
  el.append(shape('line', {class: 'axis', x1: 0, x2: W, y1: H, y2: H}), floor, path, dot);
  return {el, draw(points, least, steps) {
    const most = Math.max(...points.slice(0, 3).map(p => p[1]), least*1.2), last = points.at(-1), low = least-.06*(most-least);
    const x = s => W*s/Math.max(steps, last?.[0] ?? 1), y = v => H*(1-Math.max(0, Math.min(1.02, (v-low)/(most-low))));
    path.setAttribute('d', points.map(([s, v], i) => `${i ? 'L' : 'M'}${x(s).toFixed(1)} ${y(v).toFixed(1)}`).join(''));
    for (const k of ['y1', 'y2']) floor.setAttribute(k, y(least));
    dot.style.display = last ? '' : 'none';
    if (last) { dot.setAttribute('cx', x(last[0])); dot.setAttribute('cy', y(last[1])); el.setAttribute('aria-label', `${label}: ${last[1].toPrecision(3)} at step ${last[0]}; at least ${least.toPrecision(3)}`) }
  }};
}
