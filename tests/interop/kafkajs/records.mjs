// The records of the interoperability runs and their digests; the rules are in ../README.md.
import { createHash } from 'node:crypto'

export const PARTITIONS = 6
const UNIT = 1 << 16
const POOL = 1 << 20

function mix(x) {
  x ^= x >>> 16
  x = Math.imul(x, 0x7feb352d)
  x ^= x >>> 15
  x = Math.imul(x, 0x846ca68b)
  return (x ^ (x >>> 16)) >>> 0
}

function field(i, k) {
  return mix((Math.imul(i, 0x9e3779b1) + Math.imul(k, 0x85ebca6b) + 0x27d4eb2f) | 0)
}

function pool(at) {
  const bytes = Buffer.alloc(POOL)
  for (let j = 0; j < POOL; j++) bytes[j] = j < UNIT ? at(j) : bytes[j - UNIT]
  return bytes
}

const noise = pool(j => mix((j + 0x5bd1e995) | 0) & 0xff)
const text = pool(j => 97 + (mix(((j >>> 3) + 0x1b873593) | 0) % 26))

function valueSize(i) {
  const c = field(i, 1) % 1000
  const d = field(i, 3)
  if (i % 100000 === 77777) return 900000
  if (i % 5000 === 4999) return 100000 + (d % 800001)
  if (c < 30) return -1
  if (c < 80) return 0
  if (c < 800) return 1 + (d % 256)
  if (c < 970) return 257 + (d % 2048)
  if (c < 998) return 2048 + (d % 8192)
  return 16384 + (d % 65536)
}

function value(i) {
  const size = valueSize(i)
  if (size < 0) return null
  const from = field(i, 2) % UNIT
  return (field(i, 15) % 2 ? text : noise).subarray(from, from + size)
}

function key(i) {
  const c = field(i, 4) % 100
  const d = field(i, 5)
  if (c < 10) return null
  if (c < 15) return Buffer.alloc(0)
  if (c < 30) return noise.subarray(d % UNIT, (d % UNIT) + 1 + (d % 32))
  return Buffer.from('key-' + (d % 10000))
}

// Headers are a list of [name, Buffer or null].
function headers(i) {
  const made = []
  for (let j = 0; j < (field(i, 6) % 10) - 6; j++) {
    const c = field(i, 7 + j) % 5
    const v = c === 0 ? null : Buffer.from(c === 1 ? '' : field(i, 10 + j).toString(16))
    made.push([['h0', 'h1', 'h0'][j], v])
  }
  return made
}

export function make(i) {
  return {
    partition: field(i, 14) % PARTITIONS, key: key(i), value: value(i), headers: headers(i),
    timestamp: 1700000000000 + 17 * i - (field(i, 13) % 1000)
  }
}

function sized(b) {
  const size = Buffer.alloc(4)
  if (b === null) {
    size.writeUInt32BE(0xffffffff)
    return [size]
  }
  size.writeUInt32BE(b.length)
  return [size, b]
}

// canonical returns the bytes of a record that are digested.
export function canonical(r) {
  const sorted = [...r.headers].sort((x, y) => (x[0] < y[0] ? -1 : x[0] > y[0] ? 1 : 0))
  const fixed = Buffer.alloc(12)
  fixed.writeBigUInt64BE(BigInt(r.timestamp))
  fixed.writeUInt32BE(sorted.length, 8)
  return Buffer.concat([...sized(r.key), ...sized(r.value), fixed,
    ...sorted.flatMap(([name, v]) => [...sized(Buffer.from(name)), ...sized(v)])])
}

// Digest collects the records of one topic, each partition in its own order.
export class Digest {
  counts = new Array(PARTITIONS).fill(0)
  hashes = this.counts.map(() => createHash('sha256'))

  add(r, offset) {
    if (offset !== undefined && offset !== this.counts[r.partition]) {
      throw new Error(`partition ${r.partition}: got offset ${offset}, want ${this.counts[r.partition]}`)
    }
    this.counts[r.partition]++
    this.hashes[r.partition].update(canonical(r))
  }

  lines() {
    return this.hashes.map((h, p) => `${p} ${this.counts[p]} ${h.copy().digest('hex')}`)
  }

  total() {
    return this.counts.reduce((a, b) => a + b, 0)
  }
}

// expect returns the digest of records from to from+count-1, each as the function as makes it.
export function expect(from, count, as = r => r) {
  const d = new Digest()
  for (let i = from; i < from + count; i++) d.add(as(make(i)))
  return d
}
