// Moves the thumb by one step before every frame, and counts the frames that show another number than the previous one.
async (range, duration) => {
  const shown = range.getRootNode().querySelector("[data-show=phi]");
  const first = await new Promise(requestAnimationFrame);
  let now = first;
  let step = Number(range.step);
  let changed = 0;
  while (now - first < duration) {
    const before = shown.textContent;
    if (Number(range.value) + step > range.max || Number(range.value) + step < range.min) step = -step;
    range.value = Number(range.value) + step;
    range.dispatchEvent(new Event("input", { bubbles: true }));
    now = await new Promise(requestAnimationFrame);
    if (shown.textContent !== before) changed += 1;
  }
  return (1000 * changed) / (now - first);
}
