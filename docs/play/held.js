// Pictures that are never trained on: six that are shown, and eighteen that are measured.
import {Dice} from './random.js';
import {plan} from './shapes.js';

const dice = new Dice('held out');
const CHANCES = [[1, .3], [1, .9], [2, .4], [2, .97], [3, .2], [3, .5]]; // kind and throw: one shirt red, one blue, a leaf of the rare color
export const SHOWN = CHANCES.map(([kind, chance]) => plan(dice, kind, chance));
export const HELD = Array.from({length: 18}, (_, i) => plan(dice, 1+i%3));
