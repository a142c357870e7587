const clamp = v => Math.max(0, Math.min(100, v));
document.querySelectorAll('.wipe').forEach(w => {
  const line = w.querySelector('.line'), left = w.querySelector('.before').dataset.key;
  const set = v => {
    v = clamp(v);
    w.style.setProperty('--x', v + '%');
    line.setAttribute('aria-valuenow', Math.round(v));
    line.setAttribute('aria-valuetext', Math.round(v) + '% ' + left);
  };
  const at = e => { const r = w.getBoundingClientRect(); set(100*(e.clientX - r.left)/r.width) };
  let held = false;
  w.addEventListener('pointerdown', e => { if (e.button) return; held = true; w.setPointerCapture(e.pointerId);
    line.focus({preventScroll:true, focusVisible:false}); if (e.pointerType === 'mouse') at(e) });
  w.addEventListener('pointermove', e => { if (held) at(e) });
  w.addEventListener('pointerup', e => { if (held) at(e); held = false });
  w.addEventListener('pointercancel', () => held = false);
  line.addEventListener('keydown', e => {
    const now = parseFloat(w.style.getPropertyValue('--x') || 50), step = e.shiftKey ? 10 : 2;
    const to = {ArrowLeft:now-step, ArrowDown:now-step, ArrowRight:now+step, ArrowUp:now+step,
                PageDown:now-10, PageUp:now+10, Home:0, End:100}[e.key];
    if (to !== undefined) { set(to); e.preventDefault() } });
});
document.querySelectorAll('input[name=right]').forEach(o => o.addEventListener('change', () => {
  document.querySelectorAll('.after').forEach(i => i.hidden = i.dataset.key !== o.value);
  document.querySelectorAll('.tag.right').forEach(t => t.textContent = o.value) }));
