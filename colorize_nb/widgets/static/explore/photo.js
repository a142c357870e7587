// Read a photo as Lab at display size, and draw pictures from Lab.
import {putLab, rgb2lab} from './color.js';

const LINEAR = Float64Array.from({length: 256}, (_, i) => i/255);
export async function open(source, side) { // {w, h, L, a, b}
  const bitmap = await createImageBitmap(source), k = Math.min(1, side/Math.max(bitmap.width, bitmap.height));
  const w = Math.max(1, Math.round(bitmap.width*k)), h = Math.max(1, Math.round(bitmap.height*k)), canvas = Object.assign(document.createElement('canvas'), {width: w, height: h}), pen = canvas.getContext('2d');
  pen.imageSmoothingQuality = 'high';
  pen.drawImage(bitmap, 0, 0, w, h);
  return fromPixels(pen.getImageData(0, 0, w, h));
}
function fromPixels({data, width: w, height: h}) {
  const [L, a, b] = [0, 1, 2].map(() => new Float32Array(w*h));
  for (let i = 0; i < w*h; i++) [L[i], a[i], b[i]] = rgb2lab(LINEAR[data[4*i]], LINEAR[data[4*i+1]], LINEAR[data[4*i+2]]);
  return {w, h, L, a, b};
}
export function show(canvas, {w, h}, lab) { // lab(i) fills [L, a, b]
  Object.assign(canvas, {width: w, height: h});
  const pen = canvas.getContext('2d'), image = pen.createImageData(w, h), at = [0, 0, 0];
  for (let i = 0; i < w*h; i++) { lab(i, at); putLab(image.data, 4*i, ...at) }
  pen.putImageData(image, 0, 0);
}
