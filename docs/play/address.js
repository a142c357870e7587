// The state of the explorers in the URL: #T=0.5&a=-1&photo=china and so on. The URL leaves out the values in START, and invalid values are ignored.
import {RANGES} from './ranges.js';

export const START = {
  colors: ['d83c3e', '2877d6', '808080', '3a9a4b', 'e0b040'], weights: [60, 40, 0, 0, 0], T: .38,
  L: 1, a: 1, b: 1, plane: 60, kind: 'uniform', n: 10, grid: 10, photo: 'coffee',
};
export const PHOTOS = {coffee: 'Coffee', chelsea: 'Chelsea', flower: 'Flower', china: 'China', motorcycle: 'Motorcycle'};
const KINDS = ['uniform', 'density', 'joint'];

const number = (v, [lo, hi]) => v.trim() !== '' && Number.isFinite(+v) ? Math.max(lo, Math.min(hi, +v)) : undefined;
const whole = list => list.length === START.colors.length && !list.includes(undefined) ? list : undefined;
const fits = (k, v) => k in RANGES ? number(v, RANGES[k])
  : k === 'colors' ? whole(v.split(',').map(c => /^[0-9a-f]{6}$/i.test(c) ? c.toLowerCase() : undefined))
  : k === 'weights' ? whole(v.split(',').map(w => number(w, [0, 100])))
  : k === 'kind' ? KINDS.find(c => c === v)
  : k === 'photo' ? Object.keys(PHOTOS).find(c => c === v) : undefined;

export function read(hash) {
  const state = structuredClone(START);
  for (const [k, v] of new URLSearchParams(hash.replace(/^#/, ''))) {
    const value = fits(k, v);
    if (value !== undefined) state[k] = value;
  }
  return state;
}
export const write = state => '#' + Object.keys(START).filter(k => String(state[k]) !== String(START[k])).map(k => `${k}=${state[k]}`).join('&');
