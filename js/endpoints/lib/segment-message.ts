/** The message that Segment defined and RudderStack and Jitsu take, too (Segment Spec: track, page, identify, group). */
import { defined, type EventRow, isoTime, placeOf } from './event.js'

/**
 * A row as such a message. The row's columns are `context.nymtrail`: warehouses have what is in the context in every
 * table, while properties are spread over a table for each event's name; and traits would take them into the profiles
 * of users. `context.ip` is the value that stands for no address.
 */
export function toMessage(event: EventRow): { type: string; context: object; [field: string]: unknown } {
  const { row, uuid, kind, name, props, user, group, device, visit, url, referrer, columns } = event
  // A group that lacks its pseudonym cannot be a `group` message, and rows that are no events are like tracked ones.
  const type = kind === 'page' || kind === 'identify' || (kind === 'group' && group) ? kind : 'track'
  const page = kind === 'page' && defined({ url, path: placeOf(url).path, referrer })
  const named = kind === 'page' && name !== kind && { name }
  return {
    type,
    ...(type === 'track' && { event: name }),
    ...named,
    messageId: uuid,
    timestamp: isoTime(row.t),
    anonymousId: device ?? row.chain,
    ...(user && { userId: user }),
    ...(type === 'group' && { groupId: group }),
    ...(type === 'identify' || type === 'group' ? { traits: props } : { properties: { ...page, ...named, ...props } }),
    context: {
      ip: '0.0.0.0',
      library: { name: 'nymtrail' },
      ...(page && { page }),
      ...(group && { groupId: group }),
      nymtrail: { ...(visit && { visit }), ...columns },
    },
  }
}
