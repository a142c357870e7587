// Draw a distribution on the ab plane: a disc for each cell, whose area is the probability, and marks for decoded colors.
import {css, inGamut, putLab} from './color.js';

const REACH = 95, SIDE = 360, at = ([a, b]) => [SIDE*(a+REACH)/(2*REACH), SIDE*(REACH-b)/(2*REACH)];
const grounds = new Map();

export function ground(L, side = SIDE) { // the sRGB colors of the plane at lightness L
  const key = `${L}/${side}`;
  if (grounds.has(key)) return grounds.get(key);
  const canvas = Object.assign(document.createElement('canvas'), {width: side, height: side}), pen = canvas.getContext('2d'), image = pen.createImageData(side, side);
  for (let i = 0; i < side*side; i++) {
    const a = 2*REACH*(i%side+.5)/side-REACH, b = REACH-2*REACH*(Math.floor(i/side)+.5)/side;
    if (inGamut(L, a, b)) putLab(image.data, 4*i, L, a, b);
  }
  pen.putImageData(image, 0, 0);
  if (grounds.size > 8) grounds.clear();
  grounds.set(key, canvas);
  return canvas;
}
function mark(pen, ab, draw, ink, paper) {
  pen.save();
  pen.translate(...at(ab));
  for (const [color, width] of [[paper, 6], [ink, 2.5]]) { pen.strokeStyle = color; pen.lineWidth = width; pen.beginPath(); draw(pen); pen.stroke() }
  pen.restore();
}
const MARKS = {
  mean: pen => { pen.moveTo(-8, -8); pen.lineTo(8, 8); pen.moveTo(8, -8); pen.lineTo(-8, 8) },
  annealed: pen => { pen.moveTo(0, -10); pen.lineTo(10, 0); pen.lineTo(0, 10); pen.lineTo(-10, 0); pen.closePath() },
  mode: pen => { pen.moveTo(-9, -6); pen.lineTo(9, -6); pen.lineTo(0, 10); pen.closePath() },
  answer: pen => pen.arc(0, 0, 9, 0, 7),
};
export function plane(canvas, {L, p, centers, marks, dice}, {ink, paper, line}) {
  const pen = canvas.getContext('2d');
  canvas.width = canvas.height = SIDE;
  pen.globalAlpha = .28; pen.drawImage(ground(L), 0, 0); pen.globalAlpha = 1;
  pen.strokeStyle = line; pen.lineWidth = 1;
  pen.beginPath(); pen.moveTo(SIDE/2, 0); pen.lineTo(SIDE/2, SIDE); pen.moveTo(0, SIDE/2); pen.lineTo(SIDE, SIDE/2); pen.stroke();
  for (const [share, ...ab] of dice) { pen.setLineDash([3, 4]); pen.strokeStyle = ink; pen.beginPath(); pen.arc(...at(ab), 4+34*Math.sqrt(share), 0, 7); pen.stroke() }
  pen.setLineDash([]);
  if (p) [...centers.keys()].filter(i => p[i] > 2e-3).sort((i, j) => p[j]-p[i]).forEach(i => {
    pen.fillStyle = css(L, ...centers[i]); pen.strokeStyle = ink; pen.lineWidth = .75;
    pen.beginPath(); pen.arc(...at(centers[i]), 34*Math.sqrt(p[i]), 0, 7); pen.fill(); pen.stroke();
  });
  for (const [name, ab] of Object.entries(marks)) mark(pen, ab, MARKS[name], ink, paper);
}
