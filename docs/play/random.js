// Numbers by chance that come again with the same seed.
import alea from 'seedrandom/lib/alea.js';

export class Dice {
  constructor(seed) { this.next = alea(String(seed)) }
  uniform(lo, hi) { return lo + (hi-lo)*this.next() }
  integer(n) { return Math.floor(n*this.next()) }
  normal() { return Math.sqrt(-2*Math.log(1-this.next()))*Math.cos(2*Math.PI*this.next()) }
}
export function pick(shares, u) { // which share the number u, 0..1, falls into
  let i = 0;
  for (let sum = shares[0]; u >= sum && i < shares.length-1; sum += shares[++i]);
  return i;
}
