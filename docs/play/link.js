// The connection to the worker that trains. The worker starts when it's first needed. Its script and WebAssembly are in one file, so that this also works on a page opened from disk.
export class Link {
  constructor(receive) { this.receive = receive; this.turn = 0 }
  load() {
    return this.ready ??= new Promise((done, fail) => {
      const script = document.createElement('script');
      script.src = new URL('_static/play-engine.js', document.baseURI).href;
      script.onerror = () => fail(new Error('the trainer (play-engine.js) did not load; reload the page'));
      script.onload = () => {
        this.worker = new Worker(URL.createObjectURL(new Blob([PlayEngine.script], {type: 'text/javascript'})));
        this.worker.onerror = e => fail(new Error(`the trainer stopped: ${e.message}`));
        this.worker.onmessage = ({data}) => {
          if (data.what === 'ready') done();
          else if (data.what === 'failed') { fail(new Error(data.message)); this.receive(data) }
          else if (data.turn === this.turn) this.receive(data); // ignore messages about an earlier network
        };
        this.worker.postMessage({do: 'load', wasm: PlayEngine.wasm});
      };
      document.head.append(script);
    });
  }
  async start(settings) { const turn = ++this.turn; await this.load(); if (turn === this.turn) this.worker.postMessage({do: 'start', turn, settings}) }
  send(message) { this.worker?.postMessage(message) }
}
