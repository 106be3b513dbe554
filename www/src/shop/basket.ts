/** The basket: what is in it, kept in this page alone. */

import { PRODUCTS, type Product } from './products.js'

export interface Line {
  product: Product
  count: number
}

export class Basket {
  #counts = new Map<string, number>()

  add(product: Product): void {
    this.#counts.set(product.id, (this.#counts.get(product.id) ?? 0) + 1)
  }

  remove(product: Product): void {
    this.#counts.delete(product.id)
  }

  empty(): void {
    this.#counts.clear()
  }

  lines(): Line[] {
    return PRODUCTS.filter((product) => this.#counts.has(product.id)).map((product) => ({
      product,
      count: this.#counts.get(product.id) ?? 0,
    }))
  }

  count(): number {
    return this.lines().reduce((sum, line) => sum + line.count, 0)
  }

  total(): number {
    return this.lines().reduce((sum, line) => sum + line.count * line.product.price, 0)
  }
}
