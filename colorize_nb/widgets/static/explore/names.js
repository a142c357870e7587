// The name of a color by its a and b, for objects of medium lightness.
const HUES = [[18, 'pink'], [48, 'red'], [78, 'orange'], [108, 'yellow'], [168, 'green'], [240, 'teal'], [300, 'blue'], [348, 'purple'], [361, 'pink']];
const DULL = {red: 'brown', orange: 'brown', yellow: 'olive', pink: 'dull pink', green: 'dull green', teal: 'dull teal', blue: 'dull blue', purple: 'dull purple'};

export function colorName(a, b) {
  const chroma = Math.hypot(a, b), hue = (Math.atan2(b, a)*180/Math.PI+360)%360;
  if (chroma < 8) return 'gray';
  const name = HUES.find(([end]) => hue < end)[1];
  return chroma < 41 ? DULL[name] : name;
}
