// Tables sort by a click on a heading, numbers get bars where that helps, pictures, wipes and wide tables open large. Of the site and of the demo's page.
'use strict';
(() => {
  const BARS = /CIEDE|colorfulness|PSNR|SSIM|LPIPS|AuC|accuracy|seconds|per second|parameters/i;
  const number = text => { const m = text.replace(/[\u2212\u2013]/g, '-').replace(/,(?=\d{3})/g, '').match(/^\s*[-+]?\d*\.?\d+(e[-+]?\d+)?/i); return m ? +m[0] : NaN };
  const root = document.querySelector('.bd-article') ?? document.querySelector('main');
  const make = (tag, attrs = {}, ...inside) => { const e = Object.assign(document.createElement(tag), attrs); e.append(...inside); return e };

  // ---- large: one dialog for all
  let dialog;
  function large(what, title) {
    if (!dialog) {
      const close = make('button', {type: 'button', className: 'close', textContent: 'Close'});
      dialog = make('dialog', {className: 'large'}, make('header', {}, make('b'), close), make('div', {className: 'inside', tabIndex: 0}));
      close.onclick = () => dialog.close();
      dialog.onclick = e => { if (e.target === dialog) dialog.close() };
      document.body.append(dialog);
    }
    dialog.setAttribute('aria-label', title || 'Large view');
    dialog.querySelector('b').textContent = title || '';
    dialog.querySelector('.inside').replaceChildren(what);
    dialog.showModal();
  }

  function apart(what, title) { // shown large, and put back when that is closed
    const place = make('span');
    what.replaceWith(place);
    large(what, title);
    dialog.addEventListener('close', () => place.replaceWith(what), {once: true});
  }

  const picture = img => () => large(make('img', {src: img.currentSrc || img.src, alt: img.alt}), img.dataset.title || img.closest('figure')?.querySelector('figcaption b, figcaption')?.textContent || '');
  function opens(img) {
    if (img.closest('a, button, .wipe, #photo-colorizer, #playground-panel') || img.naturalWidth < 200) return;
    img.classList.add('opens');
    img.tabIndex = 0;
    img.setAttribute('role', 'button');
    img.setAttribute('aria-label', `${img.alt}. Open large`);
    img.onclick = picture(img);
    img.onkeydown = e => { if (e.key === 'Enter' || e.key === ' ') { e.preventDefault(); picture(img)() } };
  }

  // ---- tables
  function sortable(table) {
    const heads = [...table.tHead.rows].at(-1).cells, body = table.tBodies[0], first = [...body.rows];
    const read = (row, i) => row.cells[i]?.textContent.trim() ?? '';
    [...heads].forEach((th, i) => {
      const button = make('button', {type: 'button', title: 'Sort by this column'}, ...th.childNodes);
      if (!button.textContent.trim()) { button.setAttribute('aria-label', 'Sort by the first column'); button.append('\u2003') }
      th.replaceChildren(button);
      const numeric = first.filter(r => read(r, i)).every(r => !isNaN(number(read(r, i))));
      button.onclick = () => { // up, down, as it was
        const turn = {none: 'ascending', ascending: 'descending', descending: 'none'}[th.getAttribute('aria-sort') || 'none'];
        for (const h of heads) h.removeAttribute('aria-sort');
        if (turn !== 'none') th.setAttribute('aria-sort', turn);
        const sign = turn === 'descending' ? -1 : 1, by = (a, b) => {
          const [x, y] = [read(a, i), read(b, i)];
          if (!x || !y) return !x - !y; // empty cells last
          return sign*(numeric ? number(x)-number(y) : x.localeCompare(y)) };
        body.append(...(turn === 'none' ? first : [...first].sort(by)));
      };
    });
  }

  function bars(table) {
    const heads = [...table.tHead.rows].at(-1).cells, rows = [...table.tBodies[0].rows];
    [...heads].forEach((th, i) => {
      if (!i || !BARS.test(th.textContent)) return;
      const values = rows.map(r => number(r.cells[i]?.textContent ?? '')), most = Math.max(...values.filter(v => !isNaN(v)));
      if (!(most > 0) || values.some(v => v < 0)) return;
      rows.forEach((r, k) => { if (!isNaN(values[k])) { r.cells[i].classList.add('bar'); r.cells[i].style.setProperty('--part', `${Math.round(100*values[k]/most)}%`) } });
    });
  }

  function unbroken(table) { // a number with its interval stays on one line
    for (const td of table.tBodies[0].querySelectorAll('td')) if (/^[-+\u2212\d.,%[\] ]+$/.test(td.textContent)) td.style.whiteSpace = 'nowrap';
  }

  const isText = t => isNaN(number(t.replace(/^[[(\u00b1~<>\u2264\u2265 ]+/, ''))) || /^\d+ [a-z]{4}/.test(t); // also '4 epochs of 1000'
  function words(table) { // columns of text are aligned at the left, and numbers at the right
    if (table.matches('.params, .field-list') || table.closest('#playground-panel')) return;
    const rows = [...table.tBodies[0]?.rows ?? []], most = Math.max(0, ...rows.map(r => r.cells.length)), full = rows.filter(r => r.cells.length === most);
    for (let i = 0; i < most; i++) {
      const texts = full.map(r => r.cells[i].textContent.trim()).filter(t => t && !/^[-\u2013\u2014]$/.test(t));
      if (texts.filter(isText).length <= texts.length/2) continue;
      for (const r of [...table.tHead?.rows ?? [], ...full]) if (r.cells.length === most) r.cells[i].classList.add('words');
    }
  }

  function dress(table) {
    words(table);
    if (table.tHead && !table.tHead.textContent.trim()) { table.tHead.remove(); return } // a list of facts has no headings
    if (!table.tHead || !table.tBodies[0] || table.matches('.params, .fastprogress, .field-list') || table.closest('#playground-panel')) return;
    unbroken(table);
    if (table.tBodies[0].rows.length > 2 && !table.querySelector('tbody [colspan], tbody [rowspan]')) sortable(table);
    if (table.closest('.cell_output, .numbers') && table.tBodies[0].rows.length > 4) bars(table);
    const box = table.parentElement.matches('.pst-scrollable-table-container, .scroll') ? table.parentElement : make('div', {className: 'scroll'});
    if (box !== table.parentElement) { table.replaceWith(box); box.append(table) }
    if (box.scrollWidth <= box.clientWidth+2) return;
    box.tabIndex = 0;
    box.setAttribute('role', 'region');
    box.setAttribute('aria-label', 'A table that scrolls');
    const open = make('button', {type: 'button', className: 'open-table', textContent: 'Open the whole table'});
    open.onclick = () => apart(table, '');
    box.before(open);
  }

  function fades(box) { // the edge of a table fades out where there is more of it
    const mark = () => { box.dataset.more = box.scrollWidth-box.clientWidth-box.scrollLeft > 2 ? 'right' : ''; if (box.scrollWidth > box.clientWidth+2) box.tabIndex = 0 };
    box.addEventListener('scroll', mark, {passive: true});
    new ResizeObserver(mark).observe(box);
    mark();
  }

  function widens(wipe) { // a wipe keeps its line where it was
    const caption = wipe.closest('figure')?.querySelector('figcaption'), title = caption?.querySelector('b')?.textContent ?? '';
    if (!caption || wipe.closest('.hero, #photo-colorizer')) return;
    const open = make('button', {type: 'button', className: 'open-wipe', textContent: 'Open large', tabIndex: -1}), line = wipe.querySelector('.line');
    open.setAttribute('aria-label', `${title}: open large`);
    open.onclick = () => apart(wipe, title);
    line.setAttribute('aria-keyshortcuts', 'Enter'); // from the keyboard it is the line's own key, so that Tab goes from line to line
    line.addEventListener('keydown', e => { if (e.key === 'Enter' && !wipe.closest('dialog')) { e.preventDefault(); open.click() } }); // else Enter would press the button that gets the focus
    caption.append(open);
  }

  addEventListener('load', () => {
    if (!root) return;
    root.querySelectorAll('table').forEach(dress);
    root.querySelectorAll('.scroll, .pst-scrollable-table-container, .output.text_html').forEach(fades);
    root.querySelectorAll('.wipe').forEach(widens);
    root.querySelectorAll('img').forEach(img => img.complete ? opens(img) : img.addEventListener('load', () => opens(img)));
    document.querySelectorAll('.bd-article .cell_output pre, .bd-article .highlight pre').forEach(pre => { if (pre.scrollWidth > pre.clientWidth+2) pre.tabIndex = 0 });
  });
})();
