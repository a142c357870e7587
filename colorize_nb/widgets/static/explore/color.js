// sRGB and CIELAB (D65, 2 degrees), as in colorize_nb/color/space.py.
const WHITE = [.95047, 1, 1.08883];
const TO_XYZ = [[.412453, .357580, .180423], [.212671, .715160, .072169], [.019334, .119193, .950227]].map((row, i) => row.map(v => v/WHITE[i]));

function inverse([[a, b, c], [d, e, f], [g, h, i]]) {
  const A = e*i-f*h, B = f*g-d*i, C = d*h-e*g, det = a*A + b*B + c*C;
  return [[A, c*h-b*i, b*f-c*e], [B, a*i-c*g, c*d-a*f], [C, b*g-a*h, a*e-b*d]].map(r => r.map(v => v/det));
}
const FROM_XYZ = inverse(TO_XYZ);
const linear = v => v > .04045 ? ((v+.055)/1.055)**2.4 : v/12.92;
const gamma = v => v > .0031308 ? 1.055*v**(1/2.4) - .055 : 12.92*v;
const f = t => t > (6/29)**3 ? Math.cbrt(t) : t*841/108 + 4/29;
const unf = t => t > 6/29 ? t*t*t : (t-4/29)*108/841;
export const between = (v, lo, hi) => Math.max(lo, Math.min(hi, v));

export function rgb2lab(r, g, b) { // r, g, and b from 0 to 1
  const rgb = [linear(r), linear(g), linear(b)];
  const [x, y, z] = TO_XYZ.map(m => f(m[0]*rgb[0] + m[1]*rgb[1] + m[2]*rgb[2]));
  return [116*y-16, 500*(x-y), 200*(y-z)];
}

const light = [0, 0, 0];
function lab2linear(L, a, b) {
  const fy = (L+16)/116, x = unf(fy+a/500), y = unf(fy), z = unf(fy-b/200);
  for (let k = 0; k < 3; k++) light[k] = FROM_XYZ[k][0]*x + FROM_XYZ[k][1]*y + FROM_XYZ[k][2]*z;
  return light;
}
export const lab2rgb = (L, a, b) => Array.from(lab2linear(L, a, b), gamma); // unclipped
export const inGamut = (L, a, b, tol = 1e-4) => lab2rgb(L, a, b).every(v => Math.abs(v-.5) <= .5+tol);

// 8-bit sRGB values of linear light from 0 to 1, in steps of 1/4096
const BYTES = Uint8ClampedArray.from({length: 4097}, (_, i) => Math.round(255*gamma(i/4096)));
export function putLab(data, at, L, a, b) { // clips to sRGB
  lab2linear(L, a, b);
  for (let k = 0; k < 3; k++) data[at+k] = BYTES[between(Math.round(4096*light[k]), 0, 4096)];
  data[at+3] = 255;
}

function toGamut(L, a, b) { // reduces chroma until the color is in sRGB, and keeps L and hue
  let lo = 0, hi = 1;
  if (inGamut(L, a, b)) lo = 1;
  else for (let k = 0; k < 12; k++) { const mid = (lo+hi)/2; if (inGamut(L, a*mid, b*mid)) lo = mid; else hi = mid }
  return lab2rgb(L, a*lo, b*lo).map(v => between(v, 0, 1));
}
export const css = (L, a, b) => `rgb(${toGamut(L, a, b).map(v => Math.round(255*v)).join(' ')})`;
