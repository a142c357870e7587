// Color a photo. This runs in a worker (colorize-worker.js), so that the page stays responsive; colorize.js has the controls.
// onnxruntime-web runs the networks, model/*.onnx, and models.json has their settings.
// The steps are those of colorize_nb/infer/colorizer.py and paint.py: resize the photo like Pillow, predict a and b from L,
// enlarge the chroma along the edges of L, and combine it with the photo's own L at full size.
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
  const STEPS = 65535, BYTES = Uint8ClampedArray.from({length: STEPS+1}, (_, i) => Math.round(255*gamma(i/STEPS))); // 8-bit sRGB values of linear light
  const byteOf = v => BYTES[v <= 0 ? 0 : v >= 1 ? STEPS : Math.round(STEPS*v)];
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

  function lab2linear(L, a, b, out) {
    const fy = (L+16)/116, x = unf(fy+a/500), y = unf(fy), z = unf(fy-b/200);
    for (let k = 0; k < 3; k++) out[k] = FROM_XYZ[k][0]*x + FROM_XYZ[k][1]*y + FROM_XYZ[k][2]*z;
    return out;
  }
  const LEAST = -1e-4/12.92, MOST = ((1.0001+.055)/1.055)**2.4; // with a tolerance of 1e-4 outside sRGB
  const inside = c => c[0] >= LEAST && c[1] >= LEAST && c[2] >= LEAST && c[0] <= MOST && c[1] <= MOST && c[2] <= MOST;

  function toGamut(L, a, b, out) { // linear light; reduces chroma until the color is in sRGB, and keeps L and hue
    if (inside(lab2linear(L, a, b, out))) return out;
    let lo = 0, hi = 1;
    for (let k = 0; k < 12; k++) { const mid = (lo+hi)/2; if (inside(lab2linear(L, a*mid, b*mid, out))) lo = mid; else hi = mid }
    return lab2linear(L, a*lo, b*lo, out);
  }
  function gray(img) { // return the photo's lightness as a picture
    const out = new ImageData(img.width, img.height), {data} = img;
    for (let i = 0; i < data.length; i += 4) {
      const v = byteOf(LIGHT[0][data[i]] + LIGHT[1][data[i+1]] + LIGHT[2][data[i+2]]);
      out.data[i] = out.data[i+1] = out.data[i+2] = v; out.data[i+3] = data[i+3];
    }
    return out;
  }

  // ---- resizing like Pillow: first a reduction by an integer factor, then two 8-bit passes
  const FILTERS = {
    box: [.5, x => x > -.5 && x <= .5 ? 1 : 0],
    bilinear: [1, x => Math.max(0, 1-Math.abs(x))],
    bicubic: [2, x => { x = Math.abs(x); return x < 1 ? (1.5*x - 2.5)*x*x + 1 : x < 2 ? ((-.5*x + 2.5)*x - 4)*x + 2 : 0 }],
  };
  function weights(from, span, to, [support, f]) { // resize `span` of `from` samples to `to`
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
  function reduce({data, width: w, height: h}, fx, fy) { // average blocks of fx x fy pixels
    const W = Math.ceil(w/fx), H = Math.ceil(h/fy), out = new Uint8ClampedArray(4*W*H), sums = new Uint32Array(4*W);
    for (let Y = 0; Y < H; Y++) {
      const rows = Math.min(h, (Y+1)*fy)-Y*fy;
      sums.fill(0);
      for (let y = Y*fy; y < Y*fy+rows; y++) for (let X = 0, j = 4*y*w; X < W; X++) for (let end = 4*(y*w+Math.min(w, (X+1)*fx)); j < end; j += 4) {
        sums[4*X] += data[j]; sums[4*X+1] += data[j+1]; sums[4*X+2] += data[j+2];
      }
      for (let X = 0; X < W; X++) { const n = rows*(Math.min(w, (X+1)*fx)-X*fx); for (let c = 0; c < 3; c++) out[4*(Y*W+X)+c] = byte(sums[4*X+c]/n) }
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
    const response = await fetch(new URL('model/models.json', base).href);
    if (!response.ok) throw new Error(`models.json: ${response.status}`);
    return response.json();
  };
  async function load(base, known, starts = () => {}) { // return one of `models` with its session
    if (nets[known.name]) return nets[known.name];
    starts(known);
    ort.env.wasm.wasmPaths = new URL('ort/', base).href;
    ort.env.wasm.numThreads = 1; // more threads need headers that simple servers don't send
    const session = await ort.InferenceSession.create(new URL(`model/${known.name}.onnx`, base).href, {executionProviders: ['wasm']});
    return nets[known.name] = {...known, session};
  }

  function inputShape(w, h, size) {
    const k = Math.min(size/Math.min(w, h), LONGEST*size/Math.max(w, h));
    const round = v => { const f = Math.floor(v), d = v-f; return d > .5 || (d === .5 && f%2) ? f+1 : f }; // rounds halves to even, like Python
    return [Math.max(1, round(w*k)), Math.max(1, round(h*k))];
  }

  async function chroma(img, {session, size, stride}) { // -> {a, b, w, h, L}: the network's prediction for a small copy of the photo
    const [w, h] = inputShape(img.width, img.height, size);
    const copy = resize(img, w, h, w > img.width ? 'bicubic' : w*4 < img.width ? 'box' : 'bilinear', 3);
    const L = lightness(copy.data, w*h), W = Math.ceil(w/stride)*stride, H = Math.ceil(h/stride)*stride, x = new Float32Array(W*H);
    for (let j = 0; j < H; j++) for (let i = 0; i < W; i++) x[j*W+i] = L[Math.min(j, h-1)*w + Math.min(i, w-1)];
    const {ab} = await session.run({L: new ort.Tensor('float32', x, [1, 1, H, W])});
    const [, , ph, pw] = ab.dims, ch = Math.max(1, Math.ceil(h*ph/H)), cw = Math.max(1, Math.ceil(w*pw/W));
    const cut = k => { const t = new Float32Array(cw*ch); for (let j = 0; j < ch; j++) t.set(ab.data.subarray((k*ph+j)*pw, (k*ph+j)*pw+cw), j*cw); return t };
    return {a: cut(0), b: cut(1), w: cw, h: ch, L: lightness(resize(img, cw, ch, 'box').data, cw*ch)};
  }

  const neighbors = (n, m) => { // interpolate m samples to n pixels: the index before, the index after, and the weight of the second
    const lo = new Int32Array(n), hi = new Int32Array(n), f = new Float32Array(n);
    for (let i = 0; i < n; i++) {
      const at = between(Math.fround(Math.fround((i+.5)*m)/n - .5), 0, m-1);
      lo[i] = Math.min(Math.floor(at), Math.max(m-2, 0)); hi[i] = Math.min(lo[i]+1, m-1); f[i] = at-lo[i];
    }
    return [lo, hi, f];
  };

  function* spread(img, ab, keep) { // enlarge a and b row by row, and call keep(y, L, a, b)
    const {width: W, height: H, data} = img, a = new Float32Array(W), b = new Float32Array(W);
    const [top, bottom, fy] = neighbors(H, ab.h), [left, right, fx] = neighbors(W, ab.w), slope = -.5/SIGMA**2;
    for (let y = 0; y < H; y++) {
      const L = lightness(data.subarray(4*y*W, 4*(y+1)*W), W);
      for (let x = 0; x < W; x++) {
        let sa = 0, sb = 0, total = 0;
        for (let k = 0; k < 4; k++) {
          const i = (k > 1 ? bottom[y] : top[y])*ab.w + (k & 1 ? right[x] : left[x]), d = ab.L[i]-L[x];
          const w = (k > 1 ? fy[y] : 1-fy[y])*(k & 1 ? fx[x] : 1-fx[x])*(Math.exp(slope*d*d)+1e-4);
          sa += w*ab.a[i]; sb += w*ab.b[i]; total += w;
        }
        a[x] = sa/total; b[x] = sb/total;
      }
      keep(y, L, a, b);
      yield y/H;
    }
  }
  function fill(row, L, a, b, saturation) { // fill a row of pixels, without changing alpha
    const light = [0, 0, 0];
    for (let x = 0; x < L.length; x++) {
      toGamut(L[x], saturation*a[x], saturation*b[x], light);
      for (let c = 0; c < 3; c++) row[4*x+c] = byteOf(light[c]);
    }
  }
  function* paint(img, ab, saturation, out) { // color `img` into `out`
    const W = img.width;
    for (let i = 3; i < img.data.length; i += 4) out.data[i] = img.data[i];
    yield* spread(img, ab, (y, L, a, b) => fill(out.data.subarray(4*y*W, 4*(y+1)*W), L, a, b, saturation));
    return out;
  }
  function sketch(img, ab) { // -> {L, a, b, W, H, alpha} of a small copy, which don't depend on the saturation
    const n = img.width*img.height, out = {L: new Float32Array(n), a: new Float32Array(n), b: new Float32Array(n), W: img.width, H: img.height, alpha: img.data.filter((_, i) => i%4 === 3)};
    now(spread(img, ab, (y, L, a, b) => { out.L.set(L, y*img.width); out.a.set(a, y*img.width); out.b.set(b, y*img.width) }));
    return out;
  }
  function tint({L, a, b, W, H, alpha}, saturation) { // turn a sketch into a picture
    const out = new ImageData(W, H);
    fill(out.data, L, a, b, saturation);
    alpha.forEach((v, i) => { out.data[4*i+3] = v });
    return out;
  }
  const now = work => { for (;;) { const {value, done} = work.next(); if (done) return value } };
  const pause = (() => { const {port1, port2} = new MessageChannel(); let go; port2.onmessage = () => go(); return () => new Promise(r => { go = r; port1.postMessage(0) }) })();
  async function breathe(work, progress) { // run until the end, or until `progress` returns false, and handle messages in between
    for (let t = performance.now();;) {
      const {value, done} = work.next();
      if (done) return value;
      if (performance.now()-t < 12) continue;
      if (progress(value) === false) return null;
      await pause();
      t = performance.now();
    }
  }

  // ---- the engine receives messages and posts what the page displays. It only works on the latest photo and saturation.
  const PIXELS = 50e6, PREVIEW = 720, SHOWN = 2e6; // pixels of the largest photo, longest side of the preview, and pixels of the displayed picture
  const canvasOf = (width, height) => typeof OffscreenCanvas === 'undefined' ? Object.assign(document.createElement('canvas'), {width, height}) : new OffscreenCanvas(width, height);
  const penOf = canvas => canvas.getContext('2d', {willReadFrequently: true});
  const copy = ({data, width, height}) => new ImageData(new Uint8ClampedArray(data), width, height);
  const fit = (width, height, k) => k < 1 ? [Math.max(1, Math.round(width*k)), Math.max(1, Math.round(height*k))] : [width, height];
  function shrunk(source, [width, height]) { // a small copy for display, scaled by the browser
    const pen = penOf(canvasOf(width, height));
    pen.imageSmoothingQuality = 'high';
    pen.drawImage(source, 0, 0, width, height);
    return pen.getImageData(0, 0, width, height);
  }
  async function open(blob, name) { // return an upright bitmap
    let bitmap;
    try { bitmap = await createImageBitmap(blob, {imageOrientation: 'from-image'}) }
    catch { throw new Error(`${name} is not a picture that this browser can read; try a JPEG, PNG, or WebP`) }
    const {width, height} = bitmap;
    if (width*height > PIXELS) throw new Error(`${width} x ${height} pixels are more than the limit of this page (50 megapixels); the command colorize-nb has no such limit`);
    return bitmap;
  }
  function onWhite(img) { // put a transparent photo on white, as in the library
    const {data} = img;
    for (let i = 0; i < data.length; i += 4) if (data[i+3] < 255) for (let c = 0; c < 3; c++) data[i+c] = Math.round((data[i+c]*data[i+3] + 255*(255-data[i+3]))/255);
    return img;
  }
  const transparent = img => { for (let i = 3; i < img.data.length; i += 4) if (img.data[i] < 255) return true; return false };
  function chromatic(img) { // return whether the photo has color
    let many = 0;
    for (let i = 0; i < img.data.length; i += 4*97) if (Math.max(img.data[i], img.data[i+1], img.data[i+2])-Math.min(img.data[i], img.data[i+1], img.data[i+2]) > 12) many++;
    return many*97*4 > .02*img.data.length;
  }
  function engine(base, post) {
    let turn = 0, stroke = 0, photo, ab, painted, took = 0;
    const fine = mine => mine === turn;
    async function color({turn: mine, blob, name, model}) {
      turn = mine; stroke++; photo = ab = painted = null;
      const tell = what => post({...what, turn: mine});
      tell({what: 'busy', words: 'Reading the photo'});
      const t0 = performance.now(), bitmap = await open(blob, name), {width, height} = bitmap;
      if (!fine(mine)) return;
      const shown = shrunk(bitmap, fit(width, height, Math.sqrt(SHOWN/(width*height)))), small = shrunk(bitmap, fit(width, height, PREVIEW/Math.max(width, height))), alpha = transparent(shown);
      tell({what: 'opened', width, height, own: chromatic(shown), alpha, shown, part: .1}); // the page shows this while the full photo is read
      await pause();
      const img = shrunk(bitmap, [width, height]);
      bitmap.close();
      if (!fine(mine)) return;
      const net = await load(base, model, m => tell({what: 'busy', words: `Loading the model (${m.megabytes} MB, once)`})).catch(e => { throw new Error(`the model did not load (${e.message})`) });
      if (!fine(mine)) return;
      tell({what: 'busy', words: 'Running the model', part: .15});
      await pause();
      const found = await chroma(alpha ? onWhite(copy(img)) : img, net);
      if (!fine(mine)) return;
      [photo, ab, took] = [img, found, performance.now()-t0];
      tell({what: 'sketched', sketch: sketch(small, ab), saturation: net.saturation});
    }
    async function full({turn: mine, saturation}) { // color all pixels
      if (!fine(mine) || !photo) return;
      const me = ++stroke, t0 = performance.now(), out = new ImageData(photo.width, photo.height);
      painted = null;
      let reported = 0;
      const done = await breathe(paint(photo, ab, saturation, out), part => {
        if (me === stroke && performance.now()-reported > 100) { reported = performance.now(); post({what: 'busy', turn: mine, words: `Coloring ${Math.round(100*part)}%`, part: .2+.8*part}) }
        return me === stroke && fine(mine);
      });
      if (!done || me !== stroke || !fine(mine)) return;
      painted = out;
      post({what: 'painted', turn: mine, saturation, picture: display(out), seconds: (took+performance.now()-t0)/1000});
    }
    function display(out) { // shrink the picture to what the page displays
      const {width, height} = out, size = fit(width, height, Math.sqrt(SHOWN/(width*height)));
      if (size[0] === width) return copy(out);
      const canvas = canvasOf(width, height);
      penOf(canvas).putImageData(out, 0, 0);
      return shrunk(canvas, size);
    }
    async function save({turn: mine}) {
      if (!painted) return;
      const canvas = canvasOf(painted.width, painted.height);
      penOf(canvas).putImageData(painted, 0, 0);
      post({what: 'file', turn: mine, blob: await (canvas.convertToBlob ? canvas.convertToBlob({type: 'image/png'}) : new Promise(r => canvas.toBlob(r)))});
    }
    const jobs = {color, paint: full, save, async cancel({turn: mine}) { turn = mine; stroke++ }};
    return async data => { try { await jobs[data.do](data) } catch (e) { if (fine(data.turn)) post({what: 'failed', turn: data.turn, message: e.message}) } };
  }

  return {models, engine, gray, tint};
})();
