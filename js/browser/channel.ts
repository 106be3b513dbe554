/** Short messages between the tabs of one origin, by BroadcastChannel. Where it is missing nobody is heard. */

/** An end of a channel. Nothing here throws. */
export interface Channel {
  /** Says `message` to every other end, in this tab and in others. */
  post(message: string): void
  /** Leaves the channel: it hears and says nothing more. */
  close(): void
}

/** Joins the channel `name`. `heard` gets the text that others say, never what this end says. */
export function openChannel(name: string, heard: (message: string) => void): Channel {
  let channel: BroadcastChannel | undefined
  try {
    channel = new BroadcastChannel(name)
    channel.onmessage = ({ data }) => {
      if (typeof data === 'string') heard(data)
    }
  } catch {
    // Missing, or forbidden in a sandbox.
  }
  return {
    post: (message) => channel?.postMessage(message),
    close() {
      channel?.close()
      channel = undefined
    },
  }
}
