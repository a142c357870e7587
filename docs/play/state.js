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
    tale: 'Shirts are red or blue by a throw of the dice, and gray on the film. Squared error (L2) is least at the mean, so every shirt gets the same dull rose and every car the same brown: colors that no shirt and no car ever had.'},
  {name: 'The median', set: {loss: 'l2', beside: 'l1', red: 65},
    tale: 'Absolute error (L1) is least at the median: it sides with the more frequent color. Move the dice below 50 while it trains and it changes its mind; L2 only changes its mixture.'},
  {name: 'Classes', set: {loss: 'l2', beside: 'soft_ce', red: 65, how: 'mean'},
    tale: 'A classifier learns how likely each color is. Ask it for the mean and it is as dull as L2. The network knows better than its answer: point at a shirt and see two hills.'},
  {name: 'A decision', set: {loss: 'l2', beside: 'soft_ce', red: 65, how: 'mode'},
    tale: 'The same network, asked for its likeliest color: every shirt is red, and for blue shirts that is wrong. Between the two lies the annealed mean; its temperature moves without training again.'},
  {name: 'Rare colours', set: {loss: 'soft_ce', beside: 'rebalanced_ce', red: 80, how: 'annealed'},
    tale: 'Few shirts are blue now, and eight leaves in a hundred are orange. Rebalancing makes a rare color dearer to miss, so that it counts for more than the dice give it.'},
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
