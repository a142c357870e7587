// The site's search: MiniSearch ranks pages by BM25. Titles, summaries, and known queries (docs/finding.py) count more than text.
import MiniSearch from 'minisearch';

const FIELDS = {queries: 9, title: 8, summary: 4, headings: 2.5, text: 1, code: .3};
const KNOWN_QUERY = 3; // factor for pages whose known queries contain every word
const KINDS = {page: 1.25, lesson: 1.35, claim: 1, library: .9, solution: .4, other: .5};
const IGNORED = new Set('a an and are as at be by can do does for from how i in is it me my of on or the this to use we what when where which why with you your'.split(' '));
// Synonyms for a search
const SYNONYMS = [['gray', 'grey', 'grayscale', 'greyscale', 'monochrome', 'bw'], ['dull', 'brown', 'sepia', 'pale', 'desaturated', 'brownish'], ['own', 'custom'], ['gpu', 'cuda', 'nvidia'], ['install', 'installation', 'setup'],
  ['color', 'colour', 'colorize', 'colourise', 'colorise', 'colorization', 'colorizing'], ['film', 'video', 'movie', 'clip', 'mp4'], ['photo', 'image', 'picture', 'photograph'], ['old', 'vintage', 'antique', 'restore', 'scan'],
  ['chroma', 'saturation'], ['train', 'training', 'finetune', 'fine-tune'], ['error', 'metric', 'psnr'], ['folder', 'dataset', 'album']];

const stem = w => w.length > 3 && w.endsWith('ies') ? w.slice(0, -3)+'y' : w.length > 4 && /(ss|x|ch|sh)es$/.test(w) ? w.slice(0, -2) : w.length > 3 && w.endsWith('s') && !/(ss|us|is)$/.test(w) ? w.slice(0, -1) : w;
const words = text => text.toLowerCase().split(/[^\p{L}\p{N}_-]+/u).map(w => w.replace(/^-+|-+$/g, '')).filter(Boolean);
const synonyms = new Map(SYNONYMS.flatMap(group => group.map(w => [stem(w), group.map(stem)])));

export function engine(pages) { // [{url, kind, title, summary, headings, queries, text}] -> {search(query)}
  const mini = new MiniSearch({idField: 'url', fields: Object.keys(FIELDS), tokenize: words, processTerm: w => IGNORED.has(w) ? null : stem(w),
    searchOptions: {boost: FIELDS, prefix: w => w.length > 2, fuzzy: w => w.length > 5 ? .2 : false, weights: {fuzzy: .15, prefix: .3}, boostDocument: (url) => KINDS[byUrl.get(url).kind] ?? 1}});
  const byUrl = new Map(pages.map(p => [p.url, p]));
  mini.addAll(pages);
  return {
    search(query) { // -> pages, best first, each with an excerpt
      const terms = words(query).filter(w => !IGNORED.has(w)).map(stem), any = w => ({combineWith: 'OR', queries: [w, ...(synonyms.get(w) ?? []).filter(v => v !== w).map(v => ({queries: [v], prefix: false, fuzzy: false, boost: Object.fromEntries(Object.entries(FIELDS).map(([k, b]) => [k, .6*b]))}))]});
      if (!terms.length) return [];
      const all = how => mini.search({combineWith: how, queries: terms.map(any)}), strict = all('AND'), found = strict.length ? strict : all('OR');
      const wanted = new Set(terms.flatMap(w => [w, ...(synonyms.get(w) ?? [])]));
      const boost = ({id}) => { const known = new Set(words(byUrl.get(id).queries).map(stem)); return terms.every(w => known.has(w)) ? KNOWN_QUERY : 1 };
      const ranked = found.map(f => ({id: f.id, score: f.score*boost(f)})).sort((a, b) => b.score-a.score);
      return ranked.slice(0, 25).map(({id}) => ({...byUrl.get(id), excerpt: excerpt(byUrl.get(id), wanted)}));
    },
  };
}
const LONGEST = 230; // characters of an excerpt
function excerpt({text, summary}, wanted) { // -> [[text, is it a match?]], starting at the sentence with the most matches
  const parts = [summary, ...text.split(/(?<=[.:!?])\s+/)], hits = parts.map(p => new Set(words(p).map(stem).filter(w => wanted.has(w))).size);
  const best = hits.reduce((m, n, i) => n > hits[m] ? i : m, 0);
  let from = hits[best] ? (best ? parts.slice(best).join(' ') : summary) : summary || text;
  if (from.length > LONGEST) from = from.slice(0, from.lastIndexOf(' ', LONGEST)) + ' \u2026';
  return from.split(/([\p{L}\p{N}_-]+)/u).map(w => [w, wanted.has(stem(w.toLowerCase()))]);
}
