// Everything that can be chosen on the page, in the address: #loss=l2&red=65 and so on; what is not there is as in START.
export const START = {loss: 'l2', beside: '', red: 65, noise: 0, rate: .01, width: 12, steps: 400, how: 'annealed', T: .38, at: '0,8,8'};
export const CHOICES = {
  loss: ['l2', 'l1', 'smooth_l1', 'soft_ce', 'rebalanced_ce'], beside: ['', 'l2', 'l1', 'smooth_l1', 'soft_ce', 'rebalanced_ce'],
  width: [8, 12, 16, 24], steps: [200, 400, 800, 1600], how: ['mean', 'annealed', 'mode'],
};
export const RANGES = {red: [0, 100, 1], noise: [0, 200, 5], rate: [.001, .03, .001], T: [0, 1, .01]};
export const RETRAIN = ['loss', 'beside', 'width'], LIVE = ['red', 'noise', 'rate', 'steps']; // need new networks; reach those that train

export const STORY = [
  {name: 'The mean', set: {loss: 'l2', beside: '', red: 65},
    tale: 'Each shirt is red or blue at random, and the gray input does not show which. Squared error (L2) is lowest at the mean of the two. So every shirt turns the same dull pink and every car the same brown, colors that no shirt and no car ever had.'},
  {name: 'The median', set: {loss: 'l2', beside: 'l1', red: 65},
    tale: 'Absolute error (L1) is lowest at the median, so it picks the more frequent color. Move the share of red shirts below 50 while it trains: L1 switches to blue, and L2 only changes its mixture.'},
  {name: 'Classes', set: {loss: 'l2', beside: 'soft_ce', red: 65, how: 'mean'},
    tale: 'A classifier learns how likely each color is. If you use the mean of its distribution, the result is as dull as with L2. But the distribution contains more: point at a shirt to see its two peaks.'},
  {name: 'The mode', set: {loss: 'l2', beside: 'soft_ce', red: 65, how: 'mode'},
    tale: 'This is the same network, decoded to its most likely color. Every shirt turns red, which is wrong for the blue ones. The annealed mean is between the two, and you can change its temperature without training again.'},
  {name: 'Rare colors', set: {loss: 'soft_ce', beside: 'rebalanced_ce', red: 80, how: 'annealed'},
    tale: 'Now only a few shirts are blue, and eight leaves in a hundred are orange. Rebalancing gives rare colors a higher weight in the loss, so the network predicts them more often.'},
];

const fits = {
  choice: (k, v) => CHOICES[k].find(c => String(c) === v),
  range: (k, v) => { const [lo, hi] = RANGES[k]; return v !== '' && Number.isFinite(+v) ? Math.max(lo, Math.min(hi, +v)) : undefined },
  place: v => { const [p, x, y] = v.split(',').map(Number); return [p, x, y].every(Number.isInteger) && p >= 0 && p < 6 && Math.min(x, y) >= 0 && Math.max(x, y) < 16 ? v : undefined },
};
export function read(hash) {
  const state = {...START};
  for (const [k, v] of new URLSearchParams(hash.replace(/^#/, ''))) {
    const value = k in CHOICES ? fits.choice(k, v) : k in RANGES ? fits.range(k, v) : k === 'at' ? fits.place(v) : undefined;
    if (value !== undefined) state[k] = value;
  }
  if (state.beside === state.loss) state.beside = '';
  return state;
}
export const write = state => '#' + Object.keys(START).filter(k => state[k] !== START[k]).map(k => `${k}=${state[k]}`).join('&');
export const story = state => STORY.findIndex(({set}) => Object.entries(set).every(([k, v]) => state[k] === v));
