// The worker: trains the networks, and sends the page what it draws.
import {HELD, SHOWN} from './held.js';
import {inside} from './margin.js';
import {assemble, KINDS} from './shapes.js';
import {colors, SIZE} from './task.js';
import {Trainer} from './train.js';
import {ready, setBackend, setWasmPaths} from './tf.js';

const EVERY = 10, PIXELS = 24; // steps between two reports; pixels per kind whose predictions the page gets
let trainer, running = false, turn = 0, times = [];
// Let the worker handle messages between two steps
const nextTask = (() => { const {port1, port2} = new MessageChannel(); let go; port2.onmessage = () => go(); return () => new Promise(r => { go = r; port1.postMessage(0) }) })();

function report() {
  const {red, noise} = trainer.settings, shown = assemble(SHOWN, SIZE, colors(red), noise), held = assemble(HELD, SIZE, colors(red), noise);
  const where = inside(held), some = KINDS.slice(1).map(k => where[k].filter((_, i, all) => i%Math.ceil(all.length/PIXELS) === 0));
  const models = trainer.models.map(m => {
    const {rows, costs: [cost, least]} = trainer.measure(m, held, some);
    return {loss: m.loss, params: m.net.size, shown: trainer.predict(m, shown), kinds: rows, cost, least};
  });
  const rate = times.length > 1 ? 1000*(times.length-1)/(times.at(-1)-times[0]) : 0;
  postMessage({what: 'report', turn, step: trainer.step, rate, models}, models.flatMap(m => [m.shown.buffer, ...m.kinds.map(k => k.buffer)]));
}

async function go() {
  if (running) return;
  running = true;
  times = [];
  const mine = turn;
  while (running && mine === turn && trainer.step - trainer.from < trainer.settings.steps) {
    const t0 = performance.now(), costs = trainer.train(), step = trainer.step;
    if (costs.some(c => !Number.isFinite(c))) { running = false; postMessage({what: 'broken', turn, step}); return }
    times = [...times.slice(-20), performance.now()];
    postMessage({what: 'step', turn, step, costs, ms: performance.now()-t0});
    if (step <= 2 || step%EVERY === 0) report();
    await nextTask();
  }
  if (mine !== turn) return;
  running = false;
  report();
  postMessage({what: trainer.step - trainer.from < trainer.settings.steps ? 'paused' : 'done', turn, step: trainer.step});
}

onmessage = async ({data}) => {
  try {
    if (data.do === 'load') { setWasmPaths({'tfjs-backend-wasm.wasm': data.wasm, 'tfjs-backend-wasm-simd.wasm': data.wasm, 'tfjs-backend-wasm-threaded-simd.wasm': data.wasm}); await setBackend('wasm'); await ready(); postMessage({what: 'ready'}) }
    if (data.do === 'start') { running = false; turn = data.turn; trainer?.dispose(); trainer = new Trainer(complete(data.settings)); await nextTask(); go() }
    if (data.do === 'set' && trainer) { Object.assign(trainer.settings, complete({...trainer.settings, ...data.settings})); if (!running) report() }
    if (data.do === 'pause') running = false;
    if (data.do === 'go') { if (trainer.step - trainer.from >= trainer.settings.steps) trainer.from = trainer.step; go() }
  } catch (e) { postMessage({what: 'failed', message: e.message}) }
};
const complete = s => ({...s, colors: colors(s.red)});
