// The losses of colorize_nb/train/losses.py in TensorFlow.js, with their gradients.
import {customGrad, log, max, mul, softmax, sub, sum, tensor} from './tf.js';

const SLOPE = { // derivative of each loss with respect to the difference d
  l2: d => 2*d,
  l1: Math.sign,
  smooth_l1: (d, beta) => Math.max(-1, Math.min(1, d/beta)),
};
const COST = {
  l2: d => d*d,
  l1: Math.abs,
  smooth_l1: (d, beta) => Math.abs(d) < beta ? d*d/(2*beta) : Math.abs(d)-beta/2,
};

export const regression = (loss, beta) => (pred, y) => customGrad((pred, save) => { // pred is (n,2), and y is a Float32Array of the same size
  const p = pred.dataSync(), slopes = new Float32Array(p.length);
  let total = 0;
  for (let i = 0; i < p.length; i++) { const d = p[i]-y[i]; total += COST[loss](d, beta); slopes[i] = SLOPE[loss](d, beta)/p.length }
  save([tensor(slopes, pred.shape)]);
  return {value: tensor(total/p.length), gradFunc: (dy, [s]) => mul(s, dy)};
})(pred);

// Soft cross-entropy with pixel weights (n,1). The target (n,Q) is already multiplied by the weights.
export const classes = (logits, target, weight) => customGrad((logits, save) => {
  const n = logits.shape[0], p = softmax(logits), logSum = sub(max(logits, 1, true), log(max(p, 1, true))); // log-sum-exp
  save([p, target, weight]);
  const value = mul(sub(sum(mul(logSum, weight)), sum(mul(target, logits))), 1/n);
  return {value, gradFunc: (dy, [p, target, weight]) => mul(sub(mul(p, weight), target), mul(dy, 1/n))};
})(logits);
