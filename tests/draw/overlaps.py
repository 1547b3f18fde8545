"""What overlaps in a picture, as a browser lays it out."""

from __future__ import annotations

OVERLAPS = """() => {
  const svg = document.documentElement, bad = [];
  // Line boxes are taller than the glyphs in them, by about a fifth on either side.
  const inked = e => { const b = e.getBoundingClientRect(), d = b.height * 0.2;
    return {l: b.left + 1, r: b.right - 1, t: b.top + d, b: b.bottom - d}; };
  const meet = (a, b) => a.l < b.r && b.l < a.r && a.t < b.b && b.t < a.b;
  const texts = [...svg.querySelectorAll('text')].map(e => ({s: e.textContent, b: inked(e), g: e.closest('g').id}));
  for (let i = 0; i < texts.length; i++)
    for (let j = i + 1; j < texts.length; j++)
      if (meet(texts[i].b, texts[j].b)) bad.push(`text "${texts[i].s}" on text "${texts[j].s}"`);
  const bodies = [...svg.querySelectorAll('g.gate > *, g.fork > *, g.split > *, g.data > *, g.param > *, ' +
    'g.constant > *, g.output > *, g.box > *, g.panel > *, ' +
    'g.mark > *, g.error > *')].filter(e => ['ellipse', 'path', 'polygon'].includes(e.tagName));
  for (const e of bodies) {
    const id = e.closest('g').id, r = e.getBoundingClientRect(), round = e.tagName === 'ellipse';
    for (const t of texts) {
      if (t.g === id || t.g.startsWith(id + '-')) continue;
      const x = Math.max(t.b.l, Math.min((r.left + r.right) / 2, t.b.r)) - (r.left + r.right) / 2;
      const y = Math.max(t.b.t, Math.min((r.top + r.bottom) / 2, t.b.b)) - (r.top + r.bottom) / 2;
      const hit = round ? x * x + y * y < r.width * r.width / 4
        : meet(t.b, {l: r.left, r: r.right, t: r.top, b: r.bottom});
      if (hit) bad.push(`text "${t.s}" on ${id}`);
    }
    for (const f of bodies) {
      const q = f.getBoundingClientRect(), other = f.closest('g').id;
      if (id !== other && r.left < q.right && q.left < r.right && r.top < q.bottom && q.top < r.bottom)
        bad.push(`${id} on ${other}`);
    }
  }
  for (const path of svg.querySelectorAll('g.edge path, g.fwd path, g.bwd path')) {
    const id = path.closest('g').id, m = path.getScreenCTM(), length = path.getTotalLength();
    const met = new Set();
    for (let d = 0; d <= length; d += 3) {
      const p = path.getPointAtLength(d), x = p.x * m.a + m.e, y = p.y * m.d + m.f;
      for (const t of texts)
        if (x > t.b.l && x < t.b.r && y > t.b.t && y < t.b.b) met.add(`line ${id} through "${t.s}"`);
      for (const e of bodies) {
        const q = e.getBoundingClientRect(), inset = 3;
        const from = Math.hypot(x - (q.left + q.right) / 2, y - (q.top + q.bottom) / 2);
        const inside = e.tagName === 'ellipse' ? from < q.width / 2 - 2
          : x > q.left + inset && x < q.right - inset && y > q.top + inset && y < q.bottom - inset;
        if (inside)
          met.add(`line ${id} through ${e.closest('g').id}`);
      }
    }
    bad.push(...met);
  }
  const page = svg.getBoundingClientRect();
  for (const e of svg.querySelectorAll('text, path, ellipse, polygon')) {
    const b = e.getBoundingClientRect();
    if (b.left < page.left || b.right > page.right || b.top < page.top || b.bottom > page.bottom)
      bad.push(`clipped: ${e.closest('g').id}`);
  }
  return bad;
}"""
"""JavaScript that lists them: texts on texts, on bodies or under lines, bodies on bodies, lines through bodies, and
what the view box clips."""
