// KafkaJS through the run that every client gets; see ../README.md.
//
//   own BOOTSTRAP RECORDS DIGESTS
//   cross BOOTSTRAP NAME,FROM,COUNT...
//
// KafkaJS consumes through groups only, so topics are read with the broker object that its consumer is built
// on: the same request encoder, response decoder and decompressors, without a coordinator.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import kafkajs from 'kafkajs'
import SnappyCodec from 'kafkajs-snappy'
import { Digest, PARTITIONS, canonical, expect, make } from './records.mjs'

const { Kafka, CompressionTypes, CompressionCodecs, logLevel } = kafkajs
CompressionCodecs[CompressionTypes.Snappy] = SnappyCodec
const IsolationLevel = createRequire(import.meta.url)('kafkajs/src/protocol/isolationLevel')

const [mode, bootstrap, ...rest] = process.argv.slice(2)
const kafka = new Kafka({ clientId: 'interop', brokers: [bootstrap], logLevel: logLevel.ERROR })
const codecs = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP, snappy: CompressionTypes.Snappy }
const patience = 120_000
// Bytes of one produce request: a batch must stay below the topic's max.message.bytes.
const batchBytes = 400_000
let passed = 0
let failed = 0

async function check(what, step) {
  try {
    await step()
    passed++
    return true
  } catch (e) {
    failed++
    console.log(`FAIL kafkajs: ${what}: ${e.message.slice(0, 400)}`)
    return false
  }
}

async function createTopic(topic) {
  const admin = kafka.admin()
  await admin.connect()
  try {
    const configEntries = [{ name: 'retention.ms', value: '-1' }]
    await admin.createTopics({ topics: [{ topic, numPartitions: PARTITIONS, replicationFactor: 1, configEntries }] })
  } finally {
    await admin.disconnect()
  }
}

// KafkaJS cannot send a null header, so it sends an empty one in its place.
function sendable(r) {
  return { ...r, headers: r.headers.map(([name, v]) => [name, v ?? Buffer.alloc(0)]) }
}

function outgoing(r) {
  const headers = {}
  for (const [name, v] of r.headers) headers[name] = name in headers ? [].concat(headers[name], v) : v
  return { partition: r.partition, key: r.key, value: r.value, headers, timestamp: String(r.timestamp) }
}

async function produce(topic, codec, from, count) {
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  try {
    let messages = []
    let bytes = 0
    const send = async () => {
      if (messages.length) await producer.send({ topic, messages, acks: -1, compression: codecs[codec] })
      messages = []
      bytes = 0
    }
    for (let i = from; i < from + count; i++) {
      const r = make(i)
      const size = r.value?.length ?? 0
      if (bytes + size > batchBytes) await send()
      messages.push(outgoing(sendable(r)))
      bytes += size
    }
    await send()
  } finally {
    await producer.disconnect()
  }
}

function incoming(m, partition) {
  const headers = Object.entries(m.headers).flatMap(([name, v]) => [].concat(v).map(one => [name, one]))
  return { partition, key: m.key, value: m.value, headers, timestamp: Number(m.timestamp) }
}

// read fetches from the given offsets of partitions until visit declines.
async function read(topic, starts, visit) {
  const createCluster = Object.getOwnPropertySymbols(kafka).find(s => s.description === 'private:Kafka:createCluster')
  const cluster = kafka[createCluster]({ metadataMaxAge: 300_000, isolationLevel: IsolationLevel.READ_COMMITTED })
  await cluster.connect()
  try {
    await cluster.addTargetTopic(topic)
    const leaders = cluster.findLeaderForPartitions(topic, Object.keys(starts).map(Number))
    const broker = await cluster.findBroker({ nodeId: Object.keys(leaders)[0] })
    const next = { ...starts }
    for (const end = Date.now() + patience; ;) {
      if (Date.now() > end) throw new Error('records are missing')
      const partitions = Object.entries(next).map(([p, at]) => ({ partition: Number(p), fetchOffset: String(at), maxBytes: 2 << 20 }))
      const { responses } = await broker.fetch({
        isolationLevel: IsolationLevel.READ_COMMITTED, maxWaitTime: 200, maxBytes: 20 << 20, topics: [{ topic, partitions }]
      })
      for (const { partition, messages } of responses.flatMap(r => r.partitions)) {
        for (const m of messages) {
          const offset = Number(m.offset)
          if (offset < next[partition]) continue // the batch began before the offset that was asked for
          next[partition] = offset + 1
          if (!visit(incoming(m, partition), offset)) return
        }
      }
    }
  } finally {
    await cluster.disconnect()
  }
}

async function verify(topic, from, count, as = r => r) {
  const want = expect(from, count, as)
  const middle = Math.floor(want.counts[0] / 2)
  let kept
  const ok = await check(topic + ': consume', async () => {
    const got = new Digest()
    let left = want.total()
    await read(topic, Object.fromEntries(want.counts.map((_, p) => [p, 0])), (r, offset) => {
      got.add(r, offset)
      if (r.partition === 0 && offset === middle) kept = canonical(r)
      return --left > 0
    })
    if (got.lines().join() !== want.lines().join()) throw new Error(`got ${got.lines()}, want ${want.lines()}`)
  })
  if (!ok) return
  await check(topic + ': seek', () => read(topic, { 0: middle }, r => {
    if (!canonical(r).equals(kept)) throw new Error(`offset ${middle} holds another record than before`)
    return false
  }))
}

async function own(total) {
  const names = Object.keys(codecs)
  const share = Math.floor(total / names.length)
  for (const [k, codec] of names.entries()) {
    const topic = 'interop-kafkajs-' + codec
    if (await check(codec + ': create topic', () => createTopic(topic)) &&
        await check(codec + ': produce', () => produce(topic, codec, k * share, share))) {
      console.log(`folded ${topic},${k * share},${share}`)
      await verify(topic, k * share, share, sendable)
    }
  }
}

if (mode === 'own') {
  await check('generator', () => {
    if (expect(0, 2000).lines().join('\n') + '\n' !== readFileSync(rest[1], 'utf8')) throw new Error('the generator differs from digests.txt')
  })
  await own(Number(rest[0]))
} else {
  for (const text of rest) {
    const [topic, from, count] = text.split(',')
    await verify(topic, Number(from), Number(count))
  }
}
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed || !passed ? 1 : 0)
