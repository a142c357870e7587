// Find the cells of the prediction that are entirely inside an object, with a margin. Their best color only depends on the kind of object.
import {KINDS} from './shapes.js';
import {OUT, RATIO, SIZE} from './task.js';

export function inside({part, kind}) { // -> {kind: [indices of cells]}
  const isInside = (p, x, y) => {
    for (let j = RATIO*Math.max(0, y-1); j < RATIO*Math.min(OUT, y+2); j++) for (let i = RATIO*Math.max(0, x-1); i < RATIO*Math.min(OUT, x+2); i++) if (!part[p*SIZE**2+j*SIZE+i]) return false;
    return true;
  };
  const out = Object.fromEntries(KINDS.map(k => [k, []]));
  kind.forEach((k, p) => { for (let i = 0; i < OUT**2; i++) if (isInside(p, i%OUT, Math.floor(i/OUT))) out[KINDS[k]].push(p*OUT**2+i) });
  return out;
}
