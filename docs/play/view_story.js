// Five steps that tell the story; each sets the knobs and starts.
import {h} from './dom.js';
import {STORY, story} from './state.js';

export class Story {
  constructor(tell) {
    this.buttons = STORY.map(({name, set}, i) => h('button', {type: 'button', onclick: () => tell(set)}, h('b', {'aria-hidden': 'true'}, `${i+1}`), h('span', {}, name)));
    this.tale = h('p', {class: 'tale', 'aria-live': 'polite'});
    this.el = h('section', {class: 'story', 'aria-label': 'The story in five steps'}, h('ol', {}, this.buttons.map(b => h('li', {}, b))), this.tale);
  }
  draw({state}) {
    const at = story(state);
    this.buttons.forEach((b, i) => b.setAttribute('aria-pressed', i === at));
    const tale = at < 0 ? 'Your own experiment. Press Train, or go back to a step of the story.' : STORY[at].tale;
    if (this.tale.textContent !== tale) this.tale.textContent = tale;
  }
}
