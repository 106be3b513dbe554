/** What the shop sells. */

export interface Product {
  id: string
  name: string
  kind: string
  /** Euros. */
  price: number
  text: string
}

export const PRODUCTS: readonly Product[] = [
  {
    id: 'dawn-mug',
    name: 'Dawn mug',
    kind: 'Mug, 300 ml',
    price: 24,
    text: 'Thrown thin, dipped once in a tin-white glaze. The bare foot keeps it steady on an uneven table.',
  },
  {
    id: 'heron-bowl',
    name: 'Heron bowl',
    kind: 'Bowl, 18 cm',
    price: 32,
    text: 'Wide enough for soup, deep enough for a second helping. Ash glaze over dark stoneware.',
  },
  {
    id: 'reed-vase',
    name: 'Reed vase',
    kind: 'Bud vase, 16 cm',
    price: 28,
    text: 'A narrow neck for three stems at most. Each one leans a little differently.',
  },
  {
    id: 'mill-carafe',
    name: 'Mill carafe',
    kind: 'Carafe, 1 l',
    price: 48,
    text: 'Keeps water cool until the afternoon. Glazed inside, raw outside above the waist.',
  },
  {
    id: 'table-plate',
    name: 'Table plate',
    kind: 'Plate, 26 cm',
    price: 26,
    text: 'A plain rim and a quiet speckle. Made to be stacked, and to be used every day.',
  },
  {
    id: 'moon-teapot',
    name: 'Moon teapot',
    kind: 'Teapot, 800 ml',
    price: 74,
    text: 'Round as its name, with a spout that doesn’t drip. Strainer built in.',
  },
]

/** Prices are whole euros. */
export const euros = (amount: number): string => `€${amount}`
