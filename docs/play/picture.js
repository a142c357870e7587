// Paint pictures on canvases: lightness at full size, and chroma interpolated from the network's grid.
import {between, putLab} from './color.js';
import {draw} from './shapes.js';
import {OUT} from './task.js';

export const SIDE = 80;
const NEIGHBORS = Array.from({length: SIDE}, (_, i) => { const s = between((i+.5)*OUT/SIDE - .5, 0, OUT-1), lo = Math.min(Math.floor(s), OUT-2); return [lo, s-lo] });

export const sketch = (plan, noiseLevel) => draw(plan, SIDE, noiseLevel); // {L, part}

function fill(canvas, put) {
  const pen = canvas.getContext('2d'), image = pen.createImageData(SIDE, SIDE);
  for (let i = 0; i < SIDE*SIDE; i++) put(image.data, 4*i, i);
  pen.putImageData(image, 0, 0);
}
export const paintGray = (canvas, {L}) => fill(canvas, (data, at, i) => putLab(data, at, L[i], 0, 0));
export const paintTarget = (canvas, {L, part}, [a, b]) => fill(canvas, (data, at, i) => putLab(data, at, L[i], part[i]*a, part[i]*b));

export function paintPrediction(canvas, {L}, chroma) { // chroma is a Float32Array of OUT*OUT pairs a, b
  fill(canvas, (data, at, i) => {
    const [x, fx] = NEIGHBORS[i%SIDE], [y, fy] = NEIGHBORS[Math.floor(i/SIDE)], p = 2*(y*OUT+x), q = p+2*OUT;
    const mix = c => (1-fy)*((1-fx)*chroma[p+c]+fx*chroma[p+2+c]) + fy*((1-fx)*chroma[q+c]+fx*chroma[q+2+c]);
    putLab(data, at, L[i], mix(0), mix(1));
  });
}
