// The search page: show the results for the query in the URL.
import {engine} from './engine.js';

const h = (tag, attributes = {}, ...children) => { const el = Object.assign(document.createElement(tag), attributes); el.append(...children); return el };
const KINDS = {lesson: 'Chapter', claim: 'Claim', library: 'Library', solution: 'Solutions', page: '', other: ''};

function result({url, kind, title, excerpt}) {
  const context = h('p', {className: 'context'}, ...excerpt.map(([w, found]) => found ? h('mark', {}, w) : w));
  return h('li', {}, h('a', {href: url}, title), KINDS[kind] ? h('span', {className: 'kind'}, KINDS[kind]) : '', context);
}
function show() {
  const query = new URLSearchParams(location.search).get('q')?.trim() ?? '', root = document.querySelector('#search-results');
  if (!root) return;
  document.querySelectorAll('input[name=q]').forEach(i => { i.value = query });
  if (!query) return root.replaceChildren(h('p', {className: 'search-summary'}, 'Type one or more words above.'));
  const found = engine(globalThis.SEARCH).search(query);
  const message = found.length ? `${found.length} page${found.length > 1 ? 's' : ''}, best first, for \u201c${query}\u201d.` : `No pages found for \u201c${query}\u201d. Try fewer words, or different ones.`;
  root.replaceChildren(h('p', {className: 'search-summary', role: 'status'}, message), h('ul', {className: 'search'}, ...found.map(result)));
  document.title = `${query} - search`;
}
show();
