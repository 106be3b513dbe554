/** What a channel does, over the BroadcastChannel there is. */
import { type Channel, openChannel } from '../browser/channel.ts'
import { type Cases, equal, fresh, pause, shadowing, until } from './check.ts'

function join(name: string): { end: Channel; heard: string[] } {
  const heard: string[] = []
  return { end: openChannel(name, (message) => heard.push(message)), heard }
}

const closeAll = (...ends: { end: Channel }[]) => {
  for (const { end } of ends) end.close()
}

export const channelCases: Cases = {
  async 'what one end says the others hear'() {
    const name = fresh('channel')
    const [one, two, other] = [join(name), join(name), join(fresh('another channel'))]
    one.end.post('hello')
    one.end.post('Grüße 😀')
    two.end.post('')
    await until(() => two.heard.length > 1 && one.heard.length > 0)
    equal([one.heard, two.heard, other.heard], [[''], ['hello', 'Grüße 😀'], []])
    closeAll(one, two, other)
  },

  async 'a closed end hears and says nothing more'() {
    const name = fresh('closed channel')
    const [one, two, three] = [join(name), join(name), join(name)]
    two.end.close()
    two.end.close()
    one.end.post('late')
    two.end.post('later')
    await until(() => three.heard.length > 0)
    await pause(30)
    equal([two.heard, three.heard], [[], ['late']])
    closeAll(one, three)
  },

  async 'what is not text is passed over'() {
    const name = fresh('not text')
    const { end, heard } = join(name)
    const channel = new BroadcastChannel(name)
    for (const message of [1, null, {}, ['x'], 'text']) channel.postMessage(message)
    await until(() => heard.length > 0)
    equal(heard, ['text'])
    channel.close()
    end.close()
  },

  async 'an end may close while it hears'() {
    const name = fresh('closing while hearing')
    const [one, three] = [join(name), join(name)]
    let calls = 0
    const two = openChannel(name, () => {
      calls++
      two.close()
    })
    one.end.post('1')
    one.end.post('2')
    await until(() => three.heard.length > 1)
    await pause(30)
    equal(calls, 1)
    closeAll(one, three)
  },

  async 'without BroadcastChannel nobody is heard'() {
    const refusing = class {
      constructor() {
        throw new DOMException('no', 'SecurityError')
      }
    }
    for (const value of [undefined, refusing])
      await shadowing(globalThis, 'BroadcastChannel', { value }, async () => {
        const { end, heard } = join('nobody')
        end.post('hello')
        end.close()
        equal(heard, [])
      })
  },
}
