// The state of the page, stored in the URL: #step=2&red=40 and so on. Each step of the story sets the controls, and the URL contains the differences from it.
export const START = {step: 1, loss: 'l2', compare: '', red: 65, noise: 0, rate: .01, width: 12, steps: 400, how: 'annealed', T: .38, view: 'objects', at: '0,8,8'};
export const CHOICES = {
  loss: ['l2', 'l1', 'smooth_l1', 'soft_ce', 'rebalanced_ce'], compare: ['', 'l2', 'l1', 'smooth_l1', 'soft_ce', 'rebalanced_ce'],
  width: [8, 12, 16, 24], steps: [200, 400, 800, 1600], how: ['mean', 'annealed', 'mode'], view: ['objects', 'pixel'],
};
export const RANGES = {red: [0, 100, 1], noise: [0, 200, 5], rate: [.001, .03, .001], T: [0, 1, .01]};
export const RETRAIN = ['loss', 'compare', 'width'], LIVE = ['red', 'noise', 'rate', 'steps']; // the first need new networks, and the others affect networks that are training

// The steps of the story, with settings, text, and tasks. A task is checked off when its `done` is true for the state of the page (see view_story.js).
export const STORY = [
  {name: 'The mean', set: {loss: 'l2', compare: '', red: 65},
    text: 'Each shirt is red or blue at random, and the gray input doesn\u2019t show which. Squared error (L2) is lowest at the mean of the two. So every shirt turns the same dull pink and every car the same brown, colors that no shirt and no car ever had.',
    tasks: [
      {words: 'Press Train, and wait until the shirts settle on a color', done: s => s.trained && s.apart('l2', 'shirt') < 8, then: s => `all shirts are ${s.named('l2', 'shirt')}`},
      {words: 'Change the share of red shirts, and watch the mixture follow', done: s => s.trained && s.red !== 65 && s.apart('l2', 'shirt') < 8, then: s => `${s.named('l2', 'shirt')} at ${s.red}% red`}]},
  {name: 'The median', set: {loss: 'l2', compare: 'l1', red: 65},
    text: 'Absolute error (L1) is lowest at the median, so it picks the more frequent color. L2 only changes its mixture when the shares change, but L1 switches from one color to the other.',
    tasks: [
      {words: 'Wait until L1 has picked a color', done: s => s.trained && s.apart('l1', 'shirt') < 12, then: s => `L1 shows ${s.named('l1', 'shirt')} shirts`},
      {words: 'Move the share of red shirts below 50', done: s => s.red < 50, then: s => `${s.red}% red`},
      {words: 'Wait until L1 switches to the other color', done: s => s.trained && s.red < 50 && s.apart('l1', 'shirt') < 12, then: s => `now L1 shows ${s.named('l1', 'shirt')} shirts`}]},
  {name: 'Classes', set: {loss: 'l2', compare: 'soft_ce', red: 65, how: 'mean', view: 'pixel'},
    text: 'A classifier learns how likely each color is. If you use the mean of its distribution, the result is as dull as with L2. But the distribution contains more: point at a shirt to see its two peaks.',
    tasks: [
      {words: 'Wait until the two rows of predictions look alike', done: s => s.trained && s.how === 'mean' && s.apart('soft_ce', 'shirt') < 10, then: () => 'both show a mixture'},
      {words: 'Point at a pixel of a car', done: s => s.trained && s.pointed === 'car', then: () => 'one disc for each color of cars'}]},
  {name: 'The mode', set: {loss: 'l2', compare: 'soft_ce', red: 65, how: 'mode', view: 'objects'},
    text: 'This is the same network, decoded to its most likely color. Every shirt turns red, which is wrong for the blue ones. The annealed mean is between the two, and you can change its temperature without training again.',
    tasks: [
      {words: 'Wait until every shirt is red', done: s => s.trained && s.how === 'mode' && s.apart('soft_ce', 'shirt') < 10, then: s => `the mode is ${s.named('soft_ce', 'shirt')}`},
      {words: 'Choose the annealed mean, and move the temperature', done: s => s.trained && s.how === 'annealed' && s.T !== .38, then: s => `${s.named('soft_ce', 'shirt')} at T ${s.T}`}]},
  {name: 'Rare colors', set: {loss: 'soft_ce', compare: 'rebalanced_ce', red: 80, how: 'annealed', view: 'objects'},
    text: 'Now only a few shirts are blue, and eight leaves in a hundred are orange. Rebalancing gives rare colors a higher weight in the loss, so the network predicts them more often.',
    tasks: [
      {words: 'Wait until the rebalanced leaves are less green than the others', done: s => s.trained && s.a('rebalanced_ce', 'leaf') > s.a('soft_ce', 'leaf')+4, then: s => `${s.named('rebalanced_ce', 'leaf')} instead of ${s.named('soft_ce', 'leaf')}`},
      {words: 'Make blue shirts rarer still: 90% red or more', done: s => s.trained && s.red >= 90 && s.apart('rebalanced_ce', 'shirt') < 14, then: s => `${s.named('rebalanced_ce', 'shirt')} with rebalancing, ${s.named('soft_ce', 'shirt')} without`}]},
];
export const base = step => ({...START, ...STORY[step-1]?.set, step}); // step 0 is the reader's own experiment

const parse = {
  choice: (k, v) => CHOICES[k].find(c => String(c) === v),
  range: (k, v) => { const [lo, hi] = RANGES[k]; return v !== '' && Number.isFinite(+v) ? Math.max(lo, Math.min(hi, +v)) : undefined },
  position: v => { const [p, x, y] = v.split(',').map(Number); return [p, x, y].every(Number.isInteger) && p >= 0 && p < 6 && Math.min(x, y) >= 0 && Math.max(x, y) < 16 ? v : undefined },
};
export function read(hash) {
  const given = new URLSearchParams(hash.replace(/^#/, '')), step = given.get('step'), known = step !== null && /^[0-5]$/.test(step);
  const state = base(known ? +step : [...given.keys()].length ? 0 : 1);
  for (const [k, v] of given) {
    const value = k in CHOICES ? parse.choice(k, v) : k in RANGES ? parse.range(k, v) : k === 'at' ? parse.position(v) : undefined;
    if (value !== undefined) state[k] = value;
  }
  if (state.compare === state.loss) state.compare = '';
  return state;
}
export const changed = state => { const from = base(state.step); return Object.keys(START).filter(k => state[k] !== from[k]) };
export function write(state) {
  const parts = changed(state).map(k => `${k}=${state[k]}`);
  return '#' + (state.step === 1 && !parts.length ? '' : [`step=${state.step}`, ...parts].join('&'));
}
