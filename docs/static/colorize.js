// The controls of the page that colors photos. colorize-core.js does the work, in a worker if the browser supports it.
'use strict';
document.addEventListener('DOMContentLoaded', () => {
  const panel = document.querySelector('#photo-colorizer');
  if (!panel) return;
  const $ = s => panel.querySelector(s), base = new URL('_static/', document.baseURI).href, given = new URLSearchParams(location.hash.slice(1));
  const say = (s, bad = false) => { $('.said').textContent = s; $('.said').classList.toggle('bad', bad) };
  const state = (name, part = 0) => { panel.dataset.state = name; $('.working').hidden = name !== 'busy'; $('progress').value = part; $('.save').disabled = name !== 'done' };
  let saturation, moved = false, photo, sketch, turn = 0, source = '', name = 'photo', example = '', known, send, rest;

  function saturate(v) { // only the slider shows a rounded value
    saturation = v; $('.saturation').value = v; $('output').value = v.toFixed(2);
    $('.saturation').setAttribute('aria-valuetext', `${v.toFixed(2)} times the predicted chroma`);
  }
  if (given.has('saturation')) { moved = true; saturate(Math.min(2, Math.max(0, +given.get('saturation') || 0))) }
  function remember() { // store the state in the URL, except for the reader's own photo
    const all = {model: $('.models').value, saturation: saturation?.toFixed(2), left: $('.left-of').value, photo: example};
    history.replaceState(null, '', '#' + new URLSearchParams(Object.entries(all).filter(([, v]) => v)));
  }
  function show(canvas, data) { canvas.width = data.width; canvas.height = data.height; canvas.getContext('2d').putImageData(data, 0, 0) }
  function left() { // draw the part left of the line: the lightness, or the photo's own colors
    const own = $('.left-of').value === 'own', canvas = $('canvas.before');
    show(canvas, own ? photo.shown : Colorize.gray(photo.shown));
    $('.tag.left').textContent = canvas.dataset.key = own ? 'original colors' : 'input';
    canvas.setAttribute('aria-label', own ? "The photo's own colors" : "The photo's lightness");
  }
  const preview = () => show($('canvas.after'), Colorize.tint(sketch, saturation)); // takes a few milliseconds, so that the slider stays responsive

  const handlers = {
    busy: ({words, part = 0}) => { say(words); state('busy', part) },
    opened(data) { // show the photo while the network runs
      photo = data;
      for (const s of ['.wipe', '.result']) $(s).style.setProperty('--ratio', data.width/data.height);
      $('.own').hidden = !data.own;
      if (!data.own) $('.left-of').value = 'input';
      left();
      show($('canvas.after'), Colorize.gray(data.shown));
      $('.result').hidden = false;
      panel.classList.add('opened');
      state('busy', data.part);
    },
    sketched(data) {
      sketch = data.sketch;
      if (!moved) saturate(data.saturation); // keep a value that the reader has chosen
      preview();
      send({do: 'paint', turn, saturation});
    },
    painted(data) {
      if (data.saturation !== saturation) return;
      show($('canvas.after'), data.picture);
      const clear = photo.alpha ? ' Its transparency is kept.' : '';
      say(`${name}: ${photo.width} x ${photo.height} pixels, colored here in ${data.seconds.toFixed(1)} s. The colors are a guess.${clear}`);
      state('done');
      remember();
    },
    file({blob}) {
      const a = Object.assign(document.createElement('a'), {href: URL.createObjectURL(blob), download: name.replace(/\.\w+$/, '') + '-color.png'});
      a.click();
      setTimeout(() => URL.revokeObjectURL(a.href), 1e4);
      $('.save').textContent = 'Save as PNG';
    },
    failed({message}) { say(message, true); state('failed') },
  };
  const receive = data => data.turn === turn && handlers[data.what](data);
  function start() { // start the worker, or the same engine in the page
    if (!self.Worker || !self.OffscreenCanvas) return inPage();
    const worker = new Worker(new URL('colorize-worker.js', base));
    worker.onmessage = e => receive(e.data);
    worker.onerror = () => handlers.failed({message: 'the page did not load completely; reload it'});
    return data => worker.postMessage(data);
  }
  function inPage() {
    const script = Object.assign(document.createElement('script'), {src: new URL('ort/ort.wasm.min.js', base).href});
    const ready = new Promise((done, fail) => { script.onload = done; script.onerror = fail });
    document.head.append(script);
    const engine = Colorize.engine(base, receive);
    return async data => { try { await ready; engine(data) } catch { handlers.failed({message: 'onnxruntime did not load; reload the page'}) } };
  }

  async function choices() {
    const found = await Colorize.models(base), select = $('.models');
    select.replaceChildren(...found.map(m => new Option(`${m.name} (${m.megabytes} MB)`, m.name)));
    if (found.some(m => m.name === given.get('model'))) select.value = given.get('model');
    $('.which').hidden = found.length < 2; // hide the menu if there is only one model
    return found;
  }
  async function color(blob, called, from = '') {
    const mine = ++turn;
    [source, name, example, sketch] = [blob, called, from, null];
    clearTimeout(rest);
    say('Reading the photo');
    state('busy');
    try { known ??= await choices() }
    catch (e) { return handlers.failed({message: location.protocol === 'file:' ? "a page opened from disk can't load the model; serve the folder with make docs or python -m http.server" : `the model did not load (${e.message})`}) }
    if (mine !== turn) return;
    send ??= start();
    send({do: 'color', turn, blob, name: called, model: known.find(m => m.name === $('.models').value) ?? known[0]});
  }
  function cancel() {
    send?.({do: 'cancel', turn: ++turn});
    clearTimeout(rest);
    say(sketch ? 'Canceled. This is a small preview; change the saturation to color the whole photo.' : 'Canceled.');
    state('canceled');
  }

  const take = file => file && color(file, file.name), drop = $('.drop');
  $('input[type=file]').addEventListener('change', e => { take(e.target.files[0]); e.target.value = '' }); // allow choosing the same file again
  for (const k of ['dragenter', 'dragover']) drop.addEventListener(k, e => { e.preventDefault(); drop.classList.add('over') });
  for (const k of ['dragleave', 'drop']) drop.addEventListener(k, () => drop.classList.remove('over'));
  drop.addEventListener('drop', e => { e.preventDefault(); take(e.dataTransfer.files[0]) });
  addEventListener('paste', e => take([...e.clipboardData.files].find(f => f.type.startsWith('image/'))));
  async function open(b) { try { await color(await (await fetch(b.dataset.src)).blob(), b.textContent, b.dataset.name) } catch (e) { say(`the example didn't load (${e.message})`, true) } }
  panel.querySelectorAll('button[data-src]').forEach(b => b.addEventListener('click', () => open(b)));

  $('.saturation').addEventListener('input', () => {
    moved = true;
    saturate(+$('.saturation').value);
    if (!sketch) return; // the photo will be colored with this saturation
    state('busy', .2);
    say(`Saturation ${saturation.toFixed(2)}`);
    requestAnimationFrame(() => sketch && preview());
    clearTimeout(rest);
    rest = setTimeout(() => send({do: 'paint', turn, saturation}), 250); // color all pixels once the slider stops
  });
  $('.models').addEventListener('change', () => { if (source) color(source, name, example) });
  $('.left-of').addEventListener('change', () => { left(); remember() });
  $('.cancel').addEventListener('click', cancel);
  $('.save').addEventListener('click', () => { $('.save').textContent = 'Creating the file'; send({do: 'save', turn}) });
  if (given.get('left') === 'own') $('.left-of').value = 'own';
  const first = [...panel.querySelectorAll('button[data-src]')].find(b => b.dataset.name === given.get('photo'));
  if (first) open(first);
});
