// What the search puts first: lessons and pages that do something, then the book, then the reference and its source.
const FIRST = {color: 30, playground: 30, gallery: 12, index: 15}, PLACES = [['nbs/tutorials/solutions', -6], ['nbs/tutorials', 14], ['nbs/', 4], ['reference/', 0], ['changelog', -8]];
var Scorer = {
  score: ([doc, title, anchor, descr, score]) => score + (FIRST[doc] ?? PLACES.find(([place]) => doc.startsWith(place))?.[1] ?? 0),
  objNameMatch: 11, objPartialMatch: 6, objPrio: {0: 15, 1: 5, 2: -5}, objPrioDefault: 0,
  title: 15, partialTitle: 7, term: 5, partialTerm: 2,
};
