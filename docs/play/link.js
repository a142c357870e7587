// The worker that trains, started at the first need: its script and its WebAssembly come as one file, so that a page opened from a disk has them too.
export class Link {
  constructor(hear) { this.hear = hear; this.turn = 0 }
  load() {
    return this.ready ??= new Promise((done, fail) => {
      const script = document.createElement('script');
      script.src = new URL('_static/play-engine.js', document.baseURI).href;
      script.onerror = () => fail(new Error('the trainer (play-engine.js) did not load: reload the page'));
      script.onload = () => {
        this.worker = new Worker(URL.createObjectURL(new Blob([PlayEngine.script], {type: 'text/javascript'})));
        this.worker.onerror = e => fail(new Error(`the trainer stopped: ${e.message}`));
        this.worker.onmessage = ({data}) => {
          if (data.what === 'ready') done();
          else if (data.what === 'failed') { fail(new Error(data.message)); this.hear(data) }
          else if (data.turn === this.turn) this.hear(data); // what an earlier network still had to say is not heard
        };
        this.worker.postMessage({do: 'load', wasm: PlayEngine.wasm});
      };
      document.head.append(script);
    });
  }
  async start(settings) { const turn = ++this.turn; await this.load(); if (turn === this.turn) this.worker.postMessage({do: 'start', turn, settings}) }
  say(message) { this.worker?.postMessage(message) }
}
