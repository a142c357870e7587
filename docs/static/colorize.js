// Colors a photo in the page. The networks are model/*.onnx, run by onnxruntime-web; models.json has what each model needs to know.
// The way to it and back is that of colorize_nb/infer/colorizer.py and paint.py:
// a small copy (resized as Pillow does), L of CIELAB in, a and b out, chroma enlarged along the edges of L, the photo's own L at full size.
'use strict';
const Colorize = (() => {
  const LONGEST = 12, SIGMA = 10;
  const between = (v, lo, hi) => Math.max(lo, Math.min(hi, v));

  // ---- color: sRGB and CIELAB (D65, 2 degrees), as in colorize_nb/color/space.py
  const WHITE = [.95047, 1, 1.08883];
  const TO_XYZ = [[.412453,.357580,.180423],[.212671,.715160,.072169],[.019334,.119193,.950227]].map((row, i) => row.map(v => v/WHITE[i]));
  const inverse = ([[a,b,c],[d,e,f],[g,h,i]]) => {
    const A = e*i-f*h, B = f*g-d*i, C = d*h-e*g, det = a*A + b*B + c*C;
    return [[A, c*h-b*i, b*f-c*e], [B, a*i-c*g, c*d-a*f], [C, b*g-a*h, a*e-b*d]].map(r => r.map(v => v/det));
  };
  const FROM_XYZ = inverse(TO_XYZ);
  const linear = v => v > .04045 ? ((v+.055)/1.055)**2.4 : v/12.92;
  const gamma = v => v > .0031308 ? 1.055*v**(1/2.4) - .055 : 12.92*v;
  const LIGHT = [.212671,.715160,.072169].map(w => Float64Array.from({length: 256}, (_, i) => w*linear(i/255)));
  const unf = t => t > 6/29 ? t*t*t : (t-4/29)*108/841;

  function lightness(rgb, n, step = 4) { // 8-bit pixels to L, 0..100
    const L = new Float32Array(n);
    for (let i = 0, j = 0; i < n; i++, j += step) {
      const y = LIGHT[0][rgb[j]] + LIGHT[1][rgb[j+1]] + LIGHT[2][rgb[j+2]];
      L[i] = y > .008856 ? 116*Math.cbrt(y) - 16 : 903.292*y;
    }
    return L;
  }

  function lab2rgb(L, a, b, out) {
    const fy = (L+16)/116, x = unf(fy+a/500), y = unf(fy), z = unf(fy-b/200);
    for (let k = 0; k < 3; k++) out[k] = gamma(FROM_XYZ[k][0]*x + FROM_XYZ[k][1]*y + FROM_XYZ[k][2]*z);
    return out;
  }
  const inside = c => Math.abs(c[0]-.5) <= .5001 && Math.abs(c[1]-.5) <= .5001 && Math.abs(c[2]-.5) <= .5001;

  function toGamut(L, a, b, out) { // L and hue kept, chroma as large as a screen can show
    if (inside(lab2rgb(L, a, b, out))) return out;
    let lo = 0, hi = 1;
    for (let k = 0; k < 12; k++) { const mid = (lo+hi)/2; if (inside(lab2rgb(L, a*mid, b*mid, out))) lo = mid; else hi = mid }
    return lab2rgb(L, a*lo, b*lo, out);
  }

  // ---- resizing as Pillow does it: two passes of 8 bits, a reduction by whole numbers before
  const FILTERS = {
    box: [.5, x => x > -.5 && x <= .5 ? 1 : 0],
    bilinear: [1, x => Math.max(0, 1-Math.abs(x))],
    bicubic: [2, x => { x = Math.abs(x); return x < 1 ? (1.5*x - 2.5)*x*x + 1 : x < 2 ? ((-.5*x + 2.5)*x - 4)*x + 2 : 0 }],
  };
  function weights(from, span, to, [support, f]) { // `span` of `from` samples become `to`
    const scale = span/to, wide = Math.max(scale, 1), reach = support*wide;
    return Array.from({length: to}, (_, i) => {
      const center = (i+.5)*scale, lo = Math.max(0, Math.trunc(center-reach+.5)), hi = Math.min(from, Math.trunc(center+reach+.5));
      const w = Float64Array.from({length: hi-lo}, (_, k) => f((k+lo-center+.5)/wide)), sum = w.reduce((s, v) => s+v, 0);
      return [lo, w.map(v => v/sum)];
    });
  }
  const byte = v => between(Math.floor(v+.5), 0, 255);
  function pass(src, w, h, to, span, filter, across) {
    const out = new Uint8ClampedArray(4*(across ? to*h : w*to)), ws = weights(across ? w : h, span, to, filter);
    const outW = across ? to : w, outH = across ? h : to;
    for (let y = 0; y < outH; y++) for (let x = 0; x < outW; x++) {
      const [lo, k] = ws[across ? x : y];
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        for (let i = 0; i < k.length; i++) sum += k[i]*src[4*(across ? y*w+lo+i : (lo+i)*w+x)+c];
        out[4*(y*outW+x)+c] = byte(sum);
      }
    }
    return out;
  }
  function reduce({data, width: w, height: h}, fx, fy) {
    const W = Math.ceil(w/fx), H = Math.ceil(h/fy), out = new Uint8ClampedArray(4*W*H);
    for (let Y = 0; Y < H; Y++) for (let X = 0; X < W; X++) {
      const x1 = Math.min(w, (X+1)*fx), y1 = Math.min(h, (Y+1)*fy), n = (x1-X*fx)*(y1-Y*fy);
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        for (let y = Y*fy; y < y1; y++) for (let x = X*fx; x < x1; x++) sum += data[4*(y*w+x)+c];
        out[4*(Y*W+X)+c] = byte(sum/n);
      }
    }
    return {data: out, width: W, height: H};
  }
  function resize(img, w, h, filter, gap = 0) {
    let spanX = img.width, spanY = img.height;
    const fx = gap ? Math.max(1, Math.trunc(spanX/w/gap)) : 1, fy = gap ? Math.max(1, Math.trunc(spanY/h/gap)) : 1;
    if (fx > 1 || fy > 1) { img = reduce(img, fx, fy); spanX /= fx; spanY /= fy }
    let {data, width, height} = img;
    if (width !== w || spanX !== width) { data = pass(data, width, height, w, spanX, FILTERS[filter], true); width = w }
    if (height !== h || spanY !== height) { data = pass(data, width, height, h, spanY, FILTERS[filter], false); height = h }
    return {data, width, height};
  }

  // ---- the network
  const nets = {};
  const models = async base => { // [{name, stride, size, saturation, megabytes}]
    const answer = await fetch(new URL('model/models.json', base).href);
    if (!answer.ok) throw new Error(`models.json: ${answer.status}`);
    return answer.json();
  };
  async function load(base, known, starts = () => {}) { // a model of `models`, with its session
    if (nets[known.name]) return nets[known.name];
    starts(known);
    ort.env.wasm.wasmPaths = new URL('ort/', base).href;
    ort.env.wasm.numThreads = 1; // more need headers that plain servers do not send
    const session = await ort.InferenceSession.create(new URL(`model/${known.name}.onnx`, base).href, {executionProviders: ['wasm']});
    return nets[known.name] = {...known, session};
  }

  function inputShape(w, h, size) {
    const k = Math.min(size/Math.min(w, h), LONGEST*size/Math.max(w, h));
    const round = v => { const f = Math.floor(v), d = v-f; return d > .5 || (d === .5 && f%2) ? f+1 : f }; // as Python rounds
    return [Math.max(1, round(w*k)), Math.max(1, round(h*k))];
  }

  async function chroma(img, {session, size, stride}) { // {a, b, w, h}: the network's answer for the photo's small copy
    const [w, h] = inputShape(img.width, img.height, size);
    const copy = resize(img, w, h, w > img.width ? 'bicubic' : w*4 < img.width ? 'box' : 'bilinear', 3);
    const L = lightness(copy.data, w*h), W = Math.ceil(w/stride)*stride, H = Math.ceil(h/stride)*stride, x = new Float32Array(W*H);
    for (let j = 0; j < H; j++) for (let i = 0; i < W; i++) x[j*W+i] = L[Math.min(j, h-1)*w + Math.min(i, w-1)];
    const {ab} = await session.run({L: new ort.Tensor('float32', x, [1, 1, H, W])});
    const [, , ph, pw] = ab.dims, ch = Math.max(1, Math.ceil(h*ph/H)), cw = Math.max(1, Math.ceil(w*pw/W));
    const cut = k => { const t = new Float32Array(cw*ch); for (let j = 0; j < ch; j++) t.set(ab.data.subarray((k*ph+j)*pw, (k*ph+j)*pw+cw), j*cw); return t };
    return {a: cut(0), b: cut(1), w: cw, h: ch, L: lightness(resize(img, cw, ch, 'box').data, cw*ch)};
  }

  const neighbors = (n, m) => { // of m samples over n pixels: the one before, the one after, how near to the second
    const lo = new Int32Array(n), hi = new Int32Array(n), f = new Float32Array(n);
    for (let i = 0; i < n; i++) {
      const at = between(Math.fround(Math.fround((i+.5)*m)/n - .5), 0, m-1);
      lo[i] = Math.min(Math.floor(at), Math.max(m-2, 0)); hi[i] = Math.min(lo[i]+1, m-1); f[i] = at-lo[i];
    }
    return [lo, hi, f];
  };

  // What stays the same while the saturation moves: L, and a and b for each pixel
  function* spread(img, ab) { // {L, a, b}; yields now and then
    const {width: W, height: H, data} = img, L = lightness(data, W*H), a = new Float32Array(W*H), b = new Float32Array(W*H);
    const [top, bottom, fy] = neighbors(H, ab.h), [left, right, fx] = neighbors(W, ab.w), slope = -.5/SIGMA**2;
    for (let y = 0; y < H; y++) {
      for (let x = 0; x < W; x++) {
        const l = L[y*W+x];
        let sa = 0, sb = 0, total = 0;
        for (let k = 0; k < 4; k++) {
          const i = (k > 1 ? bottom[y] : top[y])*ab.w + (k & 1 ? right[x] : left[x]), d = ab.L[i]-l;
          const w = (k > 1 ? fy[y] : 1-fy[y])*(k & 1 ? fx[x] : 1-fx[x])*(Math.exp(slope*d*d)+1e-4);
          sa += w*ab.a[i]; sb += w*ab.b[i]; total += w;
        }
        a[y*W+x] = sa/total; b[y*W+x] = sb/total;
      }
      yield y/H;
    }
    return {L, a, b, W, H};
  }
  function* fill({L, a, b, W, H}, saturation, out) { // pixels into `out`, row by row
    const rgb = [0,0,0];
    for (let y = 0; y < H; y++) {
      for (let i = y*W; i < (y+1)*W; i++) {
        toGamut(L[i], saturation*a[i], saturation*b[i], rgb);
        for (let c = 0; c < 3; c++) out.data[4*i+c] = Math.round(255*between(rgb[c], 0, 1));
        out.data[4*i+3] = 255;
      }
      yield y/H;
    }
    return out;
  }
  const BUDGET = 12; // ms of work between two breaths of the page
  async function breathe(work, progress = () => true) { // runs to the end, or until `progress` says no
    for (let t = performance.now();;) {
      const {value, done} = work.next();
      if (done) return value;
      if (performance.now()-t < BUDGET) continue;
      if (progress(value) === false) return null;
      await new Promise(r => setTimeout(r));
      t = performance.now();
    }
  }
  const now = work => { for (;;) { const {value, done} = work.next(); if (done) return value } };

  return {models, load, chroma, spread, fill, breathe, now, resize, lightness, toGamut};
})();

// ---- the panel
document.addEventListener('DOMContentLoaded', () => {
  const panel = document.querySelector('#colorizer');
  if (!panel) return;
  const $ = s => panel.querySelector(s), base = new URL('_static/', document.baseURI), MOST = 50e6;
  const say = (s, bad = false) => { $('.said').textContent = s; $('.said').classList.toggle('bad', bad) };
  const PREVIEW = 720; // longest side of what is painted while the slider moves
  let photo, saturation, full, small, source = '', name = 'photo', turn = 0, known, example = '';
  const asked = new URLSearchParams(location.hash.slice(1));

  function saturate(v) { saturation = v; $('.saturation').value = v; $('output').value = v.toFixed(2); $('.saturation').setAttribute('aria-valuetext', `${v.toFixed(2)} times the predicted chroma`) } // the slider is rounded, the model's own number is not
  function remember() { // the whole state is in the address; a photo of one's own is not, it stays here
    const state = {model: $('.models').value, saturation: saturation?.toFixed(2), left: $('.left-of').value, photo: example};
    history.replaceState(null, '', '#' + new URLSearchParams(Object.entries(state).filter(([, v]) => v)));
  }

  const pixels = canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  function show(canvas, data) { canvas.width = data.width; canvas.height = data.height; canvas.getContext('2d').putImageData(data, 0, 0) }

  async function read(blob) { // 8-bit sRGB, upright, on white
    const bitmap = await createImageBitmap(blob, {imageOrientation: 'from-image'});
    if (bitmap.width*bitmap.height > MOST) throw new Error(`${bitmap.width} x ${bitmap.height} pixels are more than this page takes (50 megapixels); colorize-nb on a command line has no such limit`);
    const canvas = Object.assign(document.createElement('canvas'), {width: bitmap.width, height: bitmap.height}), pen = canvas.getContext('2d');
    pen.fillStyle = '#fff'; pen.fillRect(0, 0, canvas.width, canvas.height); pen.drawImage(bitmap, 0, 0);
    return pixels(canvas);
  }

  const gray = img => { const out = new ImageData(img.width, img.height), L = Colorize.lightness(img.data, img.width*img.height), zero = new Float32Array(L.length);
    return Colorize.now(Colorize.fill({L, a: zero, b: zero, W: img.width, H: img.height}, 0, out)) };
  const chromatic = img => { // has it colors of its own?
    let many = 0;
    for (let i = 0; i < img.data.length; i += 4*97) if (Math.max(...img.data.subarray(i, i+3))-Math.min(...img.data.subarray(i, i+3)) > 12) many++;
    return many*97*4 > .02*img.data.length;
  };
  function left() { // what stands left of the line: lightness alone, or the photo's own colors
    const own = $('.left-of').value === 'own';
    show($('canvas.before'), own ? photo : gray(photo));
    $('.tag.left').textContent = own ? 'original colors' : 'input';
    $('canvas.before').dataset.key = own ? 'original colors' : 'input';
    $('canvas.before').setAttribute('aria-label', own ? "The photo's own colors" : "The photo's lightness");
  }
  function preview() { // at most PREVIEW pixels long: a few milliseconds, so that the slider never waits
    const out = new ImageData(small.W, small.H);
    show($('canvas.after'), Colorize.now(Colorize.fill(small, saturation, out)));
  }
  async function draw() { // all pixels, in small pieces
    const mine = ++turn, t0 = performance.now(), out = new ImageData(photo.width, photo.height);
    panel.dataset.state = 'busy';
    const image = await Colorize.breathe(Colorize.fill(full, saturation, out), part => mine === turn && (say(`Coloring ${Math.round(100*part)}%`), true));
    if (!image || mine !== turn) return;
    show($('canvas.after'), image);
    $('.result').hidden = false;
    say(`${name}: ${photo.width} x ${photo.height} pixels, colored here in ${((performance.now()-t0+took)/1000).toFixed(1)} s. The colors are a guess.`);
    panel.dataset.state = 'done';
    remember();
  }

  let took = 0;
  async function color(blob, called, from = '') {
    panel.dataset.state = 'busy';
    source = blob; name = called; example = from; full = small = null; turn++;
    try {
      say('Reading the photo');
      try { photo = await read(blob) }
      catch (e) { throw /pixels/.test(e.message) ? e : new Error(`${called} is not a picture this browser can read: try a JPEG, PNG or WebP`) }
      say('Loading the model');
      let net;
      try {
        known ??= await choices();
        const model = known.find(m => m.name === $('.models').value) ?? known[0];
        net = await Colorize.load(base, model, m => say(`Loading the model (${m.megabytes} MB, once)`));
      } catch (e) { throw new Error(location.protocol === 'file:' ? 'a page opened from the disk may not fetch the model: serve the folder (make docs, or python -m http.server)' : `the model did not load (${e.message})`) }
      if (saturation === undefined) saturate(asked.has('saturation') ? Math.min(2, Math.max(0, +asked.get('saturation') || 0)) : net.saturation);
      say('Running the model');
      const t0 = performance.now(), mine = ++turn, ab = await Colorize.chroma(photo, net), k = Math.min(1, PREVIEW/Math.max(photo.width, photo.height));
      small = Colorize.now(Colorize.spread(k < 1 ? Colorize.resize(photo, Math.round(photo.width*k), Math.round(photo.height*k), 'box', 1) : photo, ab));
      $('.wipe').style.setProperty('--ratio', photo.width/photo.height);
      preview();
      const own = chromatic(photo);
      $('.own').hidden = !own;
      if (!own) $('.left-of').value = 'input';
      left();
      $('.result').hidden = false;
      full = await Colorize.breathe(Colorize.spread(photo, ab), part => mine === turn && (say(`Upsampling the colors ${Math.round(100*part)}%`), true));
      if (!full) return;
      took = performance.now()-t0;
      await draw();
    } catch (e) { say(e.message, true); panel.dataset.state = 'failed' }
  }

  async function choices() {
    const found = await Colorize.models(base), select = $('.models');
    select.replaceChildren(...found.map(m => new Option(`${m.name} (${m.megabytes} MB)`, m.name)));
    if (found.some(m => m.name === asked.get('model'))) select.value = asked.get('model');
    $('.which').hidden = found.length < 2; // a choice of one is none
    return found;
  }
  const take = file => file && color(file, file.name);
  $('input[type=file]').addEventListener('change', e => take(e.target.files[0]));
  const drop = $('.drop');
  for (const k of ['dragenter','dragover']) drop.addEventListener(k, e => { e.preventDefault(); drop.classList.add('over') });
  for (const k of ['dragleave','drop']) drop.addEventListener(k, () => drop.classList.remove('over'));
  drop.addEventListener('drop', e => { e.preventDefault(); take(e.dataTransfer.files[0]) });
  addEventListener('paste', e => take([...e.clipboardData.files].find(f => f.type.startsWith('image/'))));
  async function open(b) { try { await color(await (await fetch(b.dataset.src)).blob(), b.textContent, b.dataset.name) } catch (e) { say(`the example didn't load (${e.message})`, true) } }
  panel.querySelectorAll('button[data-src]').forEach(b => b.addEventListener('click', () => open(b)));
  let rest;
  $('.saturation').addEventListener('input', () => {
    saturate(+$('.saturation').value);
    if (!small) return;
    if (full) turn++; // what is being painted is out of date
    panel.dataset.state = 'busy';
    say('Saturation ' + saturation.toFixed(2));
    requestAnimationFrame(preview);
    clearTimeout(rest);
    if (full) rest = setTimeout(draw, 250); // all pixels once the slider rests
  });
  $('.models').addEventListener('change', () => { saturation = undefined; asked.delete('saturation'); if (source) color(source, name, example) });
  $('.left-of').addEventListener('change', () => { left(); remember() });
  if (asked.get('left') === 'own') $('.left-of').value = 'own';
  const first = [...panel.querySelectorAll('button[data-src]')].find(b => b.dataset.name === asked.get('photo'));
  if (first) open(first);
  $('.save').addEventListener('click', () => panel.dataset.state === 'done' && $('canvas.after').toBlob(blob => {
    const a = Object.assign(document.createElement('a'), {href: URL.createObjectURL(blob), download: name.replace(/\.\w+$/, '') + '-color.png'});
    a.click(); setTimeout(() => URL.revokeObjectURL(a.href), 1e4) }));
});
