/** The shop's pictures, drawn as inline SVG. */

import { s } from '../dom.js'

const CLAY = '#a9714f'
const SHADE = '#8a5a3e'

/** Background and glaze of each piece. */
const TONES: Record<string, { back: string; glaze: string; rim: string }> = {
  'dawn-mug': { back: '#f3e4d7', glaze: '#f8f3ea', rim: '#e4d8c6' },
  'heron-bowl': { back: '#e0e8e5', glaze: '#86a69f', rim: '#5f837b' },
  'reed-vase': { back: '#e9e6d6', glaze: '#b9b684', rim: '#93915f' },
  'mill-carafe': { back: '#dfe6ec', glaze: '#6f8ba3', rim: '#516d85' },
  'table-plate': { back: '#f0e2da', glaze: '#ecdccb', rim: '#d8c3ae' },
  'moon-teapot': { back: '#e4e2ea', glaze: '#4f5670', rim: '#3a4058' },
}

const fill = (d: string, color: string, more: Record<string, unknown> = {}) => s('path', { d, fill: color, ...more })
const stroke = (d: string, color: string, width: number) =>
  s('path', { d, fill: 'none', stroke: color, 'stroke-width': width, 'stroke-linecap': 'round' })
const ellipse = (cx: number, cy: number, rx: number, ry: number, color: string) =>
  s('ellipse', { cx, cy, rx, ry, fill: color })

const SHAPES: Record<string, (glaze: string, rim: string) => SVGElement[]> = {
  'dawn-mug': (glaze, rim) => [
    stroke('M125 66c26-4 34 14 22 28-6 7-15 10-24 10', rim, 9),
    fill('M64 52h64v46c0 16-10 26-24 26H88c-14 0-24-10-24-26Z', CLAY),
    fill('M64 52h64v44c-8 6-15 1-22 4s-14 8-22 4-13 0-20-2Z', glaze),
    ellipse(96, 52, 32, 7, rim),
    ellipse(96, 53, 27, 5, SHADE),
  ],
  'heron-bowl': (glaze, rim) => [
    fill('M46 66h108c0 32-22 52-40 56H86c-18-4-40-24-40-56Z', SHADE),
    fill('M46 66h108c-1 14-5 25-12 34-12 7-22-2-34 2s-22 8-34 2c-6-3-12-3-17-4-7-10-10-20-11-34Z', glaze),
    ellipse(100, 66, 54, 11, rim),
    ellipse(100, 68, 48, 8, '#47655f'),
  ],
  'reed-vase': (glaze, rim) => [
    stroke('M100 58c-2-16-8-24-16-34', '#7d8a5a', 2.5),
    stroke('M100 58c1-18 6-28 12-40', '#7d8a5a', 2.5),
    ellipse(83, 23, 4, 7, '#b5764f'),
    ellipse(113, 17, 4, 7, '#b5764f'),
    fill('M92 54h16c-1 16 22 20 22 44 0 17-12 26-30 26s-30-9-30-26c0-24 23-28 22-44Z', glaze),
    fill('M71 102c12 6 20-2 30 1s18 4 28-1c-2 14-13 22-29 22s-27-8-29-22Z', CLAY),
    ellipse(100, 54, 8, 2.5, rim),
  ],
  'mill-carafe': (glaze, rim) => [
    fill('M86 26h28c-1 26 20 34 20 66 0 20-10 32-22 32H88c-12 0-22-12-22-32 0-32 21-40 20-66Z', CLAY),
    fill('M68 78c12 6 20-3 32 0s20 5 32 0c1 4 2 9 2 14 0 20-10 32-22 32H88c-12 0-22-12-22-32 0-5 1-10 2-14Z', glaze),
    ellipse(100, 26, 14, 4, rim),
    ellipse(100, 27, 10, 2.5, SHADE),
  ],
  'table-plate': (glaze, rim) => [
    ellipse(100, 99, 70, 25, SHADE),
    ellipse(100, 95, 70, 25, rim),
    ellipse(100, 94, 64, 21, glaze),
    ellipse(100, 96, 44, 13, rim),
    ellipse(100, 97, 43, 12, glaze),
    ...[
      [70, 88],
      [82, 99],
      [104, 92],
      [121, 101],
      [133, 90],
      [95, 104],
      [112, 97],
    ].map(([x, y]) => ellipse(x ?? 0, y ?? 0, 1.1, 0.8, '#b08d6d')),
  ],
  'moon-teapot': (glaze, rim) => [
    stroke('M136 72c22-2 26 34-2 38', rim, 7),
    fill('M66 92C50 92 48 70 36 64l-4 5c10 6 8 34 36 38Z', rim),
    ellipse(100, 88, 40, 36, glaze),
    fill('M64 104c12 6 24-2 36 1s24 4 36-1c-6 12-19 20-36 20s-30-8-36-20Z', CLAY),
    ellipse(100, 56, 17, 5, rim),
    ellipse(100, 50, 4.5, 4, rim),
  ],
}

/** The picture of a product. Decorative: its name stands beside it. */
export function picture(id: string): SVGElement {
  const tone = TONES[id] ?? { back: '#eee', glaze: '#ccc', rim: '#aaa' }
  return s(
    'svg',
    {
      class: 'picture',
      viewBox: '0 0 200 150',
      'aria-hidden': 'true',
      focusable: 'false',
      preserveAspectRatio: 'xMidYMid meet',
    },
    // Wider than the view box, so that a picture of another shape has no bare edges.
    s('rect', { x: -200, y: -150, width: 600, height: 450, fill: tone.back }),
    s('ellipse', { cx: 104, cy: 124, rx: 54, ry: 7, fill: '#3b2a20', opacity: 0.13 }),
    ...(SHAPES[id]?.(tone.glaze, tone.rim) ?? []),
  )
}

/** The shop's mark: a bend of a river that is also a bowl. */
export function mark(): SVGElement {
  return s(
    'svg',
    { class: 'mark', viewBox: '0 0 32 32', width: 32, height: 32, 'aria-hidden': 'true', focusable: 'false' },
    s('rect', { width: 32, height: 32, rx: 9, fill: '#2e5e55' }),
    s('path', { d: 'M8 13.5h16c0 6-3.6 9.5-8 9.5s-8-3.5-8-9.5Z', fill: '#f6f3ec' }),
    s('path', {
      d: 'M11 9.5c2-1.6 3.3 1.6 5 0s3.3 1.6 5 0',
      fill: 'none',
      stroke: '#f6f3ec',
      'stroke-width': 1.8,
      'stroke-linecap': 'round',
    }),
  )
}
