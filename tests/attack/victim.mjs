// Whom the attacks look for: people who do not exist, and what a page does with their names.

/** As a page passes them. The last one is a name that no pattern can see. */
export const EMAIL = "Zoë.O'Neil+tag@exämple-qzx.org"
export const PHONE = '+41 79 806 42 17'
export const UUID = '7d3f9a52-6c1e-4b08-9e47-d2a5b8c0f613'
export const NAME = 'Xquenza Ombrivölk'

/** What is looked for: as it was passed, as it is normalised, and the parts that alone would give it away. */
export const SECRETS = [
  EMAIL,
  "zoë.o'neil+tag@xn--exmple-qzx-r5a.org",
  PHONE,
  '+41798064217',
  '0798064217',
  UUID,
  UUID.replaceAll('-', ''),
  NAME,
  'Ombrivölk',
]

/** Somebody whom the page itself leaves everywhere, so that a search that finds nothing would be noticed. */
export const CONTROL = 'Planted.Person-jkw@control-vqh.example'

/** The salt of these visits, and where it is. */
export const SALT = '5a'.repeat(32)

/** What a page that loves its visitors' names does with them. The page has `window.trail`. */
export function passEverywhere(page) {
  return page.evaluate(
    ({ email, phone, uuid, name }) => {
      const { trail } = globalThis
      const props = {
        email,
        account: email,
        sentence: `please write to ${email} or call ${phone}, customer ${uuid}, Mrs ${name}`,
        nested: { deep: [{ deeper: email }, [phone, uuid, name]] },
        link: `https://shop.example/u/${encodeURIComponent(email)}?e=${encodeURIComponent(encodeURIComponent(email))}`,
        upper: email.toUpperCase(),
        lower: email.toLowerCase(),
        base64: btoa(unescape(encodeURIComponent(`mail ${email}`))),
        quoted: JSON.stringify({ email, phone, name }),
        [email]: 'as a name',
        [name]: 'as a name',
      }
      // An address and a number are seen by their form; a name and a UUID once they were passed to identify().
      trail.track('before', { email, sentence: `${email}, ${email}`, account: phone })
      for (const id of [email, phone, uuid, name]) trail.identify(id, { email, phone, plan: 'pro' })
      trail.page()
      trail.page(email, props)
      trail.track('canary-control', props)
      for (const id of [email, phone, uuid, name]) {
        trail.track(id, props)
        trail.track(`signed in as ${id}`, { who: id, list: [id, `x ${id} y`, [id]] })
      }
      trail.group(name, { name, contact: email, phone })
      trail.group(email, { contact: email })
      trail.track('fourth', props)
    },
    { email: EMAIL, phone: PHONE, uuid: UUID, name: NAME },
  )
}

/** Puts the visitor into the page's address, from where referrers and page views could take it. */
export function intoAddress(page) {
  return page.evaluate(
    ({ email, phone, uuid, control }) => {
      const [mail, number, planted] = [email, phone, control].map(encodeURIComponent)
      history.replaceState(
        null,
        '',
        `/page/${mail}/${uuid}/x?email=${mail}&utm_source=${mail}&phone=${number}#${planted}`,
      )
    },
    { email: EMAIL, phone: PHONE, uuid: UUID, control: CONTROL },
  )
}
