// Train one or two networks step by step, with the same batches and initial weights.
import {Random} from './random.js';
import * as losses from './losses.js';
import {Net} from './net.js';
import {batch} from './shapes.js';
import {isClasses, SIZE, task} from './task.js';
import {AdamOptimizer, gather, keep, tensor, tidy} from './tf.js';

const BATCH = 16, WARMUP = 20; // pictures per batch, and steps of warmup
export const schedule = (i, steps, rate) => rate*Math.min(1, (i+1)/WARMUP)*(.5+.5*Math.cos(Math.PI*Math.min(1, i/steps)));

const input = ({L}) => tensor(L.map(v => v/50-1), [L.length/SIZE**2, SIZE, SIZE, 1]); // both codecs scale L like this
function cost({loss, beta, n}, out, target) {
  if (!isClasses(loss)) return losses.regression(loss, beta)(out, target);
  const {y, w} = target;
  return losses.classes(out, tensor(y, [w.length, n]), tensor(w, [w.length, 1]));
}

export class Trainer {
  constructor(settings) {
    this.step = this.from = 0;
    this.settings = settings;
    this.models = [settings.loss, settings.compare].filter(Boolean).map(loss => {
      const t = task(loss);
      return {loss, task: t, net: new Net(new Random(`weights ${settings.seed}`), settings.width, t.n, t.start(settings.red)), adam: new AdamOptimizer(settings.rate, .9, .99, 1e-8)};
    });
  }
  batch(i = this.step) { const {seed, colors, noise} = this.settings; return batch(`${seed}/${i}`, BATCH, SIZE, colors, noise) }
  train() { // train every network for one step and return their losses
    const b = this.batch(), {red, rate, steps} = this.settings, now = schedule(this.step++ - this.from, steps, rate);
    return this.models.map(({task: t, net, adam}) => tidy(() => {
      const x = input(b), y = t.target(b, red);
      adam.learningRate = now;
      return adam.minimize(() => cost(t, net.call(x, true), y), true, net.weights).dataSync()[0];
    }));
  }
  predict({net}, b) { return tidy(() => net.call(input(b)).dataSync()) } // raw output of every pixel
  measure(model, b, at) { // -> expected loss over all possible colors, lowest possible loss, and predictions at the pixels `at`
    const {task: t, net} = model, {red, noise} = this.settings, key = `${red} ${noise}`;
    return tidy(() => {
      const out = net.call(input(b)), rows = at.map(i => gather(out, i).dataSync());
      if (!isClasses(t.loss)) return {rows, costs: t.expected(out.dataSync(), b, red)};
      if (model.mean?.key !== key) { // these large targets only change with the settings
        model.mean?.tensors.forEach(x => x.dispose());
        const {y, w, least} = t.meanTarget(b, red);
        model.mean = {key, least, tensors: [keep(tensor(y, [w.length, t.n])), keep(tensor(w, [w.length, 1]))]};
      }
      return {rows, costs: [losses.classes(out, ...model.mean.tensors).dataSync()[0], model.mean.least]};
    });
  }
  dispose() { for (const {net, adam, mean} of this.models) { net.dispose(); adam.dispose(); mean?.tensors.forEach(x => x.dispose()) } }
}
