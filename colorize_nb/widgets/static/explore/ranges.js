// The sliders of the explorers: smallest value, largest value, step. The classes in colorize_nb/widgets/explorers.py have the same limits.
export const RANGES = {T: [0, 1, .01], L: [0, 1.5, .05], a: [-1, 2, .05], b: [-1, 2, .05], plane: [4, 96, 1], n: [2, 60, 1], grid: [4, 40, 1], x: [0, 1, .01], y: [0, 1, .01]};
