// Hosts group members of KafkaJS; ../README.md has the words they speak.
//
//   BOOTSTRAP TOPIC GROUP PROTOCOL SESSION_MILLISECONDS
import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import kafkajs from 'kafkajs'

const { Kafka, logLevel } = kafkajs
const [bootstrap, topic, groupId, , session] = process.argv.slice(2)
const heartbeatInterval = 500
const wait = 100 // milliseconds

// Each line is one write, which is atomic: all hosts share one pipe.
function tell(word, name, ...rest) {
  writeSync(1, [word, name, ...rest].join(' ').replaceAll('\n', ' ').slice(0, 1000) + '\n')
}

// records says what the application got of a partition and returns the offset to commit.
function records(name, partition, messages) {
  let first = -1
  let last = -1
  for (const m of messages) {
    const offset = Number(m.offset)
    if (m.value.toString() !== m.offset) tell('failed', name, `the record at ${partition}-${offset} holds ${m.value}`)
    if (first >= 0 && offset !== last + 1) {
      tell('read', name, partition, first, last)
      first = offset
    }
    if (first < 0) first = offset
    last = offset
  }
  tell('read', name, partition, first, last)
  return last + 1
}

class Member {
  held = []

  constructor(name) {
    this.name = name
    const kafka = new Kafka({ clientId: name, brokers: bootstrap.split(','), logLevel: logLevel.NOTHING })
    this.consumer = kafka.consumer({ groupId, sessionTimeout: Number(session), heartbeatInterval, maxWaitTimeInMs: wait })
    const { GROUP_JOIN, REBALANCING, CRASH } = this.consumer.events
    this.consumer.on(REBALANCING, () => this.release())
    this.consumer.on(GROUP_JOIN, ({ payload }) => this.hold(payload.memberAssignment[topic] ?? []))
    this.consumer.on(CRASH, ({ payload }) => {
      this.release()
      if (!payload.restart) tell('failed', name, payload.error.message)
    })
  }

  hold(partitions) {
    this.release()
    this.held = partitions
    if (partitions.length) tell('assigned', this.name, ...partitions)
  }

  release() {
    if (this.held.length) tell('revoked', this.name, ...this.held)
    this.held = []
  }

  async run() {
    await this.consumer.connect()
    await this.consumer.subscribe({ topics: [topic], fromBeginning: true })
    await this.consumer.run({ autoCommit: false, eachBatch: batch => this.take(batch) })
  }

  async take({ batch, resolveOffset, isStale, isRunning }) {
    if (!batch.messages.length || isStale() || !isRunning() || !this.held.includes(batch.partition)) return
    const offset = records(this.name, batch.partition, batch.messages)
    resolveOffset(String(offset - 1))
    tell('commit', this.name, `${batch.partition}:${offset}`)
    try {
      await this.consumer.commitOffsets([{ topic, partition: batch.partition, offset: String(offset) }])
    } catch (e) {
      tell('refused', this.name, e.message)
      throw e
    }
    tell('committed', this.name, `${batch.partition}:${offset}`)
  }

  async leave() {
    await this.consumer.disconnect()
    this.release()
    tell('left', this.name)
  }
}

const members = new Map()
for await (const line of createInterface({ input: process.stdin })) {
  const [order, name] = line.split(' ')
  if (order === 'join') {
    const member = new Member(name)
    members.set(name, member)
    member.run().catch(e => tell('failed', name, e.message))
  } else {
    members.get(name).leave().catch(e => tell('failed', name, e.message))
    members.delete(name)
  }
}
await Promise.all([...members.values()].map(member => member.leave()))
process.exit(0)
