/**
 * Keys that sign chains, and checkpoints in signed notes (C2SP signed-note and tlog-checkpoint). Here, beside the
 * endpoints, so that a page pays for it only with one that takes signatures.
 */
import type { ChainKey, Signer } from '../../types.js'
import { bytesOf, hexOf } from './bytes.js'
import { takeReceipt } from './take-receipt.js'

const base64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes))

/** By algorithm: how WebCrypto makes and uses a key, and what the id of a key is a hash of. */
const ALGORITHMS: Record<
  ChainKey['alg'],
  { make: AlgorithmIdentifier | EcKeyGenParams; sign: AlgorithmIdentifier | EcdsaParams; id(name: string): string }
> = {
  // The name, a line end, and 1 for Ed25519.
  Ed25519: { make: { name: 'Ed25519' }, sign: { name: 'Ed25519' }, id: (name) => `${hexOf(utf8(`${name}\n`))}01` },
  // What a SubjectPublicKeyInfo of P-256 begins with in DER.
  ES256: {
    make: { name: 'ECDSA', namedCurve: 'P-256' },
    sign: { name: 'ECDSA', hash: 'SHA-256' },
    id: () => '3059301306072a8648ce3d020106082a8648ce3d030107034200',
  },
}

const utf8 = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text)

async function makeKey(alg: ChainKey['alg']): Promise<ChainKey> {
  const pair = (await crypto.subtle.generateKey(ALGORITHMS[alg].make, false, ['sign', 'verify'])) as CryptoKeyPair
  const pk = hexOf(new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey)))
  return { alg, pk, key: pair.privateKey }
}

/**
 * An ECDSA signature as WebCrypto gives it, r and s after each other, in the DER that C2SP has: both as the shortest
 * numbers that are not negative.
 */
export function derOf(signature: Uint8Array): Uint8Array {
  const integer = (bytes: Uint8Array) => {
    let at = 0
    while (at < bytes.length - 1 && !bytes[at]) at++
    const digits = bytes.subarray(at)
    const sign = (digits[0] as number) & 0x80 ? [0] : []
    return [2, sign.length + digits.length, ...sign, ...digits]
  }
  const half = signature.length / 2
  const numbers = [...integer(signature.subarray(0, half)), ...integer(signature.subarray(half))]
  return Uint8Array.from([0x30, numbers.length, ...numbers])
}

/**
 * Signs chains with keys that cannot leave the browser, Ed25519, or P-256 where there is none, and checks receipts: their
 * signature only with `vkey`, the collector's public key.
 *
 * @example
 * ```ts
 * const mine: Endpoint = { ...endpoint, signer: deviceSigner() }
 * ```
 */
export const deviceSigner = (vkey?: string): Signer => ({
  make: () => makeKey('Ed25519').catch(() => makeKey('ES256')),
  async sign({ alg, pk, key }, { origin, size, root }) {
    const algorithm = ALGORITHMS[alg]
    const text = `${origin}\n${size}\n${base64(bytesOf(root))}\n`
    const id = await crypto.subtle.digest('SHA-256', bytesOf(algorithm.id(origin) + pk))
    const signed = new Uint8Array(await crypto.subtle.sign(algorithm.sign, key, utf8(text)))
    const signature = alg === 'ES256' ? derOf(signed) : signed
    return `${text}\n\u2014 ${origin} ${base64(Uint8Array.from([...new Uint8Array(id, 0, 4), ...signature]))}\n`
  },
  take: (answered, store) => takeReceipt(answered, store, vkey),
})
