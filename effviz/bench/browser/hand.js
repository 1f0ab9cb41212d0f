// Moves the pointer before every frame, as a hand does: moves that Playwright sends reach only every other frame.
async (stage, [zooming, duration]) => {
  const canvas = stage.querySelector("canvas");
  const { left, top, width, height } = stage.getBoundingClientRect();
  const first = await new Promise(requestAnimationFrame);
  const drawn = new Set([canvas.dataset.drawn]); // including the drawing that is already there
  let now = first;
  let grown = 0; // logarithm of the zoom so far
  while (now - first < duration) {
    const angle = (now - first) / 300;
    const clientX = left + width * (0.5 + 0.4 * Math.sin(angle));
    const at = { pointerId: 1, buttons: 1, bubbles: true, clientX, clientY: top + height / 2 };
    stage.dispatchEvent(new PointerEvent("pointermove", at));
    const size = 0.6 * (1 - Math.cos(angle));
    const wheel = { ...at, ctrlKey: true, cancelable: true, deltaY: 100 * (grown - size) };
    if (zooming) stage.dispatchEvent(new WheelEvent("wheel", wheel));
    grown = size;
    now = await new Promise(requestAnimationFrame);
    drawn.add(canvas.dataset.drawn);
  }
  return (1000 * (drawn.size - 1)) / (now - first);
}
