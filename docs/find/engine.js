// Searching the site: pages are ranked by BM25 with MiniSearch, where titles, summaries, and what people type count more than text.
import MiniSearch from 'minisearch';

const FIELDS = {asked: 9, title: 8, summary: 4, headings: 2.5, text: 1, code: .3}, ASKED = 3; // the last: all words are among those that people type who need the page
const KINDS = {page: 1.25, lesson: 1.35, claim: 1, library: .9, solution: .4, other: .5};
const IGNORED = new Set('a an and are as at be by can do does for from how i in is it me my of on or the this to use we what when where which why with you your'.split(' '));
// Words that mean the same to someone who searches
const SAME = [['gray', 'grey', 'grayscale', 'greyscale', 'monochrome', 'bw'], ['dull', 'brown', 'sepia', 'pale', 'desaturated', 'brownish'], ['own', 'custom'], ['gpu', 'cuda', 'nvidia'], ['install', 'installation', 'setup'],
  ['color', 'colour', 'colorize', 'colourise', 'colorise', 'colorization', 'colorizing'], ['film', 'video', 'movie', 'clip', 'mp4'], ['photo', 'image', 'picture', 'photograph'], ['old', 'vintage', 'antique', 'restore', 'scan'],
  ['chroma', 'saturation'], ['train', 'training', 'finetune', 'fine-tune'], ['error', 'metric', 'psnr'], ['folder', 'dataset', 'album']];

const stem = w => w.length > 3 && w.endsWith('ies') ? w.slice(0, -3)+'y' : w.length > 4 && /(ss|x|ch|sh)es$/.test(w) ? w.slice(0, -2) : w.length > 3 && w.endsWith('s') && !/(ss|us|is)$/.test(w) ? w.slice(0, -1) : w;
const words = text => text.toLowerCase().split(/[^\p{L}\p{N}_-]+/u).map(w => w.replace(/^-+|-+$/g, '')).filter(Boolean);
const meanings = new Map(SAME.flatMap(group => group.map(w => [stem(w), group.map(stem)])));

export function engine(pages) { // [{url, kind, title, summary, headings, asked, text}] -> {search(query)}
  const mini = new MiniSearch({idField: 'url', fields: Object.keys(FIELDS), tokenize: words, processTerm: w => IGNORED.has(w) ? null : stem(w),
    searchOptions: {boost: FIELDS, prefix: w => w.length > 2, fuzzy: w => w.length > 5 ? .2 : false, weights: {fuzzy: .15, prefix: .3}, boostDocument: (url) => KINDS[byUrl.get(url).kind] ?? 1}});
  const byUrl = new Map(pages.map(p => [p.url, p]));
  mini.addAll(pages);
  return {
    search(query) { // pages, best first, each with an excerpt
      const asked = words(query).filter(w => !IGNORED.has(w)).map(stem), any = w => ({combineWith: 'OR', queries: [w, ...(meanings.get(w) ?? []).filter(v => v !== w).map(v => ({queries: [v], prefix: false, fuzzy: false, boost: Object.fromEntries(Object.entries(FIELDS).map(([k, b]) => [k, .6*b]))}))]});
      if (!asked.length) return [];
      const all = how => mini.search({combineWith: how, queries: asked.map(any)}), strict = all('AND'), found = strict.length ? strict : all('OR');
      const looked = new Set(asked.flatMap(w => [w, ...(meanings.get(w) ?? [])]));
      const exact = ({id}) => { const typed = new Set(words(byUrl.get(id).asked).map(stem)); return asked.every(w => typed.has(w)) ? ASKED : 1 };
      const ranked = found.map(f => ({id: f.id, score: f.score*exact(f)})).sort((a, b) => b.score-a.score);
      return ranked.slice(0, 25).map(({id}) => ({...byUrl.get(id), excerpt: excerpt(byUrl.get(id), looked)}));
    },
  };
}
const LONG = 230;
function excerpt({text, summary}, looked) { // [[words, found?]]: the part of the text with most of the words
  const parts = [summary, ...text.split(/(?<=[.:!?])\s+/)], hits = parts.map(p => new Set(words(p).map(stem).filter(w => looked.has(w))).size);
  const best = hits.reduce((m, n, i) => n > hits[m] ? i : m, 0);
  let from = hits[best] ? (best ? parts.slice(best).join(' ') : summary) : summary || text;
  if (from.length > LONG) from = from.slice(0, from.lastIndexOf(' ', LONG)) + ' \u2026';
  return from.split(/([\p{L}\p{N}_-]+)/u).map(w => [w, looked.has(stem(w.toLowerCase()))]);
}
