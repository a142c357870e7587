// Random numbers that depend only on the seed.
import alea from 'seedrandom/lib/alea.js';

export class Random {
  constructor(seed) { this.next = alea(String(seed)) }
  uniform(lo, hi) { return lo + (hi-lo)*this.next() }
  integer(n) { return Math.floor(n*this.next()) }
  normal() { return Math.sqrt(-2*Math.log(1-this.next()))*Math.cos(2*Math.PI*this.next()) }
}
export function pick(shares, u) { // the index of the share that u, from 0 to 1, falls into
  let i = 0;
  for (let sum = shares[0]; u >= sum && i < shares.length-1; sum += shares[++i]);
  return i;
}
