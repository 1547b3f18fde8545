// Paper may cut a picture anywhere, so in print its lines take its place: each is a picture of its own, which no sheet cuts.
const inLines = svg => {
  const SHEET = 600, AIR = 5; // what is higher, such as a frame around many rows, is cut between these; what is nearer stays together
  const { width, height } = svg.viewBox.baseVal, all = svg.getBoundingClientRect(), unit = height / all.height;
  const drawn = e => e.getBoundingClientRect().width > 0;
  const extent = e => {
    const { top, bottom } = e.getBoundingClientRect(), title = e.matches('.scope-name, .close') ? 20 : 0; // with what is below
    return [(top - all.top) * unit, (bottom - all.top) * unit + title];
  };
  const legend = [...svg.querySelectorAll('.legend')].filter(drawn).map(extent), ends = k => legend.map(each => each[k]);
  const within = legend.length ? [[Math.min(...ends(0)), Math.max(...ends(1))]] : [];
  const cuts = (which, from = 0, to = height) => {
    const extents = [...within, ...[...svg.querySelectorAll(which)].filter(drawn).map(extent)].sort((a, b) => a[0] - b[0]), found = [from];
    let end = Infinity;
    for (const [top, bottom] of extents) {
      const at = (end + top) / 2;
      if (top > end + AIR && at > from && at < to) found.push(at);
      end = end === Infinity ? bottom : Math.max(end, bottom);
    }
    return [...found, to].slice(1).map((below, k) => [found[k], below]);
  };
  const copied = (e, top, bottom) => {
    const [start, end] = extent(e), graph = e.matches('.graph');
    if (!graph && (end < top || start > bottom || e.matches('title, desc, style, rect'))) return [];
    const copy = e.cloneNode(!graph);
    if (graph) copy.append(...[...e.children].flatMap(inner => copied(inner, top, bottom)));
    return [copy];
  };
  const line = ([top, bottom]) => {
    const part = svg.cloneNode(false);
    for (const name of ['id', 'style', 'role', 'aria-labelledby']) part.removeAttribute(name);
    part.setAttribute('viewBox', `0 ${top} ${width} ${bottom - top}`);
    part.setAttribute('height', bottom - top);
    part.append(...[...svg.children].flatMap(e => copied(e, top, bottom)));
    return part;
  };
  const paper = document.createElement('div'), rows = '.node:not(.scope), .edge, .close';
  paper.className = 'mt-lines';
  for (const [top, bottom] of cuts(`${rows}, .scope, .inside`)) {
    const group = document.createElement('div'), parts = bottom - top > SHEET ? cuts(rows, top, bottom) : [[top, bottom]];
    group.append(...parts.map(line));
    if (within.some(([start]) => top <= start && start < bottom)) group.className = 'legend'; // on the sheet of the last line
    paper.append(group);
  }
  svg.before(paper);
};
window.addEventListener('beforeprint', () => {
  for (const svg of document.querySelectorAll('svg.mt.circuit:not(.mt-lines + svg)')) {
    if (!svg.parentNode.closest('svg, .mt-lines') && svg.getBoundingClientRect().height) inLines(svg);
  }
});
window.addEventListener('afterprint', () => document.querySelectorAll('.mt-lines').forEach(paper => paper.remove()));
