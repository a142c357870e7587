// Train the playground's networks in node, and print what test_playground.py needs to train the same network in torch.
import {readFileSync} from 'node:fs';
import {batch} from './shapes.js';
import {colors, prior, SIZE} from './task.js';
import {Trainer} from './train.js';
import {ready, setBackend, setWasmPaths} from './tf.js';

async function main() {
  const settings = JSON.parse(readFileSync(0, 'utf8'));
  setWasmPaths(settings.wasm);
  await setBackend('wasm');
  await ready();
  const t = new Trainer({...settings, colors: colors(settings.red)}), plain = a => Array.from(a), [model] = t.models;
  const weights = () => Object.fromEntries(model.net.all.map(v => [v.label, {shape: v.shape, data: plain(v.dataSync())}]));
  const out = {initial: weights(), batches: [], costs: [], prior: plain(prior(settings.red)), seconds: 0};
  const held = batch('held', 8, SIZE, colors(settings.red), settings.noise), risk = () => t.measure(model, held, []).costs;
  [out.before] = risk();
  for (let i = 0; i < settings.train; i++) {
    const b = t.batch();
    out.batches.push({L: plain(b.L), part: plain(b.part), ab: b.ab, kind: b.kind});
    const t0 = performance.now();
    out.costs.push(t.train()[0]);
    out.seconds += (performance.now()-t0)/1000;
  }
  out.held = {L: plain(held.L), part: plain(held.part), ab: held.ab, kind: held.kind};
  const pred = plain(t.predict(model, held));
  out.expected = risk();
  const n = held.L.length/4, ab = [0, 0];
  out.chroma = Object.fromEntries(['mean', 'annealed', 'mode'].map(how => [how, Array.from({length: n}, (_, i) => [...model.task.ab(pred, i, how, .38, ab)])]));
  out.best = Object.fromEntries(['shirt', 'leaf', 'car'].map(k => [k, Object.fromEntries(['mean', 'annealed', 'mode'].map(how => [how, model.task.best(k, settings.red, how, .38)]))]));
  process.stdout.write(JSON.stringify(out));
}
main();
