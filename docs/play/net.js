// A small convolutional network with skip connections. Its blocks define their own gradients,
// because the WebAssembly backend of TensorFlow.js has convolutions but not their gradients.
import {add, avgPool, conv2d, customGrad, matMul, mean, mul, pad, relu, reshape, resizeNearest, reverse, rsqrt, slice, square, step, sub, sum, tensor, transpose, variable, zerosLike} from './tf.js';

const PIXELS = [0, 1, 2], AROUND = [[0, 0], [1, 1], [1, 1], [0, 0]], EPS = 1e-5, MOMENTUM = .1;

function dilate(t) { // insert a row and a column of zeros after each pixel: (B,h,w,C) -> (B,2h,2w,C)
  const [b, h, w, c] = t.shape;
  return reshape(pad(reshape(t, [b*h, 1, w, c]), [[0, 0], [0, 1], [0, 0], [0, c]]), [b, 2*h, 2*w, c]);
}
const convolve = stride => customGrad((x, k, save) => { // 3x3, padding 1
  save([x, k]);
  const gradFunc = (dy, [x, k]) => {
    const flipped = transpose(reverse(k, [0, 1]), [0, 1, 3, 2]);
    const dx = x.shape[3] === 1 ? zerosLike(x) : conv2d(stride === 2 ? dilate(dy) : dy, flipped, 1, AROUND);
    const dk = conv2d(transpose(x, [3, 1, 2, 0]), transpose(dy, [1, 2, 0, 3]), 1, AROUND, 'NHWC', stride); // summed over the batch
    return [dx, transpose(slice(dk, [0, 0, 0, 0], [x.shape[3], 3, 3, dy.shape[3]]), [1, 2, 0, 3])];
  };
  return {value: conv2d(x, k, stride, AROUND), gradFunc};
});
const weight = (label, data, shape, trainable = true) => Object.assign(variable(tensor(data, shape), trainable), {label});
const CONV = {1: convolve(1), 2: convolve(2)};
const linear = customGrad((a, b, save) => {
  save([a, b]);
  return {value: matMul(a, b), gradFunc: (dy, [a, b]) => [matMul(dy, transpose(b)), matMul(transpose(a), dy)]};
});
const upsample = customGrad(x => ({value: resizeNearest(x, [2*x.shape[1], 2*x.shape[2]]), gradFunc: dy => mul(avgPool(dy, 2, 2, 'valid'), 4)}));

class Norm { // batch normalization and ReLU, with running statistics as in torch
  constructor(n, name) {
    const fill = (v, kind, trainable) => weight(`${name}.${kind}`, new Float32Array(n).fill(v), [n], trainable);
    Object.assign(this, {gain: fill(1, 'weight', true), bias: fill(0, 'bias', true), mean: fill(0, 'running_mean', false), spread: fill(1, 'running_var', false)});
    this.learn = customGrad((x, gain, bias, save) => this.forward(x, gain, bias, save));
  }
  forward(x, gain, bias, save) {
    const n = x.size/x.shape[3], m = mean(x, PIXELS), d = sub(x, m), v = mean(square(d), PIXELS), r = rsqrt(add(v, EPS)), z = mul(d, r), y = relu(add(mul(z, gain), bias));
    this.mean.assign(add(mul(this.mean, 1-MOMENTUM), mul(m, MOMENTUM)));
    this.spread.assign(add(mul(this.spread, 1-MOMENTUM), mul(v, MOMENTUM*n/(n-1))));
    save([z, y, r, gain]);
    const gradFunc = (dy, [z, y, r, gain]) => {
      const g = mul(dy, step(y)), db = sum(g, PIXELS), dg = sum(mul(g, z), PIXELS);
      return [mul(sub(g, mul(add(db, mul(z, dg)), 1/n)), mul(gain, r)), dg, db];
    };
    return {value: y, gradFunc};
  }
  call(x, training) {
    if (training) return this.learn(x, this.gain, this.bias);
    const k = mul(this.gain, rsqrt(add(this.spread, EPS)));
    return relu(add(mul(x, k), sub(this.bias, mul(this.mean, k))));
  }
}

class Block { // convolution without bias, batch normalization, and ReLU
  constructor(random, from, to, stride, name) {
    const deviation = Math.sqrt(2/(9*from));
    this.kernel = weight(`${name}.conv.weight`, Float32Array.from({length: 9*from*to}, () => deviation*random.normal()), [3, 3, from, to]);
    this.norm = new Norm(to, `${name}.norm`);
    this.stride = stride;
  }
  call(x, training) { return this.norm.call(CONV[this.stride](x, this.kernel), training) }
}

export class Net { // lightness (B,32,32,1), scaled as by JointBins and LabAB -> (B*16*16, n)
  constructor(random, width, n, start = new Float32Array(n)) { // `start`: the bias, and so the prediction before training
    const w = width, sizes = {a: [1, w, 2], b: [w, 2*w, 2], c: [2*w, 2*w, 2], d: [2*w, 2*w, 1], e: [2*w, w, 1], f: [w, w, 1]};
    for (const [k, [from, to, stride]] of Object.entries(sizes)) this[k] = new Block(random, from, to, stride, k);
    this.kernel = weight('head.weight', Float32Array.from({length: w*n}, () => .01*random.normal()), [w, n]);
    this.bias = weight('head.bias', start, [n]);
  }
  get weights() { return 'abcdef'.split('').flatMap(k => [this[k].kernel, this[k].norm.gain, this[k].norm.bias]).concat(this.kernel, this.bias) }
  get all() { return this.weights.concat('abcdef'.split('').flatMap(k => [this[k].norm.mean, this[k].norm.spread])) }
  get size() { return this.weights.reduce((s, v) => s+v.size, 0) }
  call(x, training = false) {
    const go = (k, t) => this[k].call(t, training);
    const a = go('a', mul(x, 4)), b = go('b', a), d = go('d', go('c', b)), e = go('e', add(upsample(d), b)), f = go('f', add(upsample(e), a));
    return add(linear(reshape(f, [-1, f.shape[3]]), this.kernel), this.bias);
  }
  dispose() { for (const v of this.all) v.dispose() }
}
