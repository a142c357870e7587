// Held-out pictures: six to display, and eighteen to compute the validation loss.
import {Random} from './random.js';
import {plan} from './shapes.js';

const random = new Random('held out');
const FIXED = [[1, .3], [1, .9], [2, .4], [2, .97], [3, .2], [3, .5]]; // kind, and the random number that sets the color: a red and a blue shirt, and a leaf in the rare color
export const SHOWN = FIXED.map(([kind, chance]) => plan(random, kind, chance));
export const HELD = Array.from({length: 18}, (_, i) => plan(random, 1+i%3));
