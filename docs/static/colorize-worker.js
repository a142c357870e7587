// The worker that colorize.js starts.
'use strict';
importScripts('ort/ort.wasm.min.js', 'colorize-core.js');
const receive = Colorize.engine(self.location.href.replace(/[^/]*$/, ''), data => postMessage(data));
onmessage = e => receive(e.data);
