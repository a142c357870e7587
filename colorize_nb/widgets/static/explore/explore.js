// An explorer in a notebook, or on a page without Python. The model has the kind of panel, its state, its photo, a template for the code, and a network's prediction if the panel needs one.
import {Bins} from './explore_bins.js';
import {Distribution} from './explore_distribution.js';
import {Lab} from './explore_lab.js';
import {Sepia} from './explore_sepia.js';
import {open} from './photo.js';

const KINDS = {bins: Bins, distribution: Distribution, lab: Lab, sepia: Sepia};

export default {
  render({model, el}) {
    const tell = set => { model.set('state', {...model.get('state'), ...set}); model.save_changes() };
    const panel = new KINDS[model.get('kind')](model.get('state'), tell, model.get('code'), model.get('data'));
    const draw = async () => { if (model.get('photo')?.byteLength) panel.set(await open(new Blob([model.get('photo')]), Infinity)) };
    const same = () => Object.entries(model.get('state')).every(([k, v]) => !(k in panel.state) || String(panel.state[k]) === String(v));
    model.on('change:photo', draw);
    model.on('change:state', () => { if (!same()) panel.take(model.get('state')) }); // only if Python changed it
    el.classList.add('explorer');
    panel.el.removeAttribute('id'); // a page can have several
    el.append(panel.el);
    panel.draw();
    draw();
    const watch = new MutationObserver(() => panel.draw()); // redraw in the colors of the other theme
    watch.observe(document.documentElement, {attributeFilter: ['data-theme']});
    watch.observe(document.body, {attributeFilter: ['data-jp-theme-light']});
    return () => watch.disconnect();
  }
}
