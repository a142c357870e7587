// The worker of colorize.js.
'use strict';
importScripts('ort/ort.wasm.min.js', 'colorize-core.js');
const hear = Colorize.engine(self.location.href.replace(/[^/]*$/, ''), data => postMessage(data));
onmessage = e => hear(e.data);
