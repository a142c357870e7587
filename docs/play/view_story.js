// Five steps; each one sets the controls and starts training.
import {h} from './dom.js';
import {STORY, story} from './state.js';

export class Story {
  constructor(tell) {
    this.buttons = STORY.map(({name, set}, i) => h('button', {type: 'button', onclick: () => tell(set)}, h('b', {'aria-hidden': 'true'}, `${i+1}`), h('span', {}, name)));
    this.tale = h('p', {class: 'tale', 'aria-live': 'polite'});
    this.el = h('section', {class: 'story', 'aria-label': 'Five steps'}, h('ol', {}, this.buttons.map(b => h('li', {}, b))), this.tale);
  }
  draw({state}) {
    const at = story(state);
    this.buttons.forEach((b, i) => b.setAttribute('aria-pressed', i === at));
    const tale = at < 0 ? 'This is your own experiment. Press Train, or choose one of the steps above.' : STORY[at].tale;
    if (this.tale.textContent !== tale) this.tale.textContent = tale;
  }
}
