// CIEDE2000 with kL=kC=kH=1 (Sharma, Wu and Dalal 2005).
const {PI, sqrt, cos, sin, atan2, exp, hypot} = Math, SEVEN = 25**7;
const damp = C => sqrt(C**7/(C**7+SEVEN));
const hue = (a, b) => a || b ? (atan2(b, a) + 2*PI) % (2*PI) : 0;
const weight = h => 1 - .17*cos(h-PI/6) + .24*cos(2*h) + .32*cos(3*h+PI/30) - .2*cos(4*h-.35*PI);

export function ciede2000([L1, a1, b1], [L2, a2, b2]) {
  const G = 1.5 - .5*damp((hypot(a1, b1)+hypot(a2, b2))/2);
  const C1 = hypot(G*a1, b1), C2 = hypot(G*a2, b2), h1 = hue(G*a1, b1);
  let dh = hue(G*a2, b2) - h1;
  if (dh > PI) dh -= 2*PI; else if (dh < -PI) dh += 2*PI;
  const L = (L1+L2)/2, C = (C1+C2)/2, h = (h1+dh/2+2*PI) % (2*PI);
  const dL = (L2-L1)/(1 + .015*(L-50)**2/sqrt(20+(L-50)**2)), dC = (C2-C1)/(1+.045*C);
  const dH = 2*sqrt(C1*C2)*sin(dh/2)/(1+.015*C*weight(h));
  const turn = sin(PI/3*exp(-(((h*180/PI-275)/25)**2)))*2*damp(C);
  return sqrt(Math.max(0, dL**2 + dC**2 + dH**2 - turn*dC*dH));
}
